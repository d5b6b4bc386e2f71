"""Bounded reading and content ids of foreign files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fiqa.data.formats.source import (
    check_file,
    content_id,
    read_bytes,
    read_text,
    text_of,
    write_whole,
)
from fiqa.errors import ReadError


def test_read_bytes_and_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, b"12345")
    assert check_file(path, limit=5) == 5
    assert read_bytes(path, limit=5) == b"12345"
    for reader in (check_file, read_bytes):
        with pytest.raises(ReadError, match="at most 4 bytes, it has 5") as caught:
            reader(path, limit=4)
        assert caught.value.status == "too_large"


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfcaf\xe9\r\n")
    assert read_text(path) == "caf\udce9\r\n"
    path.write_bytes(b"a\0b")
    with pytest.raises(ReadError, match="NUL bytes") as caught:
        read_text(path)
    assert caught.value.status == "unsupported_format"
    assert text_of(b"x", "name") == "x"


def test_content_id() -> None:
    assert content_id(b"x") == hashlib.sha256(b"x").hexdigest()[:32]
