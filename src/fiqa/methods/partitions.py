"""Work on vectors by partitions of identities, for processes that share no memory: a partition
names its rows, and every process maps the vectors itself."""

from __future__ import annotations

import mmap
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import ReadError, WriteError

__all__ = ["Mapped", "Partition", "most_of", "partitions", "save_array"]

_MOST = 1 << 16
_LEAST = 1 << 10
_TASKS = 64


@dataclass(frozen=True)
class Mapped:
    """An array in a file, as every process that sees the file can map it.

    Attributes:
        path: of the file, absolute.
        dtype: of the numbers, in numpy's words.
        shape: (N,D).
        offset: bytes before the first number.
    """

    path: str
    dtype: str
    shape: tuple[int, int]
    offset: int

    @classmethod
    def of(cls, array: NDArray[Any], folder: Path, name: str) -> Mapped:
        """Returns an array as it is mapped already, or written to a folder.

        Args:
            array: (N,D); one that numpy maps from a file as a whole stays where it is.
            folder: where another one is written.
            name: of its file.
        """
        base: Any = array.base  # a view of a mapped array has an array for its base
        if isinstance(array, np.memmap) and isinstance(base, mmap.mmap) and array.filename:
            path = os.path.abspath(array.filename)
            if array.flags.c_contiguous and os.path.isfile(path):
                rows, columns = array.shape
                return cls(path, array.dtype.str, (rows, columns), int(array.offset))
        path = os.path.abspath(folder / f"{name}.npy")
        save_array(Path(path), array)
        return cls.at(path)

    @classmethod
    def at(cls, path: str) -> Mapped:
        """Returns the array of a .npy file.

        Args:
            path: of the file.
        """
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        rows, columns = array.shape
        return cls(os.path.abspath(path), array.dtype.str, (rows, columns), int(array.offset))

    def array(self) -> NDArray[Any]:
        """Returns the array, mapped.

        Raises:
            ReadError: this machine does not see the file.
        """
        if not os.path.isfile(self.path):
            raise ReadError(
                f"{self.path} must be seen by every machine of the cluster, here it is not.",
                status="not_found",
                hint="put the vectors and the output on a disk that all of them share",
            )
        return _mapped(self)


@lru_cache(maxsize=4)
def _mapped(mapped: Mapped) -> NDArray[Any]:
    if not mapped.shape[0] or not mapped.shape[1]:
        return np.zeros(mapped.shape, mapped.dtype)
    return np.memmap(mapped.path, mapped.dtype, "r", mapped.offset, mapped.shape)


@dataclass(frozen=True, eq=False)
class Partition:
    """Some whole identities.

    Attributes:
        number: of the partition.
        identities: (K,) their numbers.
        rows: K arrays of the rows of their images.
    """

    number: int
    identities: tuple[int, ...]
    rows: tuple[NDArray[np.int64], ...]

    @property
    def path(self) -> str:
        """What a report of a failure calls it."""
        return f"partition {self.number} of the identities"

    def __len__(self) -> int:
        return sum(map(len, self.rows))


def most_of(images: int) -> int:
    """Returns how many images a partition may have, so that there are tasks for many processes and
    none of them needs much memory: at most 65536, but for an identity that has more.

    Args:
        images: how many there are in all.

    >>> most_of(10), most_of(640_000), most_of(10**9)
    (1024, 10000, 65536)
    """
    return min(max(images // _TASKS, _LEAST), _MOST)


def partitions(groups: Iterable[tuple[int, NDArray[np.int64]]], most: int) -> Iterator[Partition]:
    """Yields partitions of identities, in their order.

    Args:
        groups: number and rows of each identity.
        most: images of a partition at most; an identity with more is one alone.

    >>> three = [(0, np.array([0, 1])), (1, np.array([2])), (2, np.array([3, 4]))]
    >>> [part.identities for part in partitions(three, most=3)]
    [(0, 1), (2,)]
    """
    number, kept, count = 0, list[tuple[int, NDArray[np.int64]]](), 0
    for identity, rows in groups:
        if kept and count + len(rows) > most:
            yield _partition(number, kept)
            number, kept, count = number + 1, [], 0
        kept.append((identity, rows))
        count += len(rows)
    if kept:
        yield _partition(number, kept)


def _partition(number: int, kept: Sequence[tuple[int, NDArray[np.int64]]]) -> Partition:
    return Partition(number, tuple(one for one, _ in kept), tuple(rows for _, rows in kept))


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Writes an array whole or not at all: the work of a lost machine may be done twice at once.

    Args:
        path: of the .npy file.
        array: any.

    Raises:
        WriteError: the disk refused.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(aside, "wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise WriteError(
            f"{str(path)!r} could not be written: {error.strerror or error}.",
            hint="the folder of the output must have room, and be seen by every machine",
        ) from error
