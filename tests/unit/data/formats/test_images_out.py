"""Images out of a container: each once, named by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiqa.data.formats.images_out import unpack
from fiqa.data.formats.source import content_id
from fiqa.data.manifest import find
from fiqa.errors import WriteError

JPEG, PNG = b"\xff\xd8\xffa", b"\x89PNG\r\n\x1a\nb"


def test_each_once(tmp_path: Path) -> None:
    done = unpack([("", JPEG), ("", PNG), ("", JPEG), ("", b"junk"), ("", b"")], tmp_path)
    ids = [content_id(c) for c in (JPEG, PNG, b"junk", b"")]
    assert done.manifest.id.tolist() == ids
    assert done.manifest.path.tolist() == [
        f"images/{ids[0]}.jpg",
        f"images/{ids[1]}.png",
        f"images/{ids[2]}.bin",
        f"images/{ids[3]}.bin",
    ]
    assert done.manifest.status.tolist() == ["ok", "ok", "unsupported_format", "empty_file"]
    assert (done.failed, done.repeated) == (2, 1)
    assert (tmp_path / done.manifest.path[1]).read_bytes() == PNG
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_identities_are_folders_that_scan_finds(tmp_path: Path) -> None:
    done = unpack([("p", JPEG), ("q", JPEG), ("p", PNG)], tmp_path)
    assert done.repeated == 0
    assert done.manifest.identity.tolist() == ["p", "q", "p"]
    found = find(tmp_path / "images")
    assert sorted(found.id) == sorted(done.manifest.id)
    assert sorted(found.identity) == ["p", "p", "q"]


def test_a_rerun_writes_what_is_missing(tmp_path: Path) -> None:
    done = unpack([("", JPEG), ("", PNG)], tmp_path)
    first, second = (tmp_path / path for path in done.manifest.path)
    before = first.stat().st_mtime_ns
    second.write_bytes(b"cut")
    unpack([("", JPEG), ("", PNG)], tmp_path)
    assert second.read_bytes() == PNG
    assert first.stat().st_mtime_ns == before


def test_nothing(tmp_path: Path) -> None:
    assert len(unpack([], tmp_path).manifest) == 0


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("")
    with pytest.raises(WriteError, match="could not be written"):
        unpack([("", JPEG)], tmp_path)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(WriteError, match="No space left"):
        unpack([("", JPEG)], tmp_path)
    assert not list((tmp_path / "images").iterdir())
