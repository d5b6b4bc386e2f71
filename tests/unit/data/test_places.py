"""Where the paths of a list lead: its own folder first, never another file in silence."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.images import write_image
from fiqa.data.manifest import find, read_manifest
from fiqa.data.places import origin, placed
from fiqa.data.scan import scan
from fiqa.data.store import read_sidecar, sha256_file, sidecar_path
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ReadError
from fiqa.faces.crops import read_row
from fiqa.verbs.align import align
from fiqa.verbs.embed import embed
from fiqa.verbs.score import score


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder with a list and one to work in."""
    own, here = tmp_path / "own", tmp_path / "here"
    own.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    return own, here


def test_the_own_folder_comes_first_and_two_files_are_an_error(folders: tuple[Path, Path]) -> None:
    own, here = folders
    (own / "a.jpg").write_bytes(b"own")
    (own / "list.txt").write_text("a.jpg\n")
    (own / "m.csv").write_text("path\na.jpg\n")
    for name in ("list.txt", "m.csv"):
        assert find(own / name).path.tolist() == [str(own / "a.jpg")]
    (here / "a.jpg").write_bytes(b"own")
    assert find(own / "list.txt").status.tolist() == ["ok"], "equal bytes: it does not matter which"
    (here / "a.jpg").write_bytes(b"other")
    for name in ("list.txt", "m.csv"):
        with pytest.raises(
            InputError, match=r"'a\.jpg' in .* must lead to one file, there are two that differ"
        ):
            find(own / name)


def test_the_known_hash_says_which(folders: tuple[Path, Path]) -> None:
    own, here = folders
    (own / "a.jpg").write_bytes(b"own")
    (here / "a.jpg").write_bytes(b"other")
    for content, wanted in ((b"own", own / "a.jpg"), (b"other", Path("a.jpg"))):
        (own / "m.csv").write_text(f"path,sha256\na.jpg,{hashlib.sha256(content).hexdigest()}\n")
        assert read_manifest(own / "m.csv").path.tolist() == [str(wanted)]
    (own / "m.csv").write_text(f"path,sha256\na.jpg,{'0' * 64}\n")
    with pytest.raises(InputError, match="two that differ"):
        read_manifest(own / "m.csv")


def test_the_working_directory_is_said_aloud(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    own, here = folders
    (here / "a.jpg").write_bytes(b"x")
    (own / "list.txt").write_text("a.jpg\ngone.jpg\n")
    found = find(own / "list.txt")
    assert found.path.tolist() == ["a.jpg", "gone.jpg"]
    assert found.status.tolist() == ["ok", "not_found"]
    assert (
        "1 of 2 paths lead nowhere from its folder and were taken from the working directory"
        in caplog.text
    )
    caplog.clear()
    (own / "m.csv").write_text(f"path,sha256\na.jpg,{'1' * 64}\n")
    read_manifest(own / "m.csv")
    assert caplog.text == "", "its hash will be compared"


def test_backslashes_lead_where_slashes_do(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "1.jpg").touch()
    (tmp_path / "list.txt").write_text("ann\\1.jpg\n")
    found = find(tmp_path / "list.txt")
    assert found.path.tolist() == [str(tmp_path / "ann" / "1.jpg")]
    assert found.id.tolist() == ["ann/1"]
    (tmp_path / "odd\\name.jpg").touch()
    assert placed(["odd\\name.jpg"], str(tmp_path / "l.txt")) == [str(tmp_path / "odd\\name.jpg")]


@pytest.mark.parametrize("apart", [",", ";", "\t"])
def test_a_list_with_cells_is_named(tmp_path: Path, apart: str) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "list.txt").write_text(f"a.jpg{apart}ann\n")
    with pytest.raises(InputError, match="must have one path a line") as caught:
        find(tmp_path / "list.txt")
    assert "path,identity" in str(caught.value.hint)


def test_another_file_than_the_table_names_is_a_status(tmp_path: Path) -> None:
    from fiqa.data.images import Limits, write_image
    from fiqa.faces.crops import CropTable, sources

    path = tmp_path / "a.png"
    write_image(path, np.full((112, 112, 3), 7, np.uint8))
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_row(str(path), sha).sha256 == sha
    assert read_row(str(path), "").sha256 == sha
    with pytest.raises(ReadError, match="must have the sha256 that its table names") as caught:
        read_row(str(path), "0" * 64)
    assert caught.value.status == "changed"
    (tmp_path / "m.csv").write_text(f"path,sha256\na.png,{sha}\n")
    table = CropTable.of(str(tmp_path / "m.csv"), Limits())
    assert table.read(0)[0] == "ok"
    os.replace(path, tmp_path / "b.png")
    write_image(path, np.full((112, 112, 3), 8, np.uint8))
    assert CropTable.of(str(tmp_path / "m.csv"), Limits()).read(0)[0] == "changed"
    assert next(sources(read_manifest(tmp_path / "m.csv"))).sha256 == sha


def _tree(root: Path) -> Path:
    """A folder of two crops below `root`, and an empty one beside it."""
    for number, grey in enumerate((60, 160)):
        pixels = np.full((112, 112, 3), grey, np.uint8)
        pixels[40:60, 30 + 9 * number : 50] = 255
        write_image(root / "crops" / "ann" / f"{number}.png", pixels)
    (root / "other").mkdir()
    return root


def _write(verb: str, folder: str, table: str) -> None:
    if verb == "scan":
        scan(folder, out=table)
    else:
        score(folder, aligned=True, model="laplacian", workers=1, out=table)


