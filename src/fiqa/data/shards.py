"""Many images in one file: WebDataset tar, Parquet with image bytes and RecordIO, read as a stream,
and .bin; and folders of loose images, each a shard.

A shard is never held or copied whole, but for a .bin. What is broken in it (a member that is too
large, an archive that ends early, a file that is no archive) is an image with a status instead of
bytes.
"""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from fiqa.data.formats import insightface_bin
from fiqa.data.formats.recordio import RecordFile
from fiqa.data.images import Limits
from fiqa.data.parquet import check_parquet, fetched_groups
from fiqa.data.reading import reading
from fiqa.data.remote import Place, is_remote
from fiqa.data.store import hash_rows
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SHARDS", "Member", "members", "shards_of", "state_of"]

SHARDS = (".tar", ".parquet", ".rec", ".bin")
"""The suffixes of shards."""
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
_LMDB = (
    "LMDB is not read: what its values hold differs from file to file, and it is mapped from a disk"
    " alone; copy it there, and write its images to .tar shards"
)
_ROWS = 64
"""Rows of a Parquet file that are held at once."""


@dataclass(frozen=True)
class Member:
    """An image of a shard.

    Attributes:
        name: of the image within its shard, each once.
        content: its bytes; b"" where the status says why there are none.
        status: "ok", or one of fiqa.vocabulary.STATUSES.
    """

    name: str
    content: bytes
    status: str = "ok"


