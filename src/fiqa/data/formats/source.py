"""Foreign files at the edge: bounded reading of regular files, writing whole or not at all, names by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from fiqa.data.store import atomic_path, open_regular
from fiqa.errors import ReadError

__all__ = ["TEXT_LIMIT", "check_file", "content_id", "naming", "read_bytes", "read_text", "text_of", "write_whole"]

TEXT_LIMIT = 1 << 30
"""Bytes that a list or score file may have; a text of ten million rows is smaller."""


def check_file(path: str | os.PathLike[str], *, limit: int) -> int:
    """Returns the size of a regular file in bytes, which says nothing yet of its content.

    Raises:
        ReadError: with status not_found, unreadable (a folder, a FIFO, no permission), empty_file or too_large.

    >>> check_file(__file__, limit=1 << 20) > 0
    True
    """
    with open_regular(path) as file:
        return _size(file, path, limit)


def read_bytes(path: str | os.PathLike[str], *, limit: int) -> bytes:
    """Returns the whole file as bytes; raises ReadError as `check_file` does, or when the file system refuses."""
    with open_regular(path) as file:
        _size(file, path, limit)
        try:
            return file.read(limit)
        except OSError as error:
            raise ReadError(f"{os.fspath(path)!r} cannot be read: {error}.") from error


def _size(file: BinaryIO, path: str | os.PathLike[str], limit: int) -> int:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise ReadError(f"{os.fspath(path)!r} must not be empty, it has 0 bytes.", status="empty_file")
    if size > limit:
        raise ReadError(f"{os.fspath(path)!r} must have at most {limit} bytes, it has {size}.", status="too_large")
    return size


def read_text(path: str | os.PathLike[str], *, limit: int = TEXT_LIMIT) -> str:
    """Returns the whole file as text: UTF-8, with or without a byte-order mark.

    Raises:
        ReadError: as `check_file`, or a NUL byte (it is not a text file). Bytes that are no UTF-8 are kept as surrogates, as file names are.
    """
    return text_of(read_bytes(path, limit=limit), os.fspath(path))


def text_of(data: bytes, where: str) -> str:
    """Returns bytes as text, as `read_text` does; `where` is the file's name for the message."""
    if b"\0" in data:
        raise ReadError(f"{where!r} must be a text file, it holds NUL bytes.", status="unsupported_format")
    return data.decode("utf-8-sig", errors="surrogateescape")


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Puts the file's name before the message of a ReadError raised inside the block.

    >>> with naming("a.bin"):
    ...     raise ReadError("It is none.")
    Traceback (most recent call last):
    fiqa.errors.ReadError: 'a.bin': It is none.
    """
    try:
        yield
    except ReadError as error:
        message = f"{os.fspath(path)!r}: {error.message}"
        raise type(error)(message, status=error.status, hint=error.hint) from error


def content_id(data: bytes) -> str:
    """Returns the id of an image by its content: the first 32 hex digits of its SHA-256.

    >>> content_id(b"")
    'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(data).hexdigest()[:32]


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file that is whole or absent; see fiqa.data.store.atomic_path. Raises WriteError."""
    with atomic_path(path) as aside:
        aside.write_bytes(data)
