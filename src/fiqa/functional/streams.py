"""The similarities of all pairs of a set as a stream of blocks, and the largest of a stream, in
bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.similarity import normalize

__all__ = [
    "ByIdentity",
    "Largest",
    "Tile",
    "mated_blocks",
    "mated_count",
    "mated_similarities",
    "nonmated_blocks",
    "nonmated_count",
    "nonmated_index",
]

_ROWS = 512
"""Rows that are multiplied at a time."""
_CHUNK = 1 << 20
"""Similarities of a block, 4 MB."""
_SPARE = 1 << 20
"""Values that `Largest` takes in before it partitions again: so that it does so rarely."""


def mated_similarities(embeddings: ArrayLike, identities: ArrayLike) -> NDArray[np.float32]:
    """Returns the cosines of all pairs of one identity, (M,) in no particular order.

    Args:
        embeddings: (N,D) vectors; rows are normalized here.
        identities: (N,) of any type.

    Raises:
        ShapeError, InputError: shapes, NaN, a zero row.

    >>> mated_similarities([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]], ["a", "a", "b"]).round(3).tolist()
    [0.6000000238418579]
    """
    blocks = ByIdentity.of(embeddings, identities).mated()
    return np.concatenate([np.empty(0, np.float32), *(cosine for _, _, cosine in blocks)])


def nonmated_blocks(
    embeddings: ArrayLike, identities: ArrayLike, *, part: int = 0, parts: int = 1
) -> Iterator[NDArray[np.float32]]:
    """Yields the cosines of all pairs of two identities, each pair once, in flat blocks.

    A block has at most about a million cosines. It is valid until the next is asked for: copy what
    you keep of it.

    Args:
        embeddings, identities: as mated_similarities.
        part: which share of the work, 0..parts-1: every parts-th block.
        parts: how many threads share the work.

    Raises:
        ShapeError, InputError: as mated_similarities.

    >>> vectors = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]
    >>> sum(len(block) for block in nonmated_blocks(vectors, ["a", "a", "b"]))
    2
    """
    yield from ByIdentity.of(embeddings, identities).nonmated(part, parts)


def mated_blocks(
    embeddings: ArrayLike, identities: ArrayLike
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yields all pairs of one identity in blocks: the rows of their two images and their cosines.

    A block has at most about a million pairs.

    Args:
        embeddings, identities: as mated_similarities.

    Raises:
        ShapeError, InputError: as mated_similarities.

    >>> vectors = [[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]]
    >>> [(a.tolist(), b.tolist()) for a, b, cosine in mated_blocks(vectors, ["x", "y", "x"])]
    [([0], [2])]
    """
    yield from ByIdentity.of(embeddings, identities).mated()


class Tile(NamedTuple):
    """A rectangle of the matrix of all similarities.

    Attributes:
        top, bottom: its rows, [top, bottom).
        left, right: its columns, [left, right).
        inside: whether pairs of one identity are in it, and a pair may be in it twice.
    """

    top: int
    bottom: int
    left: int
    right: int
    inside: bool


