"""A folder of Parquet parts with a ledger, on a disk or in a store, as one table.

    scores/_run.json                      what decides the rows
    scores/train-00-1f0c92ab.parquet      the rows of a shard
    scores/_done/train-00-1f0c92ab.json   the ledger: a file per finished shard

fiqa.execute.dataset writes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from fiqa.data.parquet import read_parquet
from fiqa.data.reading import reader
from fiqa.data.remote import Place, is_remote
from fiqa.errors import ReadError
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["is_parts", "parts_digest", "read_parts", "read_run"]


def is_parts(path: object) -> bool:
    """Tells whether something names a folder of parts: a folder with `_run.json` in it, or an
    address in a store that does not name a file.

    Args:
        path: anything.

    >>> is_parts("s3://bucket/scores/"), is_parts("scores.parquet"), is_parts(3)
    (True, False, False)
    """
    if not isinstance(path, str | os.PathLike):
        return False
    name = os.fspath(path)
    if is_remote(name):
        return not os.path.splitext(name)[1]
    return os.path.isfile(f"{Place(name).name}/_run.json")


@reader
def read_parts(path: PathLike) -> pl.DataFrame:
    """Returns the rows of all finished shards, in the order of the names of their parts, without
    the images that are in them.

    Args:
        path: the folder.

    Raises:
        ReadError: no shard is finished, or the disk or the store refused.
    """
    import polars as pl

    there = Place(path).files()
    done = {name.rpartition("/")[2][:-5] for name in there if "/_done/" in name}
    parts = [
        name for name in there if name.endswith(".parquet") and name.rpartition("/")[2][:-8] in done
    ]
    if not parts:
        raise ReadError(
            f"{os.fspath(path)!r} must hold the parts of finished shards, it holds none.",
            status="not_found",
        )
    return pl.concat(map(_part, parts), how="diagonal_relaxed")


def _part(name: str) -> pl.DataFrame:
    """A part, guarded as any Parquet file; that of a store by way of a file without a name."""
    with Place(name).open() as there, ExitStack() as stack:
        file: Any = there
        if is_remote(name):
            file = stack.enter_context(TemporaryFile())
            shutil.copyfileobj(there, file)
            file.seek(0)
        table = read_parquet(file)
    images = [name for name, kind in table.schema.items() if _is_image(kind)]
    return table.drop(images)


def _is_image(kind: Any) -> bool:
    """Whether a column is of images as Hugging Face writes them."""
    return {"bytes", "path"} == {part.name for part in getattr(kind, "fields", ())}


@reader
def read_run(path: PathLike) -> dict[str, Any]:
    """Returns what `_run.json` says: what decided the rows of a folder of parts.

    Args:
        path: the folder.

    Raises:
        ReadError: it cannot be read.
    """
    return dict(json.loads((Place(path) / "_run.json").read()))


def parts_digest(path: PathLike) -> str:
    """Returns a sha256 that is another one when a row of a folder of parts is.

    Args:
        path: the folder.

    Raises:
        ReadError: it cannot be read.
    """
    found = hashlib.sha256()
    for name in Place(path).files():
        if name.endswith("/_run.json") or "/_done/" in name:
            found.update(name.rpartition("/")[2].encode() + b"\0" + Place(name).read())
    return found.hexdigest()
