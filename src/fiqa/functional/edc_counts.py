"""Error versus discard of more pairs than memory holds: counts over cells of similarity and of
quality, with bounds.

Pairs are counted, not kept. Memory depends on the number of cells alone, and the counts of parts
are added, so that many machines can count. Every count is exact; what is not known is where in its
cell a pair lies. So each number comes as the two bounds that hold wherever that is:

- the comparison threshold of an FMR lies in one cell of similarity; mated pairs of the cells below
  it are errors for certain, those of its own cell may be;
- at the borders of the cells of quality it is known exactly which pairs are kept, between two
  borders only that the pairs of one cell go.

The protocol is `iso` (fiqa.functional.protocols): the mated pairs of the lowest quality go first,
the threshold is fixed. Cosines that rounding took beyond 1 are in the last cell: the first and the
last cell have no outer end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.verification import allowed_false_matches

__all__ = ["BoundedCurve", "PairCounts"]


@dataclass(frozen=True, eq=False)
class BoundedCurve:
    """Two curves between which the discard curve of the counted pairs lies.

    Attributes:
        discard: (K,) share of the mated pairs below each border of quality, ascending from 0.
        low: (K,) the FNMR among the pairs kept is at least this.
        high: (K,) and at most this.
        kept: (K,) mated pairs at or above each border, exact, at least 1.
        threshold: what the comparison threshold is at least and at most.
        fmr: its target.
    """

    discard: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    kept: NDArray[np.int64]
    threshold: tuple[float, float]
    fmr: float

    @property
    def error(self) -> float:
        """The most that the FNMR at a border can differ from either bound."""
        return float((self.high - self.low).max())

    def area(self, upto: float = 0.3) -> tuple[float, float]:
        """Returns what the stepwise area over discard fractions [0, upto] is at least and at most.

        Args:
            upto: in (0,1].

        Raises:
            InputError: upto out of range.
        """
        checks.in_range(upto, "upto", 0.0, 1.0, open_low=True)
        width = np.diff(np.minimum(np.append(self.discard, 1.0), upto))
        bounds = []
        for fnmr, most in ((self.low, False), (self.high, True)):
            wrong = fnmr * self.kept
            right = self.kept - wrong
            # after the last border the last cell's pairs go one by one
            wrong_then, right_then = np.append(wrong[1:], 0.0), np.append(right[1:], 0.0)
            error, good = (wrong, right_then) if most else (wrong_then, right)
            total = error + good
            step = np.divide(error, total, out=np.zeros_like(error), where=total > 0)
            bounds.append(float((step * width).sum()))
        return bounds[0], bounds[1]


class PairCounts:
    """Counts of pairs by similarity, and of mated pairs by quality too.

    Args:
        quality: low and high end of the scale of qualities.
        similarity: low and high end of the scale of similarities.
        cells: of similarity, >= 2: a similarity is known within (high - low) / cells.
        steps: cells of quality, >= 1. The memory is 8 bytes x cells x steps.

    Raises:
        InputError: a scale without width, a number out of range.

    >>> counts = PairCounts(quality=(0, 1), cells=1000, steps=100)
    >>> counts.add_mated([0.9, 0.1, 0.8], [0.8, 0.1, 0.5])
    >>> counts.add_nonmated([0.3, 0.2])
    >>> curve = counts.curve(fmr=0.5)
    >>> curve.low[[0, -1]].round(3).tolist(), curve.high[[0, -1]].round(3).tolist()
    ([0.333, 0.0], [0.333, 0.0])
    >>> [round(end, 3) for end in curve.threshold]
    [0.2, 0.202]
    """

    def __init__(
        self,
        *,
        quality: tuple[float, float],
        similarity: tuple[float, float] = (-1.0, 1.0),
        cells: int = 4096,
        steps: int = 1000,
    ) -> None:
        for name, (low, high) in (("quality", quality), ("similarity", similarity)):
            if not -np.inf < low < high < np.inf:
                raise InputError(
                    f"{name} must be the low and the high end of a scale, got {low}, {high}."
                )
        checks.in_range(cells, "cells", 2, 1 << 24)
        checks.in_range(steps, "steps", 1, 1 << 16)
        self._similarity = np.linspace(*similarity, cells + 1)
        self._quality = np.linspace(*quality, steps + 1)
        self._mated = np.zeros((steps, cells), np.int64)
        self._nonmated = np.zeros(cells, np.int64)

    @property
    def pairs(self) -> tuple[int, int]:
        """How many mated and how many non-mated pairs were counted."""
        return int(self._mated.sum()), int(self._nonmated.sum())

    def add_mated(self, similarity: ArrayLike, worst: ArrayLike) -> None:
        """Counts pairs of one person.

        Args:
            similarity: (M,) higher is more alike.
            worst: (M,) the lower quality of each pair (fiqa.functional.edc.pair_quality).

        Raises:
            ShapeError, InputError: shapes, NaN.
        """
        score = checks.floats(similarity, "similarity", shape=("M",))
        quality = checks.floats(worst, "worst", shape=(len(score),))
        row, column = _cell(quality, self._quality), _cell(score, self._similarity)
        if self._mated.size <= 2 * len(score):  # then one pass over all cells costs less
            flat = np.bincount(row * self._mated.shape[1] + column, minlength=self._mated.size)
            self._mated += flat.reshape(self._mated.shape)
        else:
            np.add.at(self._mated, (row, column), 1)

    def add_nonmated(self, similarity: ArrayLike) -> None:
        """Counts pairs of two people, such as a block of fiqa.functional.streams.nonmated_blocks.

        Args:
            similarity: (Q,) higher is more alike.

        Raises:
            ShapeError, InputError: shape, NaN.
        """
        score = checks.floats(similarity, "similarity", shape=("Q",))
        self._nonmated += np.bincount(_cell(score, self._similarity), minlength=len(self._nonmated))

    def add_nonmated_cells(self, counts: ArrayLike) -> None:
        """Counts pairs of two people that were counted elsewhere over the same cells.

        Args:
            counts: (cells,) how many pairs are in each.

        Raises:
            ShapeError: another number of cells.
        """
        self._nonmated += checks.array(
            counts, "counts", shape=(len(self._nonmated),), dtype=np.int64
        )

    def merge(self, other: PairCounts) -> None:
        """Adds the counts of other pairs.

        Args:
            other: counts over the same cells.

        Raises:
            ShapeError: it has other cells.
        """
        for ours, theirs in (
            (self._similarity, other._similarity),
            (self._quality, other._quality),
        ):
            if not np.array_equal(ours, theirs):
                raise ShapeError("Counts that are added must have the same cells.")
        self._mated += other._mated
        self._nonmated += other._nonmated

    def curve(self, *, fmr: float = 1e-3) -> BoundedCurve:
        """Returns the bounds of the discard curve.

        Args:
            fmr: the wanted false match rate in (0,1).

        Raises:
            InputError: fmr out of range.
            EvidenceError: no mated pair, or too few non-mated pairs to resolve `fmr`.
        """
        mated, nonmated = self.pairs
        if not mated:
            raise EvidenceError(f"A discard curve needs mated pairs, got none of {nonmated} pairs.")
        allowed = allowed_false_matches(nonmated, fmr)
        # the cell of the (allowed + 1)-th largest
        reached = np.cumsum(self._nonmated[::-1])
        cell = len(reached) - 1 - int(np.searchsorted(reached, allowed + 1))
        kept = _from_here_on(self._mated.sum(axis=1))
        sure = _from_here_on(self._mated[:, :cell].sum(axis=1))
        perhaps = sure + _from_here_on(self._mated[:, cell])
        rows = np.flatnonzero(kept)
        # of borders with the same pairs above them the last one says it
        rows = rows[np.append(np.diff(kept[rows]) != 0, True)]
        ends = np.concatenate([[-np.inf], self._similarity[1:-1], [np.inf]])
        return BoundedCurve(
            1 - kept[rows] / mated,
            sure[rows] / kept[rows],
            perhaps[rows] / kept[rows],
            kept[rows],
            (float(ends[cell]), float(ends[cell + 1])),
            fmr,
        )


def _cell(values: NDArray[np.float64], borders: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cell [border, next border) of each value; the first and the last have no outer end."""
    # in float64, so that no float32 value is rounded over a border
    return np.searchsorted(borders[1:-1], values.astype(np.float64), side="right")


def _from_here_on(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(counts[::-1])[::-1]