@pytest.mark.parametrize("verb", ["scan", "score"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_is_read_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, suffix: str
) -> None:
    root = _tree(tmp_path / "root")
    monkeypatch.chdir(root)
    table = f"other/t{suffix}"
    _write(verb, "crops", table)
    assert read_table(table)["path"].to_list() == ["crops/ann/0.png", "crops/ann/1.png"]
    sidecar = read_sidecar(table)
    assert sidecar is not None
    assert sidecar["paths_from"] == ".."
    wanted = [sha256_file(path) for path in read_manifest(table).path.tolist()]

    def reads(path: str) -> None:
        found = find(path)
        assert found.status.tolist() == ["ok", "ok"]
        assert [sha256_file(name) for name in found.path.tolist()] == wanted

    reads(table)
    monkeypatch.chdir(root / "other")
    reads(f"t{suffix}")
    rows = score(f"t{suffix}", aligned=True, model="laplacian", workers=1)
    assert rows["status"].to_list() == ["ok", "ok"]
    foreign = tmp_path / "foreign"
    write_image(foreign / "crops" / "ann" / "0.png", np.full((112, 112, 3), 9, np.uint8))
    monkeypatch.chdir(foreign)
    reads(os.path.join("..", "root", table))
    monkeypatch.chdir(tmp_path)
    shutil.move(root, tmp_path / "moved")
    reads(os.path.join("moved", table))


def test_without_a_hash_a_foreign_file_is_an_error_and_without_a_sidecar_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, foreign = _tree(tmp_path / "root"), tmp_path / "foreign"
    write_image(foreign / "crops" / "ann" / "0.png", np.full((112, 112, 3), 9, np.uint8))
    table = root / "other" / "t.csv"
    table.write_text("path\ncrops/ann/0.png\n")
    side = sidecar_path(table)
    side.write_text('{"paths_from": ".."}')
    monkeypatch.chdir(foreign)
    with pytest.raises(InputError, match="must lead to one file, there are two that differ"):
        find(table)
    monkeypatch.chdir(tmp_path)
    assert find(table).path.tolist() == [os.path.join(root, "crops/ann/0.png")]
    side.unlink()
    assert find(table).status.tolist() == ["not_found"]
    monkeypatch.chdir(root)
    assert find(table).path.tolist() == ["crops/ann/0.png"]


def test_a_table_behind_a_symbolic_link_leads_to_the_right_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _tree(tmp_path / "root")
    (tmp_path / "far" / "away").mkdir(parents=True)
    monkeypatch.chdir(root)
    (tmp_path / "far" / "away" / "link").symlink_to(root / "other", target_is_directory=True)
    scan("crops", out="../far/away/link/t.csv")
    # As text, link/../crops would be a folder of this name here.
    write_image(tmp_path / "far/away/crops/ann/0.png", np.full((112, 112, 3), 9, np.uint8))
    monkeypatch.chdir(tmp_path / "far" / "away")
    found = find("link/t.csv")
    assert found.status.tolist() == ["ok", "ok"]
    assert os.path.samefile(found.path[0], root / "crops" / "ann" / "0.png")


def test_the_own_folder_and_the_named_place_may_not_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _tree(tmp_path / "root")
    shutil.copytree(root / "crops", root / "other" / "crops")
    (root / "other" / "t.csv").write_text("path\ncrops/ann/0.png\n")
    sidecar_path(root / "other" / "t.csv").write_text('{"paths_from": ".."}')
    monkeypatch.chdir(root / "other")
    assert find("t.csv").path.tolist() == ["crops/ann/0.png"]
    write_image(root / "crops" / "ann" / "0.png", np.full((112, 112, 3), 9, np.uint8))
    with pytest.raises(InputError, match="two that differ"):
        find("t.csv")


@pytest.mark.parametrize("named", ["3", "null", '""', '"\\u0000"', '["a"]', '"no/where"'])
def test_a_sidecar_that_says_nonsense_says_nothing(tmp_path: Path, named: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "t.csv").write_text("path\na.png\n")
    (tmp_path / "t.csv.json").write_text(f'{{"paths_from": {named}}}')
    assert find(tmp_path / "t.csv").path.tolist() == [str(tmp_path / "a.png")]


def test_absolute_paths_need_no_place(tmp_path: Path) -> None:
    assert origin(tmp_path / "t.csv", [str(tmp_path / "a.png")]) == {}
    assert origin(tmp_path / "t.csv", ["", ""]) == {}, "pictures in memory"
    assert origin(tmp_path / "t.csv", ["a.png"]) != {}


def test_crops_and_their_failures_are_read_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_recognizer: Callable[..., Path]
) -> None:
    root = _tree(tmp_path / "root")
    write_image(root / "crops" / "ann" / "wide.png", np.full((112, 90, 3), 9, np.uint8))
    recognizer = tiny_recognizer()
    monkeypatch.chdir(root)
    align("crops", out="other/aligned", detector="none", workers=1)
    embed("crops", recognizer=recognizer, out="other/e.npz")
    monkeypatch.chdir(root / "other")
    assert find("aligned/faces.parquet").status.tolist() == ["ok", "ok", "wrong_size"]
    # The path of a row without a crop is that of its photograph.
    assert os.path.samefile(find("aligned/faces.parquet").path[2], "../crops/ann/wide.png")
    failed = find("e.npz.failed.csv")
    assert os.path.samefile(failed.path[0], "../crops/ann/wide.png")
