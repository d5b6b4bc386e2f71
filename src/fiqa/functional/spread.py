"""How far a score uses its range: a score that says the same of every face is of no use, however
right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError

__all__ = ["Spread", "spread", "standardized", "stretched"]

BINS = 20
"""Equal bins of [0,1] of which the entropy is taken; the largest entropy is ln 20 = 2.996 nats."""
ENDS = (0.01, 0.99)
"""Quantiles that become 0 and 1 where a score has no scale of its own and nobody says which."""


@dataclass(frozen=True)
class Spread:
    """How widely scores are spread, in three measures.

    Attributes:
        q90_q10: 90th less 10th percentile.
        std: population standard deviation.
        entropy: in nats, of a histogram of BINS bins on [0,1].
        count: how many scores.
    """

    q90_q10: float
    std: float
    entropy: float
    count: int


def spread(score: ArrayLike) -> Spread:
    """Returns how widely the scores are spread (DmsFIQA, Table 4).

    Args:
        score: (N,) in [0,1].

    Raises:
        ShapeError: not one axis.
        InputError: NaN, or a value outside [0,1].
        EvidenceError: no score at all.

    >>> s = spread([0.0, 0.25, 0.5, 0.75, 1.0])
    >>> round(s.q90_q10, 3), round(s.std, 3), round(s.entropy, 3)
    (0.8, 0.354, 1.609)
    """
    values = checks.finite(checks.array(score, "score", shape=("N",), dtype=np.float64), "score")
    if not len(values):
        raise EvidenceError("spread needs at least one score, got 0.")
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"score must lie in [0, 1], got {values.min()}..{values.max()}.",
            hint="calibrate raw scores first; the entropy is of a histogram on [0, 1]",
        )
    low, high = np.quantile(values, (0.1, 0.9))
    share = np.histogram(values, bins=BINS, range=(0.0, 1.0))[0] / len(values)
    # 0 ln 0 is 0: an empty bin adds nothing.
    share = share[share > 0]
    return Spread(
        float(high - low),
        float(values.std()),
        # The sum is never positive; abs also makes -0.0 a 0.0.
        float(abs(np.sum(share * np.log(share)))),
        len(values),
    )


def stretched(score: ArrayLike, ends: tuple[float, float] = ENDS) -> NDArray[np.float64]:
    """Returns a score without a scale in [0,1]: one quantile at 0, another at 1.

    What lies beyond goes to the ends; a constant score becomes 0.

    The spread of the result says how evenly the score fills its own range, not how much of a range
    that a user knows; ours, no paper has it.

    Args:
        score: (N,) any finite scale.
        ends: the two quantiles, ascending in 0..1.

    Raises:
        ShapeError: not one axis.
        InputError: NaN or infinity.
        EvidenceError: no score at all.

    >>> stretched([-30.0, -20.0, -10.0]).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    values = checks.finite(checks.array(score, "score", shape=("N",), dtype=np.float64), "score")
    if not len(values):
        raise EvidenceError("stretched needs at least one score, got 0.")
    low, high = np.quantile(values, ends)
    return np.clip((values - low) / (high - low if high > low else 1.0), 0.0, 1.0)


def standardized(score: ArrayLike) -> NDArray[np.float64]:
    """Returns the scores less their mean, over their population standard deviation.

    Scores of one value are 0 each: they are nowhere but at their mean.

    Args:
        score: (N,) finite.

    Returns:
        (N,) without unit; (0,) for no score.

    Raises:
        ShapeError: not one axis.
        InputError: NaN or infinite.

    >>> standardized([1.0, 3.0]).round(9).tolist(), standardized([0.1, 0.1, 0.1]).tolist()
    ([-1.0, 1.0], [0.0, 0.0, 0.0])
    """
    values = checks.finite(checks.array(score, "score", shape=("N",), dtype=np.float64), "score")
    # The mean of equal numbers can differ from them in the last bit.
    if not len(values) or np.ptp(values) == 0:
        return np.zeros(len(values))
    far = np.abs(values).max()
    # Scaled first: squares of large numbers would overflow, of small ones vanish.
    scaled = values / far
    return (scaled - scaled.mean()) / scaled.std()
