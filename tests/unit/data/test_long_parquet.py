"""A long Parquet manifest that is read piece by piece says the same as one that is read whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data import long_manifest as texts
from fiqa.data import long_parquet as module
from fiqa.data.images import write_image
from fiqa.data.long_manifest import LongManifest, long_manifest
from fiqa.data.manifest import read_manifest
from fiqa.data.store import read_sidecar
from fiqa.scoring.run import plan, write_scores

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONG", 1)
    monkeypatch.setattr(module, "_PIECE", 3)
    monkeypatch.setattr(module, "_HELD", 4)


def together(pieces: list[object]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for piece in pieces:
        fixed = {
            name: getattr(piece, name) for name in ("id", "path", "identity", "split", "status")
        }
        for name, values in (fixed | dict(piece.columns)).items():
            found.setdefault(name, []).extend(values.tolist())
    return found


PATHS = [f"/none/p{i // 3}/{i}.jpg" for i in range(11)]
SOME = [None if i in (4, 5, 6, 7, 8) else i for i in range(11)]
GOOD = {
    "paths": {"path": PATHS},
    "one folder": {"path": [f"/none/p/{i}.jpg" for i in range(11)]},
    "relative": {"path": [path[1:] for path in PATHS]},
    "all of ours": {
        "id": [f"n{i}" for i in range(11)],
        "path": PATHS,
        "identity": [f"00{i % 3}" for i in range(11)],
        "split": ["train"] * 11,
        "status": ["ok"] * 7 + ["no_face"] * 4,
        "sha256": [None] * 11,
    },
    "numbers with gaps": {"path": PATHS, "speed": SOME, "half": [None, *np.arange(10) / 2]},
    "own names": {" Path": PATHS, "Camera ID": ["c"] * 11, "flag": [i > 3 for i in range(11)]},
    "lists": {"path": PATHS, "landmarks": [[float(i)] * 10 for i in range(11)]},
}


def written(folder: Path, table: dict[str, list[object]], groups: int = 5) -> Path:
    frame = pl.DataFrame(table, strict=False)
    if "sha256" in frame.columns:
        frame = frame.with_columns(pl.col("sha256").cast(pl.String))
    frame.write_parquet(folder / "m.parquet", row_group_size=groups)
    return folder / "m.parquet"


@pytest.mark.parametrize("groups", [1, 5, 100])
@pytest.mark.parametrize("kind", GOOD)
def test_the_pieces_are_the_whole(tmp_path: Path, kind: str, groups: int) -> None:
    path = written(tmp_path, GOOD[kind], groups)
    found, whole = long_manifest(path), read_manifest(path)
    assert found is not None
    assert len(found) == len(whole) == 11
    pieces = list(found.pieces())
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= 3
    assert repr(together(pieces)) == repr(together([whole]))
    assert list(found.paths()) == whole.path.tolist()
    assert {piece.identity_from for piece in pieces} == {whole.identity_from}


WHOLE = {
    "an id that has to be told apart": {"path": [*PATHS, "/other/p0/0.png"]},
    "a path twice": {"id": list("abcdefghijkl"), "path": [*PATHS, PATHS[0]]},
    "no path": {"path": [*PATHS, None]},
    "people by another name": {"path": PATHS, "person": ["a"] * 11},
    "a status of no table": {"path": PATHS, "status": ["lost"] * 11},
    "ids that are numbers": {"path": PATHS, "id": list(range(11))},
    "a column of nothing": {"path": PATHS, "speed": [None] * 11},
    "fields": {"path": PATHS, "where": [{"x": 1}] * 11},
    "no table of images": {"image": PATHS},
    "no rows": {"path": []},
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_needs_the_whole_table_is_read_as_a_whole(tmp_path: Path, kind: str) -> None:
    assert long_manifest(written(tmp_path, WHOLE[kind])) is None


def test_a_short_one_a_broken_one_and_none_are_left_to_the_reader_of_wholes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD["paths"])
    assert long_manifest(path) is not None
    monkeypatch.setattr(module, "_LONG", 12)
    assert long_manifest(path) is None
    monkeypatch.setattr(module, "_LONG", 1)
    path.write_bytes(path.read_bytes()[:-9] + b"123456789")
    assert long_manifest(path) is None
    assert long_manifest(tmp_path / "none.parquet") is None


def test_the_table_of_scores_is_the_same_byte_for_byte(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.scoring.run._PART", 5)
    monkeypatch.chdir(tmp_path)
    for i in range(23):
        if i != 9:
            image = rng.integers(0, 256, (112, 112, 3), np.uint8)
            write_image(tmp_path / "in" / f"p{i % 5}" / f"{i}.png", image)
    table = {
        "path": [f"in/p{i % 5}/{i}.png" for i in range(23)],
        "speed": [None if i in (4, 5, 6, 7) else i for i in range(23)],
        "camera": [f"cam{i % 2}" for i in range(23)],
    }
    crops = written(tmp_path, table)
    for suffix in ("parquet", "csv"):
        made = []
        for piecewise in (False, True):
            out = tmp_path / f"{piecewise}.{suffix}"
            run = plan(crops, model="laplacian", aligned=True, workers=1, piecewise=piecewise)
            assert isinstance(run.manifest, LongManifest) == piecewise
            write_scores(run, out)
            made.append((out.read_bytes(), read_sidecar(out).get("paths_from")))
        assert made[0] == made[1]
    assert "speed" in pl.read_parquet(tmp_path / "True.parquet").columns
    assert texts.long_manifest(crops) is not None
