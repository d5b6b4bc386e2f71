"""From coarse quality to levels, and from levels to continuous labels (DmsFIQA, section 3)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.identities import encode, groups
from fiqa.vocabulary import LEVELS

__all__ = [
    "INTERVALS",
    "coarse_levels",
    "fine_labels",
    "fine_positions",
    "level_thresholds",
]

_LOW, _HIGH = 0.2, 0.9
_THIRDS = 3
_EDGES = np.linspace(_LOW, _HIGH, 3 * _THIRDS + 1)
INTERVALS: tuple[tuple[float, float], ...] = (
    (0.0, _LOW),
    *((float(a), float(b)) for a, b in pairwise(_EDGES)),
    (_HIGH, 1.0),
)
"""Eleven label intervals, worst to best: unusable, three of low, three of medium, three of good,
perfect.

The paper states the first and the last; the nine between are ours and tile (0.2, 0.9) evenly.
"""


def level_thresholds(
    quality: ArrayLike, percentiles: tuple[float, float, float, float] = (10, 35, 65, 90)
) -> NDArray[np.float64]:
    """Returns four ascending thresholds at percentiles of the target data's coarse quality: (4,).

    >>> level_thresholds(range(101)).tolist()
    [10.0, 35.0, 65.0, 90.0]
    """
    value = checks.finite(
        checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality"
    )
    if not len(value):
        raise InputError("quality must have at least one value to take percentiles of, got none.")
    return np.percentile(value, percentiles)


def coarse_levels(quality: ArrayLike, thresholds: ArrayLike) -> NDArray[np.int64]:
    """Returns the level of every image: 0 unusable, 1 low, 2 medium, 3 good, 4 perfect.

    Q >= th4 is perfect, Q < th1 unusable: a value on a threshold belongs to the better level.

    Args:
        quality: (N,) coarse quality, any range.
        thresholds: (4,) ascending.

    Raises:
        ShapeError, InputError: NaN, or thresholds that do not ascend.

    >>> coarse_levels([0.1, 0.2, 0.5, 0.95], [0.2, 0.4, 0.6, 0.9]).tolist()
    [0, 1, 2, 4]
    """
    value = checks.finite(
        checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality"
    )
    cuts = checks.finite(
        checks.array(thresholds, "thresholds", shape=(4,), dtype=np.float64), "thresholds"
    )
    if np.any(np.diff(cuts) < 0):
        raise InputError(f"thresholds must ascend, got {cuts.tolist()}.")
    return np.searchsorted(cuts, value, side="right").astype(np.int64)


def fine_labels(
    levels: ArrayLike,
    similarity: ArrayLike,
    identities: ArrayLike,
    *,
    intervals: ArrayLike | None = None,
    epsilon: float = 0.0,
    within: Literal["rank", "uniform"] = "rank",
    seed: int = 0,
) -> NDArray[np.float32]:
    """Returns continuous labels: in an identity and level, more like the template is better.

    See [1, 3.3].

    The images of one identity and one of low, medium, good are ordered by similarity and split in
    thirds; the best third goes to the level's top interval. Unusable and perfect have one interval
    each. A third holds the images whose rank fraction (k + 0.5)/n lies in it, so a lone image is in
    the middle one.

    Args:
        levels: (N,) int 0..4, from `coarse_levels`.
        similarity: (N,) cosine to the template of the image's identity.
        identities: (N,) who is on the image.
        intervals: (11, 2) low and high, worst to best; default INTERVALS.
        epsilon: width of an added U(0, epsilon) jitter; the paper's smoothing.
        within: "rank" (default) spaces the images of a group evenly in the order of similarity, and
            hands jitter out in that order too, so the order inside a third survives; "uniform" is
            the paper's clip(U(a,b) + U(0,epsilon), 0, 1), which forgets it.
        seed: decides every draw.

    Returns:
        (N,) float32 in [0, 1].

    Raises:
        ShapeError, InputError: levels outside 0..4, NaN, epsilon outside [0,1], intervals outside
            [0,1] or reversed.

    >>> fine_labels([3, 3, 3, 0], [0.9, 0.5, 0.7, 0.1], ["a"] * 4).round(3)
    array([0.861, 0.706, 0.783, 0.1  ], dtype=float32)
    """
    slot = fine_positions(levels, similarity, identities)
    n = len(slot)
    ratio = np.asarray(similarity, np.float64)
    code, _ = encode(identities, n)
    checks.choice(within, "within", ("rank", "uniform"))
    checks.in_range(epsilon, "epsilon", 0.0, 1.0)
    table = _intervals(intervals)
    rng = np.random.default_rng(seed)
    result = np.empty(n)
    for rows in groups(code * len(INTERVALS) + slot):
        ordered = rows[np.argsort(ratio[rows], kind="stable")]
        result[ordered] = _place(table[slot[rows[0]]], len(rows), epsilon, within, rng)
    return np.clip(result, 0.0, 1.0).astype(np.float32)


def fine_positions(
    levels: ArrayLike, similarity: ArrayLike, identities: ArrayLike
) -> NDArray[np.int64]:
    """Returns which of the eleven INTERVALS each image's label lies in: (N,) int 0..10.

    See `fine_labels`.

    Raises:
        ShapeError, InputError: levels outside 0..4, NaN.

    >>> fine_positions([3, 3, 3, 0, 4], [0.9, 0.5, 0.7, 0.1, 1.0], ["a"] * 5).tolist()
    [9, 7, 8, 0, 10]
    """
    level = checks.array(levels, "levels", shape=("N",), dtype=np.int64)
    n = len(level)
    ratio = checks.finite(
        checks.array(similarity, "similarity", shape=(n,), dtype=np.float64), "similarity"
    )
    code, _ = encode(identities, n)
    if n and (level.min() < 0 or level.max() > len(LEVELS) - 1):
        raise InputError(
            f"levels must be in 0..{len(LEVELS) - 1}, got {level.min()}..{level.max()}."
        )
    result = np.where(level == 0, 0, len(INTERVALS) - 1)
    middle = np.flatnonzero((level > 0) & (level < len(LEVELS) - 1))
    for where in groups((code * len(LEVELS) + level)[middle]):
        rows = middle[where]
        ordered = rows[np.argsort(ratio[rows], kind="stable")]
        third = (_THIRDS * (np.arange(len(rows)) + 0.5) / len(rows)).astype(int)
        result[ordered] = 1 + _THIRDS * (level[rows[0]] - 1) + third
    return result


def _place(
    interval: NDArray[np.float64], count: int, epsilon: float, within: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Ascending labels of one group (in any order for "uniform")."""
    low, high = interval
    jitter = rng.uniform(0.0, epsilon, count)
    if within == "uniform":
        return rng.uniform(low, high, count) + jitter
    # Jitter that ascends with the labels cannot change their order.
    return low + (high - low) * (np.arange(count) + 0.5) / count + np.sort(jitter)


def _intervals(intervals: ArrayLike | None) -> NDArray[np.float64]:
    table = checks.array(
        INTERVALS if intervals is None else intervals,
        "intervals",
        shape=(len(INTERVALS), 2),
        dtype=np.float64,
    )
    if not (np.all(table[:, 0] <= table[:, 1]) and table.min() >= 0 and table.max() <= 1):
        raise InputError("intervals must be (low, high) with 0 <= low <= high <= 1 in every row.")
    return table
