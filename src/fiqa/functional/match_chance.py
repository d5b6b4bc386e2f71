"""The chance of a correct match by quality: a step function that never falls, and how wrong it is
for people it has not seen.

A mated pair matches or it does not; its quality is the lesser one of its two images. The chance is
the isotonic regression of matches on quality, each person with the weight 1 whatever the number of
pairs. It assumes no shape but that a better image does not match more rarely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError

__all__ = ["FEWEST", "ChanceCurve", "Reliability", "chance_curve", "left_out_chance", "reliability"]

FEWEST = 10
"""People below which there is no curve."""
_FOLDS = 50


@dataclass(frozen=True)
class ChanceCurve:
    """A chance that never falls with quality.

    Attributes:
        quality: (K,) ascending, where the curve bends.
        chance: (K,) in 0..1, not descending; between two places a straight line, beyond the ends
            the last value.
    """

    quality: tuple[float, ...]
    chance: tuple[float, ...]

    def at(self, quality: ArrayLike) -> NDArray[np.float64]:
        """Returns the chance (N,) of each quality.

        Args:
            quality: (N,), NaN stays NaN.

        >>> ChanceCurve((0.0, 1.0), (0.5, 0.9)).at([-1.0, 0.5, 2.0]).round(2).tolist()
        [0.5, 0.7, 0.9]
        """
        value = checks.array(quality, "quality", shape=("N",), dtype=np.float64)
        return np.asarray(np.interp(value, self.quality, self.chance))


@dataclass(frozen=True)
class Reliability:
    """How wrong chances are, people weighted alike.

    Attributes:
        brier: the mean squared distance of chance and outcome.
        base: the same of one chance for all: what quality must beat.
        told: the mean chance of each tenth of the weight, from the lowest.
        seen: the share that matched in each.
    """

    brier: float
    base: float
    told: tuple[float, ...]
    seen: tuple[float, ...]


def chance_curve(quality: ArrayLike, matched: ArrayLike, person: ArrayLike) -> ChanceCurve:
    """Returns the curve of mated pairs.

    Args:
        quality: (M,) of the lesser image of each pair.
        matched: (M,) whether it matches.
        person: (M,) who is on it.

    Raises:
        EvidenceError: fewer than 10 people.
        InputError, ShapeError: NaN, or arrays that do not fit.

    >>> curve = chance_curve(np.arange(20.0), np.arange(20) > 9, np.arange(20))
    >>> curve.at([0.0, 19.0]).tolist()
    [0.0, 1.0]
    """
    value, outcome, _, weight = _checked(quality, matched, person)
    return _curve(value, outcome, weight)


def left_out_chance(
    quality: ArrayLike, matched: ArrayLike, person: ArrayLike
) -> NDArray[np.float64]:
    """Returns the chance (M,) of each pair by the curve of other people.

    Each person is left out in turn; beyond 50 people, a fiftieth of them at a time.

    Args:
        quality: (M,) as `chance_curve`.
        matched: (M,) as `chance_curve`.
        person: (M,) as `chance_curve`.

    Raises: as `chance_curve`.
    """
    value, outcome, code, weight = _checked(quality, matched, person)
    fold = code % _FOLDS
    chance = np.empty(len(value))
    for each in np.unique(fold):
        out = fold == each
        chance[out] = _curve(value[~out], outcome[~out], weight[~out]).at(value[out])
    return chance


def reliability(
    chance: ArrayLike, matched: ArrayLike, person: ArrayLike, *, bins: int = 10
) -> Reliability:
    """Returns how wrong chances are.

    Args:
        chance: (M,) in 0..1.
        matched: (M,) whether each pair matches.
        person: (M,) who is on it.
        bins: parts of equal weight.

    Raises: as `chance_curve`.
    """
    value, outcome, _, weight = _checked(chance, matched, person)
    rate = float(np.average(outcome, weights=weight))
    order = np.argsort(value, kind="stable")
    before = np.cumsum(weight[order]) - 0.5 * weight[order]
    place = np.minimum((bins * before / weight.sum()).astype(np.int64), bins - 1)
    parts = [order[place == k] for k in range(bins) if np.any(place == k)]
    return Reliability(
        float(np.average((value - outcome) ** 2, weights=weight)),
        float(np.average((rate - outcome) ** 2, weights=weight)),
        tuple(float(np.average(value[rows], weights=weight[rows])) for rows in parts),
        tuple(float(np.average(outcome[rows], weights=weight[rows])) for rows in parts),
    )


def _checked(quality: ArrayLike, matched: ArrayLike, person: ArrayLike) -> tuple[Any, ...]:
    value = checks.finite(
        checks.array(quality, "quality", shape=("M",), dtype=np.float64), "quality"
    )
    outcome = checks.array(matched, "matched", shape=value.shape, dtype=np.float64)
    people, code = np.unique(np.asarray(person), return_inverse=True)
    checks.array(code, "person", shape=value.shape)
    if len(people) < FEWEST:
        raise EvidenceError(
            f"A calibration must have mated pairs of at least {FEWEST} people, got {len(people)}."
        )
    return value, outcome, code, 1.0 / np.bincount(code)[code]


def _curve(
    value: NDArray[np.float64], outcome: NDArray[np.float64], weight: NDArray[np.float64]
) -> ChanceCurve:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    model.fit(value, outcome, sample_weight=weight)
    return ChanceCurve(
        tuple(map(float, model.X_thresholds_)), tuple(map(float, model.y_thresholds_))
    )
