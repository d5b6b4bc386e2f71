"""One scale for every method: raw scores to integers 0..100 and to five levels (OFIQ-style; no
claim of ISO conformance)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError

__all__ = [
    "LEVEL_CUTS",
    "Calibration",
    "fitted_calibration",
    "levels",
    "min_max",
    "raw_at",
    "unified_score",
    "unit_score",
    "width_between",
]

LEVEL_CUTS = (20.0, 40.0, 60.0, 80.0)
"""Default cuts on the 0..100 scale between unusable, low, medium, good and perfect."""


@dataclass(frozen=True)
class Calibration:
    """The way from the raw scores of one method to the scale that all methods share.

    Attributes:
        x0: the raw score that becomes 50.
        w: the scale, in raw units, > 0; small is steep.
        level_cuts: four strictly ascending cuts on the 0..100 scale between the five levels.

    Raises:
        InputError: x0 or a cut that is not finite, w not positive, cuts that do not ascend.
        ShapeError: not four cuts.

    >>> Calibration(x0=1.0, w=0.5).unified([0.0, 1.0, 3.0]).tolist()
    [12, 50, 98]
    """

    x0: float
    w: float
    level_cuts: tuple[float, float, float, float] = LEVEL_CUTS

    def __post_init__(self) -> None:
        _check(self.x0, self.w)
        _ascending(self.level_cuts, "level_cuts")

    def unit(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Returns the scores (N,) in 0..1; see `unit_score`.

        Args:
            raw: (N,) raw scores.
        """
        return unit_score(raw, x0=self.x0, w=self.w)

    def unified(self, raw: ArrayLike) -> NDArray[np.int64]:
        """Returns the scores (N,) as integers 0..100; see `unified_score`.

        Args:
            raw: (N,) raw scores.
        """
        return unified_score(raw, x0=self.x0, w=self.w)

    def level(self, raw: ArrayLike) -> NDArray[np.int64]:
        """Returns (N,) indexes into fiqa.vocabulary.LEVELS, of the integers of 0..100.

        Args:
            raw: (N,) raw scores.
        """
        return levels(self.unified(raw), self.level_cuts)

    def raw_at(self, uqs: ArrayLike) -> NDArray[np.float64]:
        """Returns the raw scores (N,) that become `uqs`; see the function `raw_at`.

        Args:
            uqs: (N,) in 0..100.
        """
        return raw_at(uqs, x0=self.x0, w=self.w)


def unit_score(raw: ArrayLike, *, x0: float, w: float) -> NDArray[np.float64]:
    """Returns sigmoid((raw - x0) / w), (N,) in 0..1: the quality that unified_score rounds.

    Args:
        raw, x0, w: as unified_score.

    Raises:
        InputError: as unified_score.

    >>> unit_score([0.0, 1.0, 3.0], x0=1.0, w=0.5).round(3).tolist()
    [0.119, 0.5, 0.982]
    """
    values = checks.finite(checks.array(raw, "raw", shape=("N",), dtype=np.float64), "raw")
    _check(x0, w)
    # exp overflows beyond 709; at 700 the sigmoid is 0 or 1 to the last digit anyway.
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip((values - x0) / w, -700.0, 700.0))))


def unified_score(raw: ArrayLike, *, x0: float, w: float) -> NDArray[np.int64]:
    """Returns round(100 * sigmoid((raw - x0) / w)), a quality on one scale.

    Args:
        raw: (N,) raw scores, higher is better, finite.
        x0: the raw score that becomes 50.
        w: the scale, in raw units, > 0; small is steep.

    Returns:
        (N,) int64 in 0..100, halves rounded to even.

    Raises:
        InputError: a NaN or infinite score, x0 not finite, w not positive.

    >>> unified_score([0.0, 1.0, 3.0], x0=1.0, w=0.5).tolist()
    [12, 50, 98]
    """
    return np.rint(100.0 * unit_score(raw, x0=x0, w=w)).astype(np.int64)


