"""The tables of label optimization: the recognizer that made the labels first, and the ablation
where there is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
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


def test_intervals_and_the_paired_change_are_those_of_the_bands(
    folder: Path, tmp_path: Path
) -> None:
    sets = [folder / "one", folder / "two"]
    how = {"fmr": 0.05, "draws": 40, "seed": 5}
    found = fiqa.tables("label-opt", data_set=sets, out=tmp_path / "lo", **how)
    table, _, ablation = found.tables
    assert list(table.columns) == [
        "method", "labels", "one", "one low", "one high", "two", "two low", "two high"
    ]  # fmt: skip
    rows = {row[1]: row[2:] for row in table.rows}
    files = {kind: folder / f"one/quality/m.{kind}.parquet" for kind in ("baseline", "optimized")}
    alone = fiqa.evaluate(files, folder / "one/embeddings/rec_a.npz", **how)
    drawn = {}
    for kind in files:
        curve = alone.curve(kind)
        area = curve.areas[0.95, "raw"]
        assert area is not None
        assert rows[kind][:3] == pytest.approx([1e3 * v for v in (area.value, area.low, area.high)])
        assert curve.drawn is not None
        drawn[kind] = curve.drawn[0.95]
    change, low, high = rows["change"][:3]
    gap = 1e3 * (drawn["optimized"] - drawn["baseline"])
    assert change == pytest.approx(rows["optimized"][0] - rows["baseline"][0])
    assert [low, high] == pytest.approx(np.quantile(gap, (0.025, 0.975)).tolist())
    assert low <= change <= high < 0
    # pairing takes out what both share
    both = (rows["optimized"][2] - rows["optimized"][1], rows["baseline"][2] - rows["baseline"][1])
    assert high - low < np.hypot(*both)
    assert "change is optimized less baseline, of the same people" in table.note
    assert re.fullmatch(r"\d+\.\d \([+-]\d+\.\d\d \[[+-].*, [+-].*\]\)", ablation.rows[0][1])
    assert {path.name for path in (tmp_path / "lo").glob("*.png")} == {
        "label_opt_scatter_one.png",
        "label_opt_scatter_two.png",
    }


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
