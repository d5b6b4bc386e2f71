"""A long manifest that is read piece by piece says the same as one that is read as a whole."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data import long_manifest as module
from fiqa.data.images import write_image
from fiqa.data.long_manifest import LongManifest, long_manifest
from fiqa.data.manifest import read_manifest
from fiqa.data.store import read_sidecar
from fiqa.errors import InputError
from fiqa.scoring.run import plan, write_scores
from fiqa.types import Manifest

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONG", 1)
    for size in ("_FIRST", "_PIECE", "_LOOKED"):
        monkeypatch.setattr(module, size, 80)


def table(folder: Path, header: str, rows: list[str], name: str = "m.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows, ""]))
    return path


def together(pieces: list[Manifest]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for piece in pieces:
        fixed = {
            name: getattr(piece, name) for name in ("id", "path", "identity", "split", "status")
        }
        for name, values in (fixed | dict(piece.columns)).items():
            found.setdefault(name, []).extend(values.tolist())
    return found


GOOD = {
    "paths": ("path", [f"/none/p{i // 3}/{i}.jpg" for i in range(11)]),
    "one folder": ("path", [f"/none/p/{i}.jpg" for i in range(11)]),
    "relative": ("path", [f"p{i // 3}/{i}.jpg" for i in range(11)]),
    "all of ours": (
        "id,path,identity,split,status,sha256",
        [f"n{i},/none/{i}.jpg,00{i % 3},train,{'no_face' if i == 7 else 'ok'}," for i in range(11)],
    ),
    "types told by the last row": (
        "path,number,speed,day,flag,when",
        [f"/none/a/{i}.jpg,{i},{i},,true," for i in range(10)]
        + ["/none/b/10.jpg,007,1.5,,false,x"],
    ),
    "own names": ("Path,Camera ID,eye_distance", [f"/n/a/{i}.jpg,c{i},{i}.5" for i in range(9)]),
    "semicolons": ("path;camera", [f"/n/a/{i}.jpg;c,{i}" for i in range(9)]),
    "lines in cells": ("path,camera", [f'/n/a/{i}.jpg,"a\n""{i}"' for i in range(9)]),
    "letters beyond ascii": ("path,camera", [f"/n/\u00e9/{i}.jpg,\u540d{i}" for i in range(9)]),
}


@pytest.mark.parametrize("kind", GOOD)
def test_the_pieces_are_the_whole(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, *GOOD[kind])
    found, whole = long_manifest(path), read_manifest(path)
    assert found is not None
    assert len(found) == len(whole)
    pieces = list(found.pieces())
    assert len(pieces) > 1
    assert together(pieces) == together([whole])
    assert list(found.paths()) == whole.path.tolist()
    assert {piece.identity_from for piece in pieces} == {whole.identity_from}


ROWS = [f"/none/p{i // 3}/{i}.jpg" for i in range(11)]
WHOLE = {
    "an id that has to be told apart": ("path", [*ROWS, "/other/p0/0.png"]),
    "a path twice": ("id,path", [*(f"{i},{row}" for i, row in enumerate(ROWS)), f"x,{ROWS[0]}"]),
    "a way round": ("path", [*ROWS, "/none/./p0/99.jpg"]),
    "backslashes": ("path", [*ROWS, "/none/p9\\99.jpg"]),
    "no path": ("path,camera", [*(f"{row},a" for row in ROWS), ",a"]),
    "bytes": ("path", [*(row.removeprefix("/") for row in ROWS), "bytes:a/%E9.jpg"]),
    "two roots": ("path", [*ROWS, "p0/99.jpg"]),
    "people by another name": ("path,person", [f"{row},a" for row in ROWS]),
    "parts of a list": ("path,landmark_0", [f"{row},1" for row in ROWS]),
    "a quoted header": ('"path","a"', [f"{row},1" for row in ROWS]),
    "a status of no table": ("path,status", [f"{row},lost" for row in ROWS]),
    "too many cells": ("path,camera", [*(f"{row},a" for row in ROWS), "/x/y/z.jpg,a,b"]),
    "a cell without an end": ("path,camera", [*(f"{row},a" for row in ROWS), '/x/y/z.jpg,"a']),
    "no table of images": ("image", ROWS),
    "no rows": ("path", []),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_needs_the_whole_table_is_read_as_a_whole(tmp_path: Path, kind: str) -> None:
    assert long_manifest(table(tmp_path, *WHOLE[kind])) is None


def test_the_first_pieces_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 4 * 80)
    found = long_manifest(table(tmp_path, "path", [f"/none/p/{i:04d}.jpg" for i in range(99)]))
    assert found is not None
    assert [len(piece) for piece in found.pieces()][:6] == [4, 10, 18, 19, 19, 19]


def test_ids_are_made_of_the_same_ends_whether_the_paths_are_alike_or_not(
    rng: np.random.Generator,
) -> None:
    def end(path: str) -> str:
        folders, name = path.rpartition("/")[::2]
        stem = name[: name.rfind(".")] if "." in name else name
        return f"{folders.rpartition('/')[2]}/{stem}"

    letters, alike = list("ab./"), 0
    for _ in range(2000):
        above, suffix = ("".join(rng.choice(letters, rng.integers(0, 4))) for _ in range(2))
        made = ["".join(rng.choice(letters, rng.integers(1, 4))) for _ in range(2)]
        paths = [f"{above}/{name}{suffix}" for name in made]
        alike += len({path.count("/") for path in paths}) == 1
        assert module._ends(pl.Series(paths)).to_list() == [end(path) for path in paths]
    assert 500 < alike < 1500


def test_a_short_table_and_another_kind_are_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert long_manifest(table(tmp_path, "path", ROWS, "m.jsonl")) is None
    assert long_manifest(tmp_path / "none.csv") is None
    monkeypatch.setattr(module, "_LONG", 1 << 20)
    assert long_manifest(table(tmp_path, "path", ROWS)) is None


@pytest.fixture
def crops(tmp_path: Path, rng: np.random.Generator) -> Path:
    rows = []
    for i in range(23):
        path = tmp_path / "in" / f"p{i % 5}" / f"{i}.png"
        if i != 9:
            write_image(path, rng.integers(0, 256, (112, 112, 3), np.uint8))
        rows.append(f"in/p{i % 5}/{i}.png,{'' if i in (4, 5, 6, 7) else i},cam{i % 2},")
    return table(tmp_path, "path,speed,camera,track", rows)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_the_table_of_scores_is_the_same_byte_for_byte(
    crops: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.scoring.run._PART", 5)
    made = []
    for piecewise in (False, True):
        out = tmp_path / f"{piecewise}.{suffix}"
        run = plan(crops, model="laplacian", aligned=True, workers=1, piecewise=piecewise)
        assert isinstance(run.manifest, LongManifest) == piecewise
        write_scores(run, out)
        made.append(out.read_bytes())
        assert read_sidecar(out).get("paths_from") == read_sidecar(
            tmp_path / f"False.{suffix}"
        ).get("paths_from")
    assert made[0] == made[1]


def test_a_run_that_was_killed_goes_on(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.scoring.run._PART", 5)
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    kind = {"model": "laplacian", "aligned": True, "workers": 1}
    fiqa.score(crops, out=whole, **kind)

    def stopped(stage: str, done: int, total: int) -> None:
        if done == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fiqa.score(crops, out=out, progress=stopped, **kind)
    told: list[int] = []
    fiqa.score(crops, out=out, progress=lambda stage, done, total: told.append(done), **kind)
    assert min(told) == 11
    assert out.read_bytes() == whole.read_bytes()
    fiqa.score(crops, out=out, progress=lambda *at: pytest.fail("it was current"), **kind)
    (crops.parent / "in" / "p0" / "0.png").unlink()
    told.clear()
    fiqa.score(crops, out=out, progress=lambda stage, done, total: told.append(done), **kind)
    assert len(told) == 23


def test_an_output_is_no_image_of_a_long_manifest(crops: Path) -> None:
    run = plan(crops, model="laplacian", aligned=True, piecewise=True)
    with pytest.raises(InputError, match="must not be one of the inputs"):
        run.guard(crops.parent / "in" / "p1" / "1.png")


def test_a_warning_of_places_comes_once(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    moved = crops.rename(tmp_path / "lists" / "m.csv")
    found = long_manifest(moved)
    assert found is not None
    with caplog.at_level(logging.WARNING):
        assert sum(len(piece) for piece in found.pieces()) == 23
    assert caplog.text.count("working directory") == 1
