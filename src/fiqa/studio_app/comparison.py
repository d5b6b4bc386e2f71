"""Two scores of the same faces: how far they agree, and over which faces they differ most."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.agreement import spearman

__all__ = ["Comparison", "compared"]

_DOTS = 1500
_CELLS = 48


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two scores side by side.

    Attributes:
        rows: (n,) faces that have both.
        first: (n,) share of the faces with a lower first score, ties halved, in 0..1.
        second: (n,) likewise.
        spearman: rank correlation, None where a score does not differ.
    """

    rows: NDArray[np.int64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    spearman: float | None

    def disputed(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns places among `rows`: those that the first score holds for much better than the
        second does, and those that it holds for much worse; the most disputed first.

        Args:
            most: of each.
        """
        gap = self.first - self.second
        order = np.argsort(-gap, kind="stable")
        better, worse = order[gap[order] > 0], order[::-1][gap[order[::-1]] < 0]
        return better[:most], worse[:most]

    def marks(self) -> list[tuple[float, float, float]]:
        """Returns (x, y, opacity) of what a scatter shows, x and y in 0..1: each face, or of very
        many the cells of a grid, which are as dark as they are full."""
        if len(self.rows) <= _DOTS:
            pairs = zip(self.first.tolist(), self.second.tolist(), strict=True)
            return [(x, y, 0.55) for x, y in pairs]
        place = [
            np.minimum((v * _CELLS).astype(np.int64), _CELLS - 1) for v in (self.first, self.second)
        ]
        counts = np.bincount(place[0] * _CELLS + place[1], minlength=_CELLS**2)
        top = math.log1p(int(counts.max()))
        return [
            ((cell // _CELLS + 0.5) / _CELLS, (cell % _CELLS + 0.5) / _CELLS,
             round(0.1 + 0.9 * math.log1p(int(counts[cell])) / top, 2))
            for cell in np.flatnonzero(counts).tolist()
        ]  # fmt: skip


def compared(first: NDArray[np.float64], second: NDArray[np.float64]) -> Comparison:
    """Returns two scores of the same N faces, compared over those that have both.

    Args:
        first: (N,) numbers, NaN without.
        second: (N,) likewise.

    >>> found = compared(np.array([1.0, 2, 3, np.nan]), np.array([1.0, 3, 2, 4]))
    >>> found.spearman, found.rows.tolist()
    (0.5, [0, 1, 2])
    """
    rows = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    a, b = first[rows], second[rows]
    differ = len(rows) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    return Comparison(rows, _share(a), _share(b), float(spearman(a, b)) if differ else None)


def _share(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of the others are lower, ties halved."""
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return (low + high - 1) / 2 / max(len(values) - 1, 1)
