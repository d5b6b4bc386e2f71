"""CLIB-FIQA's tables are the areas of evaluate, methods by data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fiqa

pytestmark = pytest.mark.numeric


def test_clib_tables_have_methods_by_sets_and_their_average(folder: Path) -> None:
    done = fiqa.tables(
        "clib", data_set=[folder / "one", folder / "two"], fmr=0.05, out=folder / "out"
    )
    tables = {
        table["name"]: table
        for table in json.loads((folder / "out" / "tables.json").read_text())["tables"]
    }
    assert list(tables) == [
        "clib_pAUC_0.3_rec_a",
        "clib_AUC_0.95_rec_a",
        "clib_pAUC_0.3_rec_b",
        "clib_AUC_0.95_rec_b",
    ]
    rows = {row[0]: row[1:] for row in tables["clib_pAUC_0.3_rec_b"]["rows"]}
    alone = fiqa.evaluate(
        {"m": folder / "one/quality/m.optimized.parquet"},
        folder / "one/embeddings/rec_b.npz",
        fmr=0.05,
        draws=0,
    )
    area = alone.curve("m").areas[0.3, "start"]
    assert area is not None
    assert rows["m.optimized"][0] == pytest.approx(area.value)
    assert rows["m.optimized"][2] == pytest.approx(np.mean(rows["m.optimized"][:2]))
    assert rows["m.prior"][1:] == [None, None]
    assert list(rows)[-2:] == ["random", "oracle"]
    assert "one: 4,500 mated with" in tables["clib_pAUC_0.3_rec_b"]["note"]
    assert "pAUC to 0.3 under rec_a" in done.text()
