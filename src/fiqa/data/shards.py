"""Many images in one file: WebDataset tar and Parquet with image bytes, read as a stream.

A shard is never held or copied whole. What is broken in it (a member that is too large, an archive
that ends early, a file that is no archive) is an image with a status instead of bytes.
"""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from fiqa.data.images import Limits
from fiqa.data.reading import reading
from fiqa.data.remote import Place, is_remote
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["SHARDS", "Member", "members", "shards_of"]

SHARDS = (".tar", ".parquet")
"""The suffixes of shards."""
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
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

    Args:
        paths: shards, folders of shards, or addresses of these in a store.

    Raises:
        InputError: a path leads to no shard, or two shards are the same.
        ReadError: a store refused to list.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: list[str] = []
    for path in given:
        place = Place(path)
        there = [name for name in place.files() if name.lower().endswith(SHARDS)]
        if not there:
            raise InputError(
                f"A path must lead to shards ({' or '.join(SHARDS)}), got none in"
                f" {os.fspath(path)!r}.",
                hint="pack loose images into tar files of some thousand images",
            )
        found += there
    if twice := [name for name, count in Counter(found).items() if count > 1]:
        raise InputError(f"Each shard must be given once, {twice[0]!r} is there more than once.")
    return found


def members(shard: str, limits: Limits) -> Iterator[Member]:
    """Yields the images of a shard in their order, each read when it is asked for.

    Args:
        shard: as shards_of returns it.
        limits: what an image may cost.

    Raises:
        ReadError: not_found or unreadable: the disk or the store refused. Nothing else: a shard
            that is broken yields what could be read and, last, a member with a status.
    """
    read = _tar if shard.lower().endswith(".tar") else _parquet
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


def _parquet(shard: str, limits: Limits) -> Iterator[Member]:
    """The rows of a file with a column of bytes, or of {bytes, path} as Hugging Face writes it."""
    import polars as pl

    if not is_remote(shard):
        Place(shard).open().close()  # its status, if it is not there
    table = pl.scan_parquet(shard)
    column, path = _columns(dict(table.collect_schema()), shard)
    chosen = table.select(content=column, path=path)
    number = 0
    for batch in chosen.collect_batches(chunk_size=_ROWS, maintain_order=True):
        for content, name in batch.iter_rows():
            known = name or f"{number:08d}"
            if content is None:
                yield Member(known, b"", "empty_file")
            elif len(content) > limits.max_bytes:
                yield Member(known, b"", "too_large")
            else:
                yield Member(known, content)
            number += 1


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
