"""`match_chance`: the curves of a calibration on scores, by regime, in tables, videos and faces."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.images import write_image
from fiqa.data.manifest import write_manifest
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.evaluation.match_chance import Cell, MatchChance, read_match_chance
from fiqa.functional.match_chance import ChanceCurve, Reliability
from fiqa.types import Manifest

pytestmark = pytest.mark.numeric

ERROR = Reliability(0.1, 0.2, (0.1, 0.9), (0.2, 0.8))
HOW: dict[str, Any] = {"aligned": True, "model": "laplacian", "workers": 1}


def _cell(*chance: float) -> Cell:
    return Cell(12, 90, 0.5, ChanceCurve((0.0, 100.0, 4000.0), chance), ERROR)


def _written(path: Path, *, by: str | None, cells: dict[str, Cell], method: str) -> Path:
    found = MatchChance(method, "rec", by, 1e-3, 0.3, cells, {"thermal": "too few"})
    path.write_text(json.dumps(found.json()))
    return path


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Six crops of falling contrast in three regimes, and calibrations with and without regimes."""
    rng = np.random.default_rng(0)
    paths = []
    for k in range(6):
        pixels = 128 + (6 - k) * rng.normal(0, 4, (112, 112, 3))
        paths.append(str(tmp_path / f"{k}.png"))
        write_image(paths[-1], np.clip(pixels, 0, 255).astype(np.uint8))
    ids = np.array([f"a/{k}" for k in range(6)])
    regime = np.array(["rgb", "nir", "thermal"] * 2)
    manifest = Manifest(ids, np.array(paths), columns={"regime": regime})
    write_manifest(manifest, tmp_path / "faces.parquet")
    both = {"rgb": _cell(0.4, 0.8, 0.9), "nir": _cell(0.1, 0.2, 0.3)}
    _written(tmp_path / "by.json", by="regime", cells=both, method="laplacian")
    _written(tmp_path / "one.json", by=None, cells={"": _cell(0, 0.5, 1)}, method="laplacian")
    return tmp_path