def raw_at(uqs: ArrayLike, *, x0: float, w: float) -> NDArray[np.float64]:
    """Returns the raw score that `unified_score` maps to `uqs`.

    x0 + w * ln(p / (1 - p)) with p = uqs / 100.

    Args:
        uqs: (N,) in 0..100; 0 and 100 give minus and plus infinity.
        x0: as in unified_score.
        w: as in unified_score.

    Returns:
        (N,) float64.

    Raises:
        InputError: a value outside 0..100 (or NaN), x0 not finite, w not positive.

    >>> raw_at([50, 88], x0=1.0, w=0.5).round(3).tolist()
    [1.0, 1.996]
    """
    values = checks.array(uqs, "uqs", shape=("N",), dtype=np.float64)
    _check(x0, w)
    if not np.all((values >= 0) & (values <= 100)):
        raise InputError(
            f"uqs must be in [0, 100], got {values[~((values >= 0) & (values <= 100))][0]}."
        )
    p = values / 100.0
    with np.errstate(divide="ignore"):
        return x0 + w * (np.log(p) - np.log1p(-p))


def min_max(values: ArrayLike) -> NDArray[np.float64]:
    """Returns the values moved and scaled to 0..1, (N,) float64.

    Args:
        values: (N,) numbers; NaN stays NaN, equal values become 0.

    Raises:
        ShapeError: not one axis.

    >>> min_max([3.0, float("nan"), 5.0, 4.0]).tolist(), min_max([2.0, 2.0]).tolist()
    ([0.0, nan, 1.0, 0.5], [0.0, 0.0])
    """
    value = checks.array(values, "values", shape=("N",), dtype=np.float64)
    numbers = value[~np.isnan(value)]
    if not len(numbers):
        return value
    low, high = numbers.min(), numbers.max()
    return np.asarray((value - low) / (high - low if high > low else 1.0))


def levels(score: ArrayLike, cuts: ArrayLike = LEVEL_CUTS) -> NDArray[np.int64]:
    """Returns the level of each score: how many of the four cuts it reaches.

    A score on a cut has reached it.

    Args:
        score: (N,) finite, on the scale of `cuts`.
        cuts: (4,) strictly ascending.

    Returns:
        (N,) int64 index into fiqa.vocabulary.LEVELS, 0 unusable .. 4 perfect.

    Raises:
        ShapeError: not four cuts.
        InputError: cuts not ascending, or a score that is not finite.

    >>> levels([10, 20, 55, 99]).tolist()
    [0, 1, 2, 4]
    """
    values = checks.finite(checks.array(score, "score", shape=("N",), dtype=np.float64), "score")
    return np.searchsorted(_ascending(cuts, "cuts"), values, side="right").astype(np.int64)


def fitted_calibration(scores: ArrayLike) -> Calibration:
    """Returns the calibration of a model from its raw scores on faces like those it will meet.

    The median becomes 50 and the width is such that 5th and 95th percentile lie 80 apart if the
    scores are symmetric (10 and 90). The cuts between levels are those of every model
    (LEVEL_CUTS), so that a level means one thing.

    Args:
        scores: (N,) finite raw scores, at least 20.

    Raises:
        EvidenceError: fewer than 20, or 9 in 10 are equal.
        InputError: NaN.

    >>> calibration = fitted_calibration(np.linspace(0, 1, 101, dtype=np.float32))
    >>> round(calibration.x0, 3), round(calibration.w, 3), calibration.level_cuts
    (0.5, 0.205, (20.0, 40.0, 60.0, 80.0))
    """
    values = checks.finite(checks.array(scores, "scores", shape=("N",), dtype=np.float64), "scores")
    if len(values) < 20:
        raise EvidenceError(f"a calibration needs at least 20 scores, got {len(values)}.")
    low, middle, high = np.percentile(values, (5, 50, 95))
    if not high > low:
        raise EvidenceError(
            f"a calibration needs scores that differ, 9 in 10 of {len(values)} are {middle}."
        )
    return Calibration(x0=float(middle), w=width_between(low, high))


def width_between(low: float, high: float) -> float:
    """Returns the width of a calibration that lays two raw scores 80 apart.

    >>> round(width_between(0.0, 1.0), 3)
    0.228
    """
    return float((high - low) / (2 * raw_at([90], x0=0.0, w=1.0)[0]))


def _ascending(cuts: ArrayLike, name: str) -> NDArray[np.float64]:
    edges = checks.finite(checks.array(cuts, name, shape=(4,), dtype=np.float64), name)
    if not np.all(np.diff(edges) > 0):
        raise InputError(f"{name} must be strictly ascending, got {edges.tolist()}.")
    return edges


def _check(x0: float, w: float) -> None:
    checks.in_range(x0, "x0", -np.inf, np.inf, open_low=True, open_high=True)
    checks.in_range(w, "w", 0.0, np.inf, open_low=True, open_high=True)
