"""Where the paths of a list lead: its own folder first, never another file in silence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.manifest import find, read_manifest
from fiqa.data.places import placed
from fiqa.errors import InputError, ReadError
from fiqa.faces.crops import read_row


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