@pytest.mark.parametrize("suffix", ["", ".parquet", ".csv", ".jsonl"])
def test_each_row_has_the_chance_of_its_regime(
    here: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = here / f"scores{suffix}" if suffix else None
    given = {**HOW, "calibration": here / "by.json", "out": out}
    table = fiqa.score(here / "faces.parquet", **given)
    plain = fiqa.score(here / "faces.parquet", **HOW)
    assert table["raw"].to_list() == plain["raw"].to_list()
    assert "match_chance" not in plain.columns
    for row in table.to_dicts():
        curve = {"rgb": (0.4, 0.8, 0.9), "nir": (0.1, 0.2, 0.3)}.get(row["regime"])
        want = None if curve is None else np.interp(row["raw"], (0, 100, 4000), curve)
        assert row["match_chance"] == (None if want is None else pytest.approx(want, abs=1e-9))
    (told,) = {r.getMessage() for r in caplog.records if "match_chance" in r.getMessage()}
    assert told == "no curve, so no match_chance, for regime: thermal"
    if out is not None:
        record = read_sidecar(out) or {}
        assert record["match_chance"]["by"] == "regime"
        assert record["match_chance"]["without"] == ["thermal"]
        assert "calibration" in record["inputs"]
        # another calibration is another table
        _written(here / "by.json", by="regime", cells={"rgb": _cell(0, 0, 0)}, method="laplacian")
        again = fiqa.score(here / "faces.parquet", **given)
        assert again.filter(pl.col("regime") == "rgb")["match_chance"].to_list() == [0.0, 0.0]


def test_one_curve_for_all_and_a_row_without_a_score(here: Path) -> None:
    (here / "broken.png").write_bytes(b"no image")
    paths = [str(here / "0.png"), str(here / "broken.png")]
    good, bad = fiqa.score(paths, **HOW, calibration=here / "one.json").to_dicts()
    want = np.interp(good["raw"], (0, 100, 4000), (0, 0.5, 1))
    assert good["match_chance"] == pytest.approx(want)
    assert bad["status"] != "ok"
    assert bad["match_chance"] is None


def test_factors_have_chances_of_their_own(here: Path) -> None:
    found = read_match_chance(here / "by.json")
    curve = Cell(12, 90, 0.5, ChanceCurve((0.0, 1.0), (0.2, 0.7)), ERROR)
    both = replace(found, factors={"blur": {"rgb": curve}})
    (here / "factors.json").write_text(json.dumps(both.json()))
    given = {**HOW, "calibration": here / "factors.json", "explain": "measures"}
    rows = fiqa.score(here / "faces.parquet", **given, out=here / "t.csv").to_dicts()
    for row in rows:
        want = 0.2 + 0.5 * row["factors"]["blur"] if row["regime"] == "rgb" else None
        told = row["match_chance_blur"]
        assert told == (None if want is None else pytest.approx(want, abs=1e-6))
    bare = fiqa.score(here / "faces.parquet", **{**given, "explain": False})
    assert bare["match_chance_blur"].is_null().all()
    # a table that is scored again keeps no chance of before
    again = fiqa.score(here / "t.csv", **HOW)
    assert not [name for name in again.columns if name.startswith("match_chance")]


def test_the_command_prints_the_chance(here: Path) -> None:
    words = ["score", str(here / "faces.parquet"), "--aligned", "--model", "laplacian"]
    words += ["--workers", "1", "--calibration", str(here / "by.json")]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split(",")[-1] == '"match_chance"'
    assert lines[3].split(",")[-1] == ""
    assert 0.4 <= float(lines[1].split(",")[-1]) <= 0.9


def test_a_calibration_that_does_not_fit_is_refused(here: Path) -> None:
    other = _written(here / "other.json", by=None, cells={"": _cell(0, 0, 1)}, method="fiqa")
    with pytest.raises(InputError, match=r"those of 'laplacian'; it is of 'fiqa'"):
        fiqa.score(here / "0.png", **HOW, calibration=other)
    with pytest.raises(UnknownNameError, match="group column 'regime'"):
        fiqa.score(here / "0.png", **HOW, calibration=here / "by.json")
    with pytest.raises(InputError):
        fiqa.score(here / "0.png", **HOW, calibration=here / "by.json", out=here / "by.json")
    with pytest.raises(ReadError) as caught:
        fiqa.score(here / "0.png", **HOW, calibration=here / "none.json")
    assert caught.value.status == "not_found"


def test_what_was_written_is_read_again(here: Path) -> None:
    found = read_match_chance(here / "by.json")
    assert read_match_chance(here / "by.json") == found
    assert (found.by, found.cells["nir"]) == ("regime", _cell(0.1, 0.2, 0.3))
    known = json.loads((here / "by.json").read_text())
    for path, wrong in (
        (("format",), "another"),
        (("cells",), {}),
        (("by",), None),
        (("cells", "rgb", "curve", "chance"), [0.9, 0.8, 0.7]),
        (("cells", "rgb", "curve", "chance"), [0.1, 0.2, 1.2]),
        (("cells", "rgb", "curve", "quality"), [0.0, 0.0, 1.0]),
        (("cells", "rgb", "curve", "quality"), [0.0, 1.0]),
        (("cells", "rgb", "people"), None),
    ):
        damaged = json.loads(json.dumps(known))
        place = damaged
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = wrong
        (here / "damaged.json").write_text(json.dumps(damaged))
        with pytest.raises(ReadError, match=r"damaged\.json"):
            read_match_chance(here / "damaged.json")


def test_a_face_has_the_chance(here: Path) -> None:
    how: dict[str, Any] = {"detector": "none", "model": "laplacian"}
    one = fiqa.FaceReader(**how, calibration=here / "one.json")
    (face,) = one.read(here / "0.png")
    want = np.interp(face.raw or 0, (0, 100, 4000), (0, 0.5, 1))
    assert face.match_chance == pytest.approx(want)
    assert pickle.loads(pickle.dumps(face)).match_chance == face.match_chance
    (copy,) = pickle.loads(pickle.dumps(one)).read(here / "0.png")
    assert copy.match_chance == face.match_chance
    assert "chance of a match" in face._repr_html_()
    with pytest.raises(InputError, match="regime must come with a calibration"):
        one.read(here / "0.png", regime="nir")
    two = fiqa.FaceReader(**how, calibration=here / "by.json")
    (dark,) = two.read(here / "0.png", regime="nir")
    assert dark.match_chance == pytest.approx(
        np.interp(dark.raw or 0, (0, 100, 4000), (0.1, 0.2, 0.3))
    )
    assert two.read(here / "0.png")[0].match_chance is None
    with pytest.raises(UnknownNameError, match="'nirr'"):
        two.read(here / "0.png", regime="nirr")
    (bare,) = fiqa.FaceReader(**how).read(here / "0.png")
    assert bare.match_chance is None


def test_the_table_of_a_video_has_the_chance(here: Path) -> None:
    """Frames that are aligned crops: no detector is needed. All are in color."""
    from fiqa.diagnosis.drawn_faces import drawn_faces

    face = drawn_faces(1, seed=3).crops[0]
    rng = np.random.default_rng(0)
    for number in range(6):
        noisy = np.clip(face + rng.normal(0, 2, face.shape), 0, 255).astype(np.uint8)
        write_image(here / "drive" / f"{number}.png", noisy)
    how = {"detector": "none", "model": "laplacian", "floor": (0.0, 0.0)}
    given = {**how, "calibration": here / "by.json"}
    fiqa.select(here / "drive", **given, out=here / "out")
    rows = read_table(here / "out" / "frames.parquet").to_dicts()
    assert any(row["raw"] is not None for row in rows)
    for row in rows:
        raw = row["raw"]
        want = None if raw is None else np.interp(raw, (0, 100, 4000), (0.4, 0.8, 0.9))
        assert row["match_chance"] == (None if want is None else pytest.approx(want))
        assert raw is None or row["regime"] == "rgb"
    assert "calibration" in (read_sidecar(here / "out") or {})["inputs"]
    with pytest.raises(InputError, match="must come with a folder"):
        fiqa.select(here / "drive", **given)
    cells = {"front": _cell(0, 0.5, 1)}
    camera = _written(here / "camera.json", by="camera", cells=cells, method="laplacian")
    with pytest.raises(InputError, match="those of 'camera'"):
        fiqa.select(here / "drive", **how, calibration=camera, out=here / "out2")
