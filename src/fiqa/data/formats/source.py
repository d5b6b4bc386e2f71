"""Foreign files at the edge: bounded reading of regular files and of files in stores, writing whole
or not at all, names by content."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, cast

from fiqa.data.reading import read_at_most, reading
from fiqa.data.remote import Place, is_remote
from fiqa.data.store import atomic_path, open_regular
from fiqa.errors import ReadError
from fiqa.types import PathLike

__all__ = [
    "TEXT_LIMIT",
    "check_file",
    "content_id",
    "opened",
    "read_bytes",
    "read_text",
    "text_of",
    "utf8_of",
    "write_whole",
]

_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""First bytes and the encoding that they announce, the longer ones first."""
_HEAD = 1 << 16
"""Bytes in which a NUL tells that a file is no UTF-8."""

TEXT_LIMIT = 1 << 30
"""Bytes that a list or score file may have; a text of ten million rows is smaller."""


def opened(path: PathLike) -> BinaryIO:
    """Returns a file opened for reading bytes; one in a store is read in blocks, where asked.

    Args:
        path: the file, or its address in a store.

    Raises:
        ReadError: with status not_found or unreadable (a folder, a FIFO, no permission).
        MissingExtraError: the store's extra is not installed.
    """
    return cast("BinaryIO", Place(path).open()) if is_remote(path) else open_regular(path)


def check_file(path: PathLike, *, limit: int) -> int:
    """Returns the size of a file in bytes, which says nothing yet of its content.

    Args:
        path: the file, or its address in a store.
        limit: bytes that it may have.

    Raises:
        ReadError: with status not_found, unreadable (a folder, a FIFO, no permission), empty_file
            or too_large.

    >>> check_file(__file__, limit=1 << 20) > 0
    True
    """
    with opened(path) as file:
        return _size(file, path, limit)


def read_bytes(path: PathLike, *, limit: int) -> bytes:
    """Returns the whole file as bytes.

    Args:
        path: the file, or its address in a store.
        limit: bytes that it may have.

    Raises:
        ReadError: as `check_file`, or when the file system refuses.
    """
    with opened(path) as file, reading(path):
        size = _size(file, path, limit)
        return file.read(size) if is_remote(path) else read_at_most(file, limit)


def _size(file: BinaryIO, path: PathLike, limit: int) -> int:
    size = _end(file) if is_remote(path) else os.fstat(file.fileno()).st_size
    if size == 0:
        raise ReadError(
            f"{os.fspath(path)!r} must not be empty, it has 0 bytes.", status="empty_file"
        )
    if size > limit:
        raise ReadError(
            f"{os.fspath(path)!r} must have at most {limit} bytes, it has {size}.",
            status="too_large",
        )
    return size


def _end(file: BinaryIO) -> int:
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    return end


def read_text(path: PathLike, *, limit: int = TEXT_LIMIT) -> str:
    """Returns the whole file as text.

    It may be UTF-8, with or without a byte-order mark, or UTF-16 or UTF-32 with theirs. Bytes that
    are no UTF-8 are kept as surrogates, as file names are.

    Args:
        path: the file.
        limit: bytes that it may have.

    Raises:
        ReadError: as `check_file`, or a NUL byte (it is not a text file).
    """
    return text_of(read_bytes(path, limit=limit), os.fspath(path))


def text_of(data: bytes, where: str, *, complete: bool = True) -> str:
    r"""Returns bytes as text, as `read_text` does.

    Args:
        data: UTF-8, or UTF-16 or UTF-32 with their byte-order marks.
        where: the file's name, for the message.
        complete: False for the beginning of a file, which may end inside a character.

    Raises:
        ReadError: a NUL byte, or no text of the encoding that its mark promises.

    >>> text_of("é".encode("utf-16"), "a.txt")
    'é'
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8-sig")
    wrong = "surrogateescape" if encoding == "utf-8-sig" else "strict" if complete else "ignore"
    try:
        text = data.decode(encoding, errors=wrong)
    except UnicodeDecodeError as error:
        raise ReadError(
            f"{where!r} must be {encoding} as its first bytes say, it is not: {error}.",
            status="corrupt",
        ) from error
    if "\0" in text:
        raise ReadError(
            f"{where!r} must be a text file, it holds NUL bytes.",
            status="unsupported_format",
            hint="UTF-16 needs its byte-order mark, or save the text as UTF-8",
        )
    return text


def utf8_of(data: bytes, where: str, *, complete: bool = True) -> bytes:
    r"""Returns the bytes of a text file as UTF-8 without a mark, for a parser of bytes.

    What is no text in UTF-8 is left to that parser.

    Args:
        data, where, complete: as `text_of`.

    Raises:
        ReadError: as `text_of`.

    >>> utf8_of(b"\xef\xbb\xbfid", "a.csv"), utf8_of("id".encode("utf-16"), "a.csv")
    (b'id', b'id')
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:_HEAD]:
        return text_of(data, where, complete=complete).encode("utf-8", "surrogateescape")
    return data.removeprefix(b"\xef\xbb\xbf")


def content_id(data: bytes) -> str:
    """Returns the id of an image by its content: the first 32 hex digits of its SHA-256.

    Args:
        data: the encoded image.

    >>> content_id(b"")
    'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(data).hexdigest()[:32]


def write_whole(path: PathLike, data: bytes) -> None:
    """Writes a file that is whole or absent; see fiqa.data.store.atomic_path.

    Args:
        path: the file.
        data: its bytes.

    Raises:
        WriteError: the disk refused.
    """
    with atomic_path(path) as aside:
        aside.write_bytes(data)
