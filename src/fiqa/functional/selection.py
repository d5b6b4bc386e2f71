"""Which images to keep: the best of each group, or all that reach a threshold, and the share that
is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError

__all__ = ["above", "coverage", "top_k"]


def top_k(quality: ArrayLike, groups: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Returns a mask (N,) of the k best rows of each group; a group with fewer keeps all.

    Among equal qualities the earlier row is kept.

    Args:
        quality: (N,) higher is better.
        groups: (N,) identity or track of each row.
        k: at least 1.

    Raises:
        ShapeError, InputError: shapes, NaN, k below 1.

    >>> top_k([0.1, 0.9, 0.9, 0.5], ["a", "a", "a", "b"], 1).tolist()
    [False, True, False, True]
    """
    value = checks.finite(
        checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality"
    )
    group = checks.array(groups, "groups", shape=(len(value),))
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")
    code = np.unique(group, return_inverse=True)[1]
    # By group, then from the best down; the sort is stable, so that ties stay in their order.
    order = np.lexsort((-value, code))
    first = np.searchsorted(code[order], code[order], side="left")
    mask = np.zeros(len(value), bool)
    mask[order] = np.arange(len(value)) - first < k
    return mask


def above(quality: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Returns a mask (N,) of the rows whose quality reaches `threshold` (equal is kept).

    Args:
        quality: (N,) higher is better.
        threshold: the quality to reach.

    Raises:
        ShapeError, InputError: not (N,), NaN in either.

    >>> above([0.1, 0.5, 0.9], 0.5).tolist()
    [False, True, True]
    """
    value = checks.finite(checks.array(quality, "quality", shape=("N",)), "quality")
    if np.isnan(threshold):
        raise InputError("threshold must be a number, got NaN.")
    return np.asarray(value >= threshold)


def coverage(mask: ArrayLike) -> float:
    """Returns the share of rows kept, in [0,1].

    Args:
        mask: (N,) True for the rows kept.

    Raises:
        ShapeError: not (N,).
        EvidenceError: no row.

    >>> coverage([True, True, False, False])
    0.5
    """
    kept = checks.array(mask, "mask", shape=("N",), dtype=np.bool_)
    if not len(kept):
        raise EvidenceError("coverage needs at least one row, got 0.")
    return float(kept.mean())
