"""Sorting what one process is not to sort: an exact sample sort whose pieces lie in files.

Sorted pieces give samples, samples give borders, and between two borders lies what one process
sorts. Nothing is approximate: borders that fall badly make ranges of other sizes, and no other
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.batches import batches
from fiqa.methods.labeler import Work
from fiqa.methods.partitions import save_array

__all__ = ["borders", "order_apart"]

_SAMPLES = 1024


def borders(samples: Sequence[tuple[NDArray[np.uint64], int]], count: int) -> NDArray[np.uint64]:
    """Returns the ascending borders, at most count - 1, that cut sorted runs into ranges of about
    one size.

    Args:
        samples: of each run some of its values, ascending and evenly spaced, and its length.
        count: how many ranges there are to be.

    >>> run = np.arange(100, dtype=np.uint64)
    >>> borders([(run, 100), (run, 100)], 4).tolist()
    [24, 49, 74]
    """
    if count < 2 or not samples:
        return np.empty(0, np.uint64)
    values = np.concatenate([sample for sample, _ in samples])
    weights = np.concatenate([np.full(len(one), size / max(len(one), 1)) for one, size in samples])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = reached[-1] * np.arange(1, count) / count if len(reached) else np.empty(0)
    return np.unique(values[order][np.searchsorted(reached, wanted)])


def order_apart(
    keys: NDArray[np.float64], ties: NDArray[np.int64], work: Work, folder: Path, *, most: int
) -> NDArray[np.int64]:
    """Returns the rows in the order of their keys, equal ones in that of their ties, (N,).

    Args:
        keys: (N,) numbers.
        ties: (N,) of at least 0, no two alike among equal keys.
        work: what gives tasks to the engine.
        folder: of the pieces, seen by all machines.
        most: rows of a task, about.
    """
    if not len(keys):
        return np.empty(0, np.int64)
    words = _sortable(keys)
    pieces = (
        (number, rows.start, words[rows], ties[rows])
        for number, rows in enumerate(batches(len(keys), most))
    )
    samples = list(work.mapped(_Sorted(str(folder)), pieces))
    ends = [None, *borders(samples, -(-len(keys) // most)).tolist(), None]
    between = _Between(str(folder), len(samples))
    return np.concatenate(list(work.mapped(between, pairwise(ends))))


def _sortable(keys: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Numbers as integers of the same order."""
    bits = (keys + 0.0).view(np.uint64)  # the two zeros are equal
    sign = (bits.view(np.int64) >> 63).view(np.uint64)
    ordered: NDArray[np.uint64] = bits ^ (sign | np.uint64(1 << 63))
    return ordered


def _file(folder: str, number: int) -> Path:
    return Path(folder) / f"order-{number:08d}.npy"


@dataclass(frozen=True)
class _Sorted:
    """Pieces (number, first row, keys, ties) -> some of their sorted keys, and how many there are;
    all of them go to a file."""

    folder: str

    def __call__(
        self, pieces: Sequence[tuple[int, int, NDArray[np.uint64], NDArray[np.int64]]]
    ) -> list[tuple[NDArray[np.uint64], int]]:
        return [*self._each(pieces)]

    def _each(
        self, pieces: Sequence[tuple[int, int, NDArray[np.uint64], NDArray[np.int64]]]
    ) -> Iterator[tuple[NDArray[np.uint64], int]]:
        for number, start, words, ties in pieces:
            order = np.lexsort((ties, words))
            rows = (order + start).astype(np.uint64)
            save_array(
                _file(self.folder, number),
                np.stack([words[order], ties[order].astype(np.uint64), rows]),
            )
            places = np.linspace(0, len(order) - 1, min(_SAMPLES, len(order))).astype(np.int64)
            yield words[order[places]], len(order)


@dataclass(frozen=True)
class _Between:
    """Ranges of keys (low, high), None without an end -> the rows in them, in order."""

    folder: str
    files: int

    def __call__(self, ranges: Sequence[tuple[Any, Any]]) -> list[NDArray[np.int64]]:
        return [self._one(low, high) for low, high in ranges]

    def _one(self, low: int | None, high: int | None) -> NDArray[np.int64]:
        pieces = []
        for number in range(self.files):
            piece = np.load(_file(self.folder, number), mmap_mode="r")
            first = 0 if low is None else int(np.searchsorted(piece[0], np.uint64(low)))
            last = None if high is None else int(np.searchsorted(piece[0], np.uint64(high)))
            pieces.append(np.array(piece[:, first:last]))
        words, ties, rows = np.concatenate(pieces, axis=1)
        return rows[np.lexsort((ties, words))].astype(np.int64)
