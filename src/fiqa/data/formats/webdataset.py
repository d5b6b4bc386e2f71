"""WebDataset: a tar whose neighboring members with one key are one sample, `000000007.jpg` and
`000000007.json`.

Written without times and owners, so equal samples give equal bytes. Read without unpacking: a
member that points outside, a link or a device is refused.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping

from fiqa.data.formats.source import check_file
from fiqa.data.store import atomic_path
from fiqa.errors import InputError, ReadError, UnsafeFileError
from fiqa.types import PathLike

__all__ = ["ITEM_LIMIT", "read", "write"]

ITEM_LIMIT = 64 << 20
"""Bytes that one member may have."""

_TAR_LIMIT = 1 << 42


def write(path: PathLike, samples: Iterable[Mapping[str, bytes]]) -> int:
    """Writes samples, whole or not at all; keys are their places, nine digits.

    Args:
        path: the .tar.
        samples: extension without dot ("jpg", "json") -> content, one mapping per sample; taken one
            at a time.

    Returns:
        How many samples were written.

    Raises:
        InputError: an extension that is not letters and digits.
        WriteError: the disk refused.
    """
    count = 0
    with (
        atomic_path(path) as aside,
        # The plainest form of tar, which every reader of WebDataset knows.
        tarfile.open(aside, "w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for count, sample in enumerate(samples, 1):
            for extension, content in sample.items():
                if not extension.isalnum():
                    raise InputError(f"An extension must be letters and digits, got {extension!r}.")
                member = tarfile.TarInfo(f"{count - 1:09d}.{extension}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return count


def read(path: PathLike, *, item_limit: int = ITEM_LIMIT) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yields (key, extension -> content) of an uncompressed tar, in order.

    Folders are passed over.

    Args:
        path: the .tar.
        item_limit: bytes that one member may have.

    Raises:
        UnsafeFileError: a member with an absolute name or `..`, a link, a device, a sparse file, or
            one above `item_limit` bytes.
        ReadError: no such file, truncated, or no tar.
    """
    check_file(path, limit=_TAR_LIMIT)
    sample: dict[str, bytes] = {}
    current = ""
    for name, content in _members(path, item_limit):
        folder, _, last = name.rpartition("/")
        stem, _, extension = last.partition(".")
        key = f"{folder}/{stem}" if folder else stem
        if key != current and sample:
            yield current, sample
            sample = {}
        current = key
        sample[extension] = content
    if sample:
        yield current, sample


def _members(path: PathLike, limit: int) -> Iterator[tuple[str, bytes]]:
    where = os.fspath(path)
    try:
        with tarfile.open(where, "r:") as archive:
            for member in archive:
                _refuse_unsafe(member, where, limit)
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    content = file.read()
                    if len(content) != member.size:
                        raise ReadError(
                            f"{where!r} ends within {member.name!r}.", status="truncated"
                        )
                    yield member.name, content
                # a long archive is not kept in memory
                archive.members = []  # type: ignore[attr-defined]
    except ReadError:
        raise
    except Exception as error:  # whatever damaged headers do to the reader
        raise ReadError(f"{where!r} must be a whole tar: {error}.", status="corrupt") from error


def _refuse_unsafe(member: tarfile.TarInfo, where: str, limit: int) -> None:
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith(("/", "\\")) or ".." in parts or parts[0].endswith(":"):
        raise UnsafeFileError(f"{where!r} must hold names inside it only, got {member.name!r}.")
    if member.issparse() or not (member.isreg() or member.isdir()):
        raise UnsafeFileError(
            f"{where!r} must hold plain files only, {member.name!r} is a link or something else."
        )
    if member.size > limit:
        raise UnsafeFileError(
            f"{where!r} must hold files of at most {limit} bytes, {member.name!r} has"
            f" {member.size}."
        )
