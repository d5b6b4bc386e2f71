"""Which points of a discard curve are drawn, and how its last step ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.result import thinned

__all__ = ["held", "points"]

_POINTS = 600
"""More points of a line than pixels would only make the SVG larger."""


def points(
    discard: NDArray[np.float64], upto: float, most: int = _POINTS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns which points of a curve are drawn up to a discard fraction, and their discard in
    percent.

    Args:
        discard: (K,) of each point, in 0..1, ascending.
        upto: in 0..1.
        most: points.
    """
    inside = int(np.searchsorted(discard, upto, side="right"))
    rows = thinned(max(inside, 1), most)
    return rows, 100 * discard[rows]


def held(
    x: NDArray[np.float64], y: NDArray[np.float64], end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns a step that goes on beyond the end of the plot, drawn up to it.

    Args:
        x: (K,) ascending.
        y: (K,) from each x on.
        end: of the plot.
    """
    return np.append(x, end), np.append(y, y[-1])