class ByIdentity(NamedTuple):
    """Images in the order of their identities, whose pairs are done tile by tile.

    The tiles do not depend on who does which of them, so that neither do the cosines, where
    products of matrices are rounded alike: one kind of processor, one library, one thread.

    Attributes:
        unit: (N,D) float32 rows of unit length.
        code: (N,) number of each identity, ascending.
        order: (N,) the row that each was given in.
    """

    unit: NDArray[np.float32]
    code: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, embeddings: ArrayLike, identities: ArrayLike) -> ByIdentity:
        """Returns images in that order.

        Args:
            embeddings, identities: as mated_similarities.

        Raises:
            ShapeError, InputError: as mated_similarities.
        """
        unit = normalize(embeddings)
        names = checks.array(identities, "identities", shape=(len(unit),))
        code = np.unique(names, return_inverse=True)[1]
        order = np.argsort(code, kind="stable")
        return cls(unit[order], code[order], order)

    def tiles(self, part: int = 0, parts: int = 1) -> Iterator[Tile]:
        """Yields the tiles that all pairs of two identities are in.

        Args:
            part, parts: as nonmated_blocks.
        """
        yield from islice(self._tiles(), part, None, parts)

    def _tiles(self) -> Iterator[Tile]:
        for start, stop in _runs(self.code):
            if self.code[start] != self.code[stop - 1]:
                yield Tile(start, stop, start, stop, True)
            for top in range(start, stop, _ROWS):
                bottom = min(top + _ROWS, stop)
                width = _CHUNK // (bottom - top)
                for left in range(stop, len(self.code), width):
                    yield Tile(top, bottom, left, min(left + width, len(self.code)), False)

    def nonmated(self, part: int = 0, parts: int = 1) -> Iterator[NDArray[np.float32]]:
        """Yields what nonmated_blocks does; the buffer is used again for the next block.

        Args:
            part, parts: as nonmated_blocks.
        """
        buffer = np.empty(_CHUNK, np.float32)
        for top, bottom, left, right, inside in self.tiles(part, parts):
            rows, columns = self.unit[top:bottom], self.unit[left:right]
            if inside:
                other = self.code[top:bottom, None] != self.code[None, left:right]
                # Above the diagonal only: each pair once, none with itself.
                yield (rows @ columns.T)[np.triu(other, 1)]
            else:
                block = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
                yield np.matmul(rows, columns.T, out=block).ravel()

    def mated(
        self, part: int = 0, parts: int = 1
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
        """Yields what mated_blocks does.

        Args:
            part, parts: as nonmated_blocks.
        """
        for top, bottom, left, right, _ in islice(self._mated_tiles(), part, None, parts):
            same = self.code[top:bottom, None] == self.code[None, left:right]
            same &= np.arange(top, bottom)[:, None] < np.arange(left, right)
            first, second = np.nonzero(same)
            if len(first):
                product = self.unit[top:bottom] @ self.unit[left:right].T
                yield self.order[top + first], self.order[left + second], product[first, second]

    def _mated_tiles(self) -> Iterator[Tile]:
        width = _CHUNK // _ROWS
        for start, stop in _runs(self.code):
            for top in range(start, stop, _ROWS):
                bottom = min(top + _ROWS, stop)
                for left in range(top, stop, width):
                    yield Tile(top, bottom, left, min(left + width, stop), True)


class Largest:
    """The `count` largest values of a stream, exact with ties.

    Args:
        count: how many to keep, at least 1.
        floor: values at or below it are left out from the beginning.

    Raises:
        InputError: count below 1.

    >>> top = Largest(2)
    >>> for block in ([0.1, 0.9], [0.5, 0.3]):
    ...     top.add(np.float32(block))
    >>> np.sort(top.values()).round(1).tolist()
    [0.5, 0.8999999761581421]
    """

    def __init__(self, count: int, floor: float = -np.inf) -> None:
        if count < 1:
            raise InputError(f"count must be at least 1, got {count}.")
        self._count = count
        self._kept: list[NDArray[Any]] = []
        self._waiting = 0
        self._floor = floor

    def add(self, block: NDArray[Any]) -> None:
        """Takes a flat block in.

        Args:
            block: (B,) numbers; it may be written over afterwards.
        """
        # Values that equal the floor can be left out: `count` values at or above it are held.
        better = block[block > self._floor]
        self._kept.append(better)
        self._waiting += len(better)
        if self._waiting >= self._count + _SPARE:
            self.values()

    def values(self) -> NDArray[Any]:
        """Returns the largest so far, in no particular order.

        There are `count` of them, or all where there were fewer.
        """
        together = np.concatenate(self._kept) if self._kept else np.empty(0, np.float32)
        if len(together) > self._count:
            together = np.partition(together, len(together) - self._count)[
                len(together) - self._count :
            ]
            self._floor = float(together.min())
        self._kept, self._waiting = [together], 0
        return together


def mated_count(identities: ArrayLike) -> int:
    """Returns the number of pairs of one identity.

    Args:
        identities: (N,) of any type.

    >>> mated_count(["a", "a", "b"])
    1
    """
    times = np.unique(checks.array(identities, "identities", shape=("N",)), return_counts=True)[1]
    return int((times * (times - 1) // 2).sum())


def nonmated_count(identities: ArrayLike) -> int:
    """Returns the number of pairs of two identities.

    Args:
        identities: (N,) of any type.

    >>> nonmated_count(["a", "a", "b"])
    2
    """
    times = np.unique(checks.array(identities, "identities", shape=("N",)), return_counts=True)[1]
    count = int(times.sum())
    return (count * count - int((times**2).sum())) // 2


def nonmated_index(identities: ArrayLike, *, most: int, seed: int = 0) -> NDArray[np.int64]:
    """Returns pairs of two identities, (Q,2) with first < second.

    All of them, or a random `most` of them where there are more.

    Args:
        identities: (N,) of any type.
        most: at least 1; the sample is uniform, without repeats.
        seed: of the sample.

    Raises:
        ShapeError: not (N,).
        InputError: most below 1.

    >>> nonmated_index(["a", "a", "b"], most=10).tolist(), len(nonmated_index(range(100), most=10))
    ([[0, 2], [1, 2]], 10)
    """
    names = checks.array(identities, "identities", shape=("N",))
    checks.in_range(most, "most", 1, float("inf"))
    code = np.unique(names, return_inverse=True)[1]
    total, n = nonmated_count(code), len(code)
    # Where most pairs are taken, drawing without repeats would mostly draw repeats.
    if 2 * total <= 3 * most:
        index = np.stack(np.triu_indices(n, 1), axis=1)
        index = index[code[index[:, 0]] != code[index[:, 1]]]
        return (
            index
            if total <= most
            else index[np.sort(np.random.default_rng(seed).permutation(total)[:most])]
        )
    rng = np.random.default_rng(seed)
    places = np.empty(0, np.int64)
    while len(places) < most:
        # A quarter more than is missing makes up for repeats and mated pairs, so that few rounds
        # do.
        drawn = rng.integers(0, n, (most - len(places) + most // 4 + 16, 2))
        drawn = drawn[code[drawn[:, 0]] != code[drawn[:, 1]]]
        fresh = drawn.min(axis=1) * n + drawn.max(axis=1)
        # Sorting is ten times faster here than np.unique, which hashes.
        places = np.sort(np.concatenate([places, fresh]))
        places = places[np.diff(places, prepend=-1) > 0]
    places = np.sort(rng.permutation(places)[:most])
    return np.stack([places // n, places % n], axis=1)


def _runs(code: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yields [start, stop) of whole identities, at most _ROWS rows together.

    An identity with more rows is a run of its own.
    """
    ends = (
        np.concatenate([np.flatnonzero(np.diff(code)) + 1, [len(code)]])
        if len(code)
        else np.empty(0, np.int64)
    )
    start, last = 0, 0
    for end in ends.tolist():
        if end - start > _ROWS and last > start:
            yield start, last
            start = last
        last = end
    if last > start:
        yield start, last
