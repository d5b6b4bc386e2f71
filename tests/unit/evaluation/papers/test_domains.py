"""Domains from folders: which scale, what a unit is, what is refused, and what is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.quality import write_quality
from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.types import Quality

pytestmark = pytest.mark.numeric

SETS = {"web": (0.6, 0.15), "cabin": (0.55, 0.03), "night": (0.2, 0.15), "same": (0.6, 0.15)}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A score in 0..1 and one on a scale of its own, in four sets of 40 people with 6 images."""
    root = tmp_path_factory.mktemp("domains")
    for seed, (name, (mean, sd)) in enumerate(SETS.items()):
        rng = np.random.default_rng(seed)
        ids = np.array([f"p{k // 6}/{k}" for k in range(240)])
        unit = np.clip(rng.normal(mean, sd, 240), 0, 1)
        (root / name / "quality").mkdir(parents=True)
        write_quality(Quality(ids, unit, "unit"), root / name / "quality/unit.parquet")
        write_quality(Quality(ids, 50 * unit - 20, "open"), root / name / "quality/open.parquet")
        who = [f"p{k // 6}" for k in range(240)]
        drive = [f"d{k // 10}" for k in range(240)]
        frame = pl.DataFrame({"path": ids, "id": ids, "identity": who, "drive": drive})
        if name != "same":
            frame.write_csv(root / name / "faces.csv")
    return {name: root / name for name in SETS}


def test_each_set_has_its_verdict_on_either_scale(sets: dict[str, Path]) -> None:
    found = fiqa.tables("dms", data_set=list(sets.values()), draws=200)
    assert found.domains is not None
    for method in found.domains.methods:
        verdicts = {name: gap.verdict for name, gap in method.gaps.items()}
        assert verdicts == {"cabin": "collapsed", "night": "shifted", "same": "alike"}
    assert "cabin: collapsed: open, unit." in found.text()
    (table,) = found.tables
    rows = {tuple(row[:2]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["unit", "web"]["verdict"] == "reference"
    assert rows["unit", "night"]["shift"] == pytest.approx(-0.4, abs=0.03)
    row = rows["unit", "cabin"]
    assert row["std low"] <= row["std"] <= row["std high"]
    assert (row["images"], row["units"]) == (240, 40)
    assert "open, taken from" in table.note
    assert "A unit of same: the folder part of each id." in found.notes


def test_a_unit_is_a_column_where_a_set_has_it(sets: dict[str, Path]) -> None:
    chosen = [sets["web"], sets["cabin"], sets["same"]]
    found = fiqa.tables("dms", data_set=chosen, unit="drive", draws=100)
    assert found.domains is not None
    assert found.domains.methods[0].units == {"web": 24, "cabin": 24, "same": 40}
    assert "A unit of web: column drive." in found.notes
    with pytest.raises(
        UnknownNameError, match=r"(?s)Unknown unit column 'drve'.*did you mean 'drive'"
    ):
        fiqa.tables("dms", data_set=chosen, unit="drve")


def test_reversed_scores_and_the_seed_change_the_numbers(sets: dict[str, Path]) -> None:
    chosen = [sets["web"], sets["night"]]
    plain, flipped = (
        fiqa.tables("dms", data_set=chosen, flip=flip, draws=100).domains for flip in ((), ["open"])
    )
    assert plain is not None
    assert flipped is not None
    one, other = (each.methods[0].gaps["night"] for each in (plain, flipped))
    assert one.shift == pytest.approx(-other.shift, abs=0.02)
    again = fiqa.tables("dms", data_set=chosen, seed=1, draws=100).domains
    assert again is not None
    assert again.methods[0].gaps["night"].low != one.low


def test_what_cannot_be_compared_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    web = sets["web"]
    with pytest.raises(InputError, match=r"two data sets or more, each with a name .*, got web"):
        fiqa.tables("dms", data_set=[web])
    with pytest.raises(InputError, match="got web, web"):
        fiqa.tables("dms", data_set=[web, web])
    other = tmp_path / "other"
    (other / "quality").mkdir(parents=True)
    with pytest.raises(ReadError, match="must have files in"):
        fiqa.tables("dms", data_set=[web, other])
    write_quality(Quality(np.array(["a/1"]), np.array([0.5]), "x"), other / "quality/x.parquet")
    with pytest.raises(InputError, match=r"files of the same methods .* got web: .*; other: x"):
        fiqa.tables("dms", data_set=[web, other])
    write_quality(Quality(np.array(["a/1"]), np.array([0.5]), "x"), other / "quality/unit.parquet")
    found = fiqa.tables("dms", data_set=[web, other])
    assert "Not in every set, left out: open, x." in found.notes
    assert "other: not enough: unit." in found.text()
    pl.DataFrame({"path": ["b/1"], "id": ["b/1"], "identity": ["b"]}).write_csv(other / "faces.csv")
    with pytest.raises(InputError, match=r"faces of other \(unit\) must have every image.*'a/1'"):
        fiqa.tables("dms", data_set=[web, other])
    with pytest.raises(InputError, match="unit belongs to the comparison of data sets"):
        fiqa.tables("dms", "q", "e", unit="drive")
    with pytest.raises(InputError, match="target is for Tables 4 and 5, got it beside data sets"):
        fiqa.tables("dms", data_set=[web, other], target="t")


def test_the_command_writes_page_picture_and_table(sets: dict[str, Path], tmp_path: Path) -> None:
    call = ["tables", "dms", "--draws", "100", "-o", str(tmp_path / "out")]
    call += [part for name in ("web", "cabin") for part in ("--data-set", str(sets[name]))]
    done = CliRunner().invoke(build(), call)
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    assert (out / "dms_domains.csv").read_text().count("\n") == 5
    page = (out / "index.html").read_text()
    assert "<li>cabin: collapsed: open, unit.</li>" in page
    assert page.count("data:image/svg+xml") == 1
    assert (out / "domains.png").read_bytes()[:4] == b"\x89PNG"
    arguments = json.loads((tmp_path / "out.json").read_text())["arguments"]
    assert arguments["data_set"] == ["web", "cabin"]
    assert "is current" in CliRunner().invoke(build(), call).stderr
    more = CliRunner().invoke(build(), [*call, "--unit", "drive"])
    assert "is current" not in more.stderr


def test_an_empty_column_is_no_unit(sets: dict[str, Path], tmp_path: Path) -> None:
    for name in ("web", "night"):
        shutil.copytree(sets[name], tmp_path / name)
    faces = pl.read_csv(tmp_path / "night/faces.csv").with_columns(drive=pl.lit(""))
    faces.write_csv(tmp_path / "night/faces.csv")
    chosen = [tmp_path / "web", tmp_path / "night"]
    found = fiqa.tables("dms", data_set=chosen, unit="drive", draws=50)
    assert found.domains is not None
    assert found.domains.methods[0].units == {"web": 24, "night": 40}
    assert "A unit of night: column identity." in found.notes
