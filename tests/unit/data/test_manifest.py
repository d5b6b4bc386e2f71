"""Finding images: what each kind of path becomes, ids and identities, hostile folders, a hundred
thousand files."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.manifest import find, read_manifest, write_manifest
from fiqa.data.tables import write_table
from fiqa.errors import InputError, ReadError
from fiqa.types import Manifest


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_a_tree_gives_identities(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "bob/2.jpg",
        "ann/1.png",
        "ann/10.JPG",
        "ann/2.jpg",
        "notes.txt",
        ".hidden/3.jpg",
        "ann/.4.jpg",
    )
    found = find(tmp_path)
    assert found.id.tolist() == ["ann/1", "ann/10", "ann/2", "bob/2"]
    assert found.identity.tolist() == ["ann", "ann", "ann", "bob"]
    assert found.path.tolist() == [
        str(tmp_path / p) for p in ("ann/1.png", "ann/10.JPG", "ann/2.jpg", "bob/2.jpg")
    ]
    assert set(found.status) == {"ok"}


def test_a_flat_folder_has_no_identities_and_paths_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "faces/a.jpg", "faces/b.jpg")
    monkeypatch.chdir(tmp_path)
    for given, prefix in [("faces", "faces/"), ("./faces", "./faces/"), ("faces/", "faces/")]:
        found = find(given)
        assert found.id.tolist() == ["a", "b"]
        assert found.identity.tolist() == ["", ""]
        assert found.path.tolist() == [f"{prefix}a.jpg", f"{prefix}b.jpg"]
    assert find(".").id.tolist() == ["faces/a", "faces/b"]


def test_content_decides_where_the_suffix_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "readme.md", "a.heic")
    (tmp_path / "face.dat").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "face").write_bytes(b"GIF89a")
    os.mkfifo(tmp_path / "pipe")
    with caplog.at_level(logging.INFO, logger="fiqa"):
        assert find(tmp_path).id.tolist() == ["a", "face", "face.dat"]
    assert "2 files that are not images were passed over" in caplog.text


def test_clashing_ids_keep_their_suffix_and_then_a_number(tmp_path: Path) -> None:
    one = touch(tmp_path / "one", "x.jpg", "x.png", "y.jpg")
    two = touch(tmp_path / "two", "x.jpg")
    assert find(one).id.tolist() == ["x.jpg", "x.png", "y"]
    assert find([one, two]).id.tolist() == ["x.jpg", "x.png", "y", "x.jpg#2"]
    assert find([one / "y.jpg"] * 3).id.tolist() == ["one/y.jpg", "one/y.jpg#2", "one/y.jpg#3"]


def test_files_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "ann/1.jpg", "bob/1.jpg", "c.jpg")
    single = find(tmp_path / "ann" / "1.jpg")
    assert (single.id.tolist(), single.identity.tolist()) == (["ann/1"], [""])
    several = find([tmp_path / "ann" / "1.jpg", tmp_path / "no.jpg"])
    assert several.status.tolist() == ["ok", "not_found"]
    monkeypatch.chdir(tmp_path)
    assert find("c.jpg").id.tolist() == ["c"]
    assert find(["c.jpg", "a\0b"]).status.tolist() == ["ok", "not_found"]
    assert find("").status.tolist() == ["not_found"]


def test_a_list_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "sub/ann/1.jpg", "sub/bob/1.jpg", "here.jpg")
    lines = [
        b"ann/1.jpg",
        b"bob/1.jpg\r",
        b"",
        b"gone/caf\xe9.jpg",
        b"here.jpg",
        os.fsencode(tmp_path / "here.jpg"),
    ]
    (tmp_path / "sub" / "list.txt").write_bytes(b"\n".join(lines))
    monkeypatch.chdir(tmp_path)
    found = find("sub/list.txt")
    wanted = [
        "sub/ann/1.jpg",
        "sub/bob/1.jpg",
        "gone/caf\udce9.jpg",
        "here.jpg",
        str(tmp_path / "here.jpg"),
    ]
    assert found.path.tolist() == wanted
    assert found.status.tolist() == ["ok", "ok", "not_found", "ok", "ok"]
    assert found.identity.tolist()[:2] == ["ann", "bob"]
    assert len(set(found.id)) == 5


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_manifest_comes_back(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, "ann/1.jpg", "caf\udce9.jpg")
    whole = Manifest(
        np.array(["a/1", "caf\udce9", "gone", "007"]),
        np.array(
            [str(tmp_path / p) for p in ("ann/1.jpg", "caf\udce9.jpg", "gone.jpg", "ann/1.jpg")]
        ),
        np.array(["ann", "", "", "7"]),
        np.array(["train", "", "test", ""]),
        np.array(["ok", "truncated", "ok", "ok"]),
        {
            "width": np.array([3, 0, 4, 5]),
            "yaw": np.array([0.5, np.nan, 1, 2]),
            "sha256": np.array(["0", "", "1", "2"]),
        },
    )
    path = tmp_path / f"m{suffix}"
    write_manifest(whole, path)
    back = read_manifest(path)
    for name in ("id", "path", "identity", "split"):
        assert getattr(back, name).tolist() == getattr(whole, name).tolist()
    assert back.status.tolist() == ["ok", "truncated", "not_found", "ok"]
    assert back.columns["width"].tolist() == [3, 0, 4, 5]
    np.testing.assert_array_equal(back.columns["yaw"], whole.columns["yaw"])
    assert back.columns["sha256"].tolist() == ["0", "", "1", "2"]
    assert find(path).id.tolist() == whole.id.tolist()


def test_a_foreign_manifest_needs_only_paths(tmp_path: Path) -> None:
    touch(tmp_path, "ann/1.jpg", "bob/1.jpg")
    (tmp_path / "m.csv").write_text("path,age\nann/1.jpg,30\nbob/1.jpg,\n")
    found = find(tmp_path / "m.csv")
    assert found.path.tolist() == [str(tmp_path / "ann/1.jpg"), str(tmp_path / "bob/1.jpg")]
    assert found.identity.tolist() == ["ann", "bob"]
    assert found.id.tolist() == ["ann/1", "bob/1"]
    assert found.columns["age"].tolist() == [30, None]


def test_lists_stay_objects(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    frame = pl.DataFrame(
        {"id": ["a", "b"], "path": [str(tmp_path / "a.jpg")] * 2, "bbox": [[1.0, 2, 3, 4], None]}
    )
    write_table(frame, tmp_path / "m.parquet")
    boxes = read_manifest(tmp_path / "m.parquet").columns["bbox"]
    assert boxes.dtype == object
    assert boxes[0] == [1.0, 2.0, 3.0, 4.0]
    assert boxes[1] is None


def test_several_kinds_together(tmp_path: Path) -> None:
    touch(tmp_path, "d/a.jpg", "e/b.jpg")
    (tmp_path / "m.csv").write_text(f'id,path\nz,"{tmp_path / "e" / "b.jpg"}"\n')
    assert find([tmp_path / "d", tmp_path / "m.csv"]).id.tolist() == ["z", "a"]


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="paths must hold at least one path"):
        find([])
    (tmp_path / "m.csv").write_text("file\na.jpg\n")
    with pytest.raises(InputError, match="must have a column 'path', got the columns file"):
        find(tmp_path / "m.csv")
    (tmp_path / "m.jsonl").write_text("nonsense")
    with pytest.raises(ReadError, match="must be a table"):
        find(tmp_path / "m.jsonl")
    (tmp_path / "t.csv").write_text("id,path\na,x.jpg\na,y.jpg\n")
    with pytest.raises(InputError, match="must be unique"):
        find(tmp_path / "t.csv")


def test_an_empty_folder_is_an_empty_manifest(tmp_path: Path) -> None:
    assert len(find(tmp_path)) == 0


def test_loops_of_links_end(tmp_path: Path) -> None:
    touch(tmp_path, "ann/1.jpg")
    (tmp_path / "ann" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "bob").symlink_to(tmp_path / "ann", target_is_directory=True)
    found = find(tmp_path)
    assert {"ann/1", "bob/1"} <= set(found.id)
    assert len(found) < 10


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path: Path) -> None:
    touch(tmp_path, "ann/1.jpg", "shut/1.jpg")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    (tmp_path / "shut").chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        found = find(tmp_path)
    finally:
        os.seteuid(user)
        (tmp_path / "shut").chmod(0o755)
    assert dict(zip(found.id.tolist(), found.status.tolist(), strict=True)) == {
        "ann/1": "ok",
        "shut": "unreadable",
    }


def test_hostile_files_are_all_found(hostile_folder: dict[Path, str]) -> None:
    start = time.perf_counter()
    found = find(next(iter(hostile_folder)).parent)
    assert time.perf_counter() - start < 2
    assert set(found.path.tolist()) == set(map(str, hostile_folder))


def test_many_files_are_found_quickly(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"{folder:02d}").mkdir()
        for name in range(250):
            (tmp_path / f"{folder:02d}" / f"{name:03d}.jpg").touch()
    start = time.perf_counter()
    found = find(tmp_path)
    assert len(found) == 5000
    assert time.perf_counter() - start < 3
    assert found.id.tolist() == sorted(found.id.tolist())
