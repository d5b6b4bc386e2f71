"""InsightFace verification files (lfw.bin, cfp_fp.bin, agedb_30.bin, ...): a pickle of (encoded
images, same-person flags).

Pair i compares the images 2i and 2i+1. The same image recurs across pairs, so images are known by
their content. The pickle is read by fiqa.data.formats.safe_pickle, never loaded.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fiqa.data.formats.safe_pickle import Limits, RecordedArray, load
from fiqa.data.formats.source import content_id, read_bytes, write_whole
from fiqa.data.reading import reading
from fiqa.data.sound import sound, warn
from fiqa.errors import InputError, ReadError, UnsafeFileError
from fiqa.types import Pairs, PathLike

__all__ = ["FILE_LIMIT", "PairImages", "parse", "read", "write"]

FILE_LIMIT = 4 << 30
"""Bytes that a .bin may have; the field's largest have a few hundred million."""


class PairImages(NamedTuple):
    """The content of a .bin file.

    Attributes:
        images: id -> encoded bytes, each once, in order of first use.
        pairs: over those ids.
        repeated: uses of an image beyond its first.
        left_out: reason -> how many pairs that cannot be (fiqa.data.sound).
    """

    images: dict[str, bytes]
    pairs: Pairs
    repeated: int
    left_out: Mapping[str, int] = MappingProxyType({})


def read(
    path: PathLike, *, limits: Limits | None = None, file_limit: int = FILE_LIMIT
) -> PairImages:
    """Returns the images and pairs of a .bin file; see `parse`.

    Args:
        path: the file, or its address in a store.
        limits: caps on what the pickle may claim.
        file_limit: bytes that the file may have.

    Raises:
        UnsafeFileError: as `parse`.
        ReadError: as `parse`, or the file cannot be read.
    """
    data = read_bytes(path, limit=file_limit)
    with reading(path):
        content = parse(data, limits=limits)
    warn(content.left_out, os.fspath(path))
    return content


def parse(data: bytes, *, limits: Limits | None = None) -> PairImages:
    """Returns the images and pairs of the content of a .bin file.

    Args:
        data: the whole file: pickle of (bins, issame_list), len(bins) = 2 len(issame_list); a bin
            is bytes, a Python-2 str or a (L,) numpy uint8 array.
        limits: caps on what the pickle may claim.

    Raises:
        UnsafeFileError: the pickle uses more than plain data.
        ReadError: truncated, malformed, or not two images per flag.
    """
    value = load(data, limits=limits)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ReadError(
            "A .bin file must hold (images, flags); it holds something else.",
            status="unsupported_format",
        )
    bins, flags = value[0], _flags(value[1])
    if not isinstance(bins, list | tuple) or len(bins) != 2 * len(flags):
        count = len(bins) if isinstance(bins, list | tuple) else type(bins).__name__
        raise ReadError(
            f"A .bin file must hold two images per flag ({2 * len(flags)}), got {count}.",
            status="corrupt",
        )
    images: dict[str, bytes] = {}
    named: dict[int, str] = {}  # by object: a file may name one object millions of times
    left = len(data)
    for item in bins:
        if id(item) not in named:
            content = _content(item)
            left -= len(content)
            if left < 0:
                raise UnsafeFileError(
                    "The images must have at most as many bytes as the file, they claim more."
                )
            named[id(item)] = content_id(content)
            images.setdefault(named[id(item)], content)
    names = [named[id(item)] for item in bins]
    place = {name: i for i, name in enumerate(images)}
    index = np.array([place[name] for name in names], np.int64).reshape(-1, 2)
    ids = np.array(list(images), dtype=np.str_)
    pairs = Pairs(ids, index, np.array(flags, bool))
    result = sound(pairs)
    kept = Pairs(ids, index[result.kept], pairs.mated[result.kept])
    return PairImages(images, kept, len(names) - len(images), result.left_out)


def write(path: PathLike, images: Mapping[str, bytes], pairs: Pairs) -> None:
    """Writes pairs as a .bin file, whole or not at all.

    Args:
        path: where.
        images: id -> encoded bytes, for each id of `pairs`.
        pairs: what to write.

    Raises:
        InputError: an id without an image.
        WriteError: the disk refused.
    """
    missing = [str(name) for name in pairs.ids if str(name) not in images]
    if missing:
        raise InputError(
            f"images must hold every id of pairs, {len(missing)} are missing, the first"
            f" {missing[0]!r}."
        )
    bins = [images[str(pairs.ids[i])] for i in pairs.index.ravel()]
    write_whole(path, pickle.dumps((bins, [bool(flag) for flag in pairs.mated]), protocol=4))


def _content(item: Any) -> bytes:
    if isinstance(item, RecordedArray):
        array = item.array
        if array.dtype != np.uint8 or array.ndim != 1:
            raise ReadError(
                f"An image must be a row of uint8, got {array.dtype} of shape {array.shape}.",
                status="corrupt",
            )
        return array.tobytes()
    if not isinstance(item, bytes):
        raise ReadError(
            f"An image must be encoded bytes, got {type(item).__name__}.", status="corrupt"
        )
    return item


def _flags(value: Any) -> Sequence[bool]:
    if isinstance(value, RecordedArray):
        value = value.array.ravel().tolist() if value.array.dtype.kind in "biu" else None
    if not isinstance(value, list | tuple):
        raise ReadError("The flags must be a list of bool; they are not.", status="corrupt")
    wrong = [
        flag
        for flag in value
        if not isinstance(flag, bool | int | np.bool_ | np.integer) or flag not in (0, 1)
    ]
    if wrong:
        raise ReadError(
            f"The flags must be true or false, got {type(wrong[0]).__name__} {str(wrong[0])[:20]}.",
            status="corrupt",
        )
    return [bool(flag) for flag in value]