def shards_of(paths: PathLike | Sequence[PathLike]) -> list[str]:
    """Returns the shards that paths lead to, in the order of the paths and sorted in each folder.

    Where there are none, each folder with loose images is a shard; its name ends with `/`.

    Args:
        paths: shards, folders of shards or of images, or addresses of these in a store.

    Raises:
        InputError: a path leads to neither, or two shards are the same.
        ReadError: a store refused to list.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: list[str] = []
    for path in given:
        place = Place(path)
        files = place.files()
        there = [name for name in files if name.lower().endswith(SHARDS)]
        if not there:
            loose = (name for name in files if name.lower().endswith(_IMAGES))
            there = sorted({f"{name.rpartition('/')[0]}/" for name in loose})
        if not there:
            raise InputError(
                f"A path must lead to shards ({' or '.join(SHARDS)}) or images, got none in"
                f" {os.fspath(path)!r}.",
                hint=_LMDB if any(name.lower().endswith(".mdb") for name in files) else None,
            )
        found += there
    if twice := [name for name, count in Counter(found).items() if count > 1]:
        raise InputError(f"Each shard must be given once, {twice[0]!r} is there more than once.")
    return found


def state_of(shard: str) -> str:
    """Returns what tells without reading that a shard is another one, "" where it cannot be seen.

    Args:
        shard: as shards_of returns it.

    Raises:
        ReadError: a store refused to list a folder.
    """
    if not shard.endswith("/"):
        return Place(shard).state()
    return hash_rows(sorted(item for item in Place(shard).states().items() if _in(item[0], shard)))


def members(shard: str, limits: Limits) -> Iterator[Member]:
    """Yields the images of a shard in their order, each read when it is asked for.

    Args:
        shard: as shards_of returns it.
        limits: what an image may cost.

    Raises:
        ReadError: not_found or unreadable: the disk or the store refused. Nothing else: a shard
            that is broken yields what could be read and, last, a member with a status.
    """
    suffix = os.path.splitext(shard)[1].lower()
    read = _loose if shard.endswith("/") else _READERS[suffix]
    names: Counter[str] = Counter()
    try:
        with reading(shard):
            for member in read(shard, limits):
                names[member.name] += 1
                again = names[member.name]
                yield (
                    member
                    if again == 1
                    else Member(f"{member.name}#{again}", member.content, member.status)
                )
    except ReadError as error:
        if error.status in ("not_found", "unreadable"):
            raise
        yield Member("", b"", error.status)


def _in(name: str, folder: str) -> bool:
    """Whether a file is an image in a folder, and not in one below it."""
    place, _, file = name.rpartition("/")
    return f"{place}/" == folder and file.lower().endswith(_IMAGES)


def _loose(shard: str, limits: Limits) -> Iterator[Member]:
    """The images in a folder, each opened for itself; one that is gone by then has its status."""
    for name in Place(shard).files():
        if not _in(name, shard):
            continue
        short = name.rpartition("/")[2]
        try:
            with Place(name).open() as file:
                content = file.read(limits.max_bytes + 1)
        except ReadError as error:
            yield Member(short, b"", error.status)
            continue
        yield _held(short, content, limits)


def _tar(shard: str, limits: Limits) -> Iterator[Member]:
    with Place(shard).open() as file:
        try:
            # "r|" reads forward only: a store is never asked to go back
            with tarfile.open(fileobj=file, mode="r|*") as archive:
                for info in archive:
                    if info.isfile() and info.name.lower().endswith(_IMAGES):
                        yield _member(archive, info, limits)
        except tarfile.ReadError as error:
            early = "unexpected end" in str(error) or "truncated" in str(error)
            raise ReadError(
                f"{shard!r} must be a tar archive: {error}.",
                status="truncated" if early else "corrupt",
            ) from error


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, limits: Limits) -> Member:
    if info.size > limits.max_bytes:
        return Member(info.name, b"", "too_large")
    file: IO[bytes] | None = archive.extractfile(info)
    content = file.read() if file is not None else b""
    if len(content) < info.size:
        return Member(info.name, b"", "truncated")
    return Member(info.name, content)


def _records(shard: str, limits: Limits) -> Iterator[Member]:
    """The images of a RecordIO file, each by its key."""
    with RecordFile(shard) as file:
        for record in file:
            yield _held(f"{record.key:09d}", record.content, limits)


def _pairs(shard: str, limits: Limits) -> Iterator[Member]:
    """The images of a .bin of pairs, each once; its pickle is held whole, as nothing else can."""
    for name, content in insightface_bin.read(shard).images.items():
        yield _held(name, content, limits)


def _held(name: str, content: bytes, limits: Limits) -> Member:
    too_large = len(content) > limits.max_bytes
    return Member(name, b"", "too_large") if too_large else Member(name, content)


def _parquet(shard: str, limits: Limits) -> Iterator[Member]:
    """The rows of a file with a column of bytes, or of {bytes, path} as Hugging Face writes it."""
    import polars as pl

    number = 0
    for table in _tables(shard):
        schema = dict(table.collect_schema())
        column, path = _columns(schema, shard)
        if {"source_sha256", "status"} <= set(
            schema
        ):  # crops that fiqa.align wrote, and what gave none
            table = table.filter(pl.col("status") == "ok")
        chosen = table.select(content=column, path=path)
        for batch in chosen.collect_batches(chunk_size=_ROWS, maintain_order=True):
            for content, name in batch.iter_rows():
                yield _named(name or f"{number:08d}", content, limits)
                number += 1


def _named(name: str, content: bytes | None, limits: Limits) -> Member:
    return Member(name, b"", "empty_file") if content is None else _held(name, content, limits)


def _tables(shard: str) -> Iterator[pl.LazyFrame]:
    """The rows of a Parquet file, after its check: of one on a disk at once, of one in a store a
    group at a time, through the same client as everything else of that store."""
    import polars as pl

    with Place(shard).open() as file:
        if not is_remote(shard):
            check_parquet(cast("BinaryIO", file))
            yield pl.scan_parquet(shard, glob=False)
            return
        for path, first, rows in fetched_groups(file):
            yield pl.scan_parquet(path, glob=False).slice(first, rows)


def _columns(schema: dict[str, Any], shard: str) -> tuple[Any, Any]:
    """Expressions of the bytes and the name of each image."""
    import polars as pl

    for name, kind in schema.items():
        if isinstance(kind, pl.Struct):
            parts = {part.name: part.dtype for part in kind.fields}
            if parts.get("bytes") == pl.Binary:
                inner = pl.col(name).struct
                named = inner.field("path") if "path" in parts else pl.lit(None, pl.String)
                return inner.field("bytes"), named
    for name, kind in schema.items():
        if kind == pl.Binary:
            named = pl.col("path") if schema.get("path") == pl.String else pl.lit(None, pl.String)
            return pl.col(name), named
    raise ReadError(
        f"{shard!r} must have a column of image bytes, or of {{bytes, path}}; it has"
        f" {', '.join(schema)}.",
        status="unsupported_format",
    )


_READERS: dict[str, Callable[[str, Limits], Iterator[Member]]] = {
    ".tar": _tar,
    ".parquet": _parquet,
    ".rec": _records,
    ".bin": _pairs,
}
