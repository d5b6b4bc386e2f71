"""The tables of label optimization: the recognizer that made the labels first, and the ablation
where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fiqa
from fiqa.errors import InputError, UnknownNameError

pytestmark = pytest.mark.numeric


def test_label_optimization_tables(folder: Path) -> None:
    sets = [folder / "one", folder / "two"]
    fiqa.tables("label-opt", data_set=sets, same="rec_b", fmr=0.05, out=folder / "lo")
    first, second, ablation = json.loads((folder / "lo" / "tables.json").read_text())["tables"]
    assert "Table I, the same recognizer: area to 0.95 x 10^3 under rec_b" in first["title"]
    assert "Table II, another recognizer: area to 0.95 x 10^3 under rec_a" in second["title"]
    base, better = (
        {row[1]: row for row in first["rows"]}[name][2] for name in ("baseline", "optimized")
    )
    assert better < base
    assert ablation["columns"] == ["method", "rec_a one", "rec_a two", "rec_b one", "rec_b two"]
    prior, change = ablation["rows"][0][3].rstrip(")").split(" (")
    assert float(prior) + float(change) == pytest.approx(better, abs=0.11)
    assert ablation["rows"][0][2] is None
    with pytest.raises(UnknownNameError, match=r"Unknown recognizer 'rec_c'.*rec_a, rec_b"):
        fiqa.tables("label-opt", data_set=sets, same="rec_c", fmr=0.05)


def test_names_of_label_optimization_are_checked(folder: Path) -> None:
    vectors = str(folder / "one/embeddings/rec_a.npz")
    file = str(folder / "one/quality/m.optimized.parquet")
    with pytest.raises(InputError, match=r"must be named METHOD.baseline, .* got 'x'"):
        fiqa.tables("label-opt", f"x={file}", vectors, fmr=0.05)
    with pytest.raises(
        InputError, match="'x' must have both baseline and optimized, got optimized"
    ):
        fiqa.tables("label-opt", f"x.optimized={file}", vectors, fmr=0.05)
    done = fiqa.tables("label-opt", [f"baseline={file}", f"optimized={file}"], vectors, fmr=0.05)
    assert "quality  optimized" in done.text()
