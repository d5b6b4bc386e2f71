"""CLIB-FIQA's tables are the areas of evaluate, methods by data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fiqa

pytestmark = pytest.mark.numeric


@pytest.mark.slow
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


@pytest.mark.slow
def test_intervals_are_those_of_evaluate_and_each_rate_has_its_tables(folder: Path) -> None:
    done = fiqa.tables(
        "clib", data_set=[folder / "one", folder / "two"], fmr=[0.05, 0.2], draws=20, limits=[0.3]
    )
    assert [table.name for table in done.tables] == [
        f"clib_pAUC_0.3_rec_{recognizer}_fmr_{rate}" for rate in (0.05, 0.2) for recognizer in "ab"
    ]
    for rate, table in zip((0.05, 0.2), done.tables[1::2], strict=True):
        assert table.title.startswith(f"FMR {rate:g}: pAUC to 0.3 under rec_b")
        assert list(table.columns) == [
            "method", "one", "one low", "one high", "two", "two low", "two high", "Avg."
        ]  # fmt: skip
        row = {cells[0]: cells[1:] for cells in table.rows}["m.optimized"]
        alone = fiqa.evaluate(
            {"m.optimized": folder / "one/quality/m.optimized.parquet"},
            folder / "one/embeddings/rec_b.npz",
            fmr=rate,
            draws=20,
        )
        area = alone.curve("m.optimized").areas[0.3, "start"]
        assert area is not None
        assert row[0] == pytest.approx(area.value)
        assert row[1] <= row[0] <= row[2]
        assert row[6] == pytest.approx((row[0] + row[3]) / 2)
        assert "95 % intervals over people, 20 draws" in table.note


@pytest.mark.slow
def test_pictures_of_every_set_go_with_the_tables(folder: Path, tmp_path: Path) -> None:
    how = {"data_set": [folder / "one", folder / "two"], "limits": [0.3]}
    done = fiqa.tables("clib", fmr=[0.05, 0.2], out=tmp_path / "two", **how)
    grids = ["clib_curves_fmr_0.05", "clib_curves_fmr_0.2"]
    scores = ["clib_scores_one", "clib_scores_two"]
    assert sorted(plot.name for plot in done.plots) == grids + scores
    for kind in ("png", "svg"):
        found = sorted(path.stem for path in (tmp_path / "two").glob(f"*.{kind}"))
        assert found == grids + scores
    assert (tmp_path / "two/clib_curves_fmr_0.05.svg").read_bytes() != (
        tmp_path / "two/clib_curves_fmr_0.2.svg"
    ).read_bytes()
    about = json.loads((tmp_path / "two.json").read_text())["plots"]
    assert sorted(about) == grids + scores
    assert "Protocol iso, FMR 0.2" in about["clib_curves_fmr_0.2"]
    quality = {"m": folder / "one/quality/m.optimized.parquet"}
    alone = fiqa.tables("clib", quality, folder / "one/embeddings/rec_b.npz", fmr=0.05)
    assert [plot.name for plot in alone.plots] == ["clib_scores_all", "clib_curves"]
