"""Which box of one frame is which box of the next: overlap, and the assignment of largest total
benefit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks

__all__ = ["assignment", "iou"]


def iou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Returns the overlap of each pair of boxes, intersection over union, (N,M) in 0..1.

    Args:
        first: (N,4) x, y, width, height; a box without area overlaps nothing.
        second: (M,4) likewise.

    Raises:
        ShapeError, InputError: other shapes, NaN.

    >>> iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 2, 2], [5, 5, 1, 1]]).round(3).tolist()
    [[1.0, 0.333, 0.0]]
    """
    a, b = _boxes(first, "first"), _boxes(second, "second")
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    area_a, area_b = np.prod(a[:, 2:], axis=1), np.prod(b[:, 2:], axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def assignment(benefit: ArrayLike, *, least: float) -> NDArray[np.int64]:
    """Returns the pairs of rows and columns whose benefits add up to the most.

    A pair under `least` is never made, and never keeps another pair from being made.

    Args:
        benefit: (N,M) finite, what each pair is worth, at least 0.
        least: the smallest benefit of a pair, above 0.

    Returns:
        (P,2) row and column of each pair, by row; no row and no column occurs twice.

    Raises:
        ShapeError, InputError: not two axes, NaN, `least` not above 0.

    >>> assignment([[0.9, 0.8], [0.8, 0.1]], least=0.2).tolist()
    [[0, 1], [1, 0]]
    """
    from scipy.optimize import linear_sum_assignment

    checks.in_range(least, "least", 0.0, np.inf, open_low=True)
    table = checks.array(benefit, "benefit", shape=("N", "M"), dtype=np.float64)
    worth = np.where(checks.finite(table, "benefit") >= least, table, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    made = worth[rows, columns] > 0
    return np.stack([rows[made], columns[made]], axis=1).astype(np.int64)


def _boxes(value: ArrayLike, name: str) -> NDArray[np.float64]:
    boxes = np.asarray(value, np.float64)
    # No box at all is a list of none, whatever its second axis.
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    result = checks.finite(checks.array(boxes, name, shape=("N", 4)), name).copy()
    result[:, 2:] = np.clip(result[:, 2:], 0.0, None)
    return result
