"""A change that builds up drive by drive: one-sided cumulative sums (Page, Biometrika 1954), their
average run length, and normal scores, which make it hold whatever the distribution.

    S_0 = 0, S_n = max(0, S_(n-1) + z_n - k)          alarm where S_n > h

z is a drive's number as a normal score among the n drives of the reference: the mean of a standard
normal variable over the part of it that the number's ranks take, from a/n to b/n where a drives
are lower and b are not higher. As a conditional mean it has mean 0 and, by Jensen's inequality, no
larger exponential moment than the normal itself, whatever the number is, how long its tails are
and how many drives share a value (no frame covered): a chart is then slower, never more nervous.
One drive alone never says more than n drives can tell: with 100, z is at most 2.67.

Average run length, from Siegmund's corrected diffusion approximation [1, eq. 2.56]: with the mean
drift d = E[z] - k, the root t of E[exp(t (z - k))] = 1 other than 0, and b = h + 1.166 sd(z),

    ARL = (exp(t b) - t b - 1) / (-t d)

For normal z with mean m and variance 1 the root is t = -2 d, so that with d = m - k

    ARL = (exp(-2 d b) + 2 d b - 1) / (2 d^2),        b^2 where d = 0

It is within 1 % of the exact 335.4 (338) and 930.9 (938) drives of k = .5 and h = 4 and 5 [2].

The reference has n drives only, and a chart around a center and a spread that are slightly wrong
alarms far more often than it says. Which chances the n + 1 gaps between the drives of the reference
really have is a draw from Dirichlet(1, ..., 1), whatever the distribution. So `limit` draws DRAWS
such chances and takes the h at which nine tenths of them have the wanted run length: nine of ten
references keep the promise [3]. The allowance k = 0.5 + 1.2816/sqrt(n) is wider than .5 by what the
center may be wrong, which makes h smaller than it would be otherwise.

[1] Siegmund, Sequential Analysis, Springer 1985.
[2] Lucas and Crosier, Technometrics 1982; Hawkins and Olwell, Cumulative Sum Charts, 1998.
[3] After Gandy and Kvaloy, Scandinavian Journal of Statistics 2013, who use a bootstrap for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError

__all__ = ["ALLOWANCE", "allowance", "cumulative", "limit", "normal_scores", "run_length"]

Floats = NDArray[np.float64]

ALLOWANCE = 0.5
"""k of a reference without end: half of the shift, one standard deviation of drives, that is found
fastest."""
_OVERSHOOT = 1.166
"""Twice .583, the mean overshoot of a normal random walk over a boundary (Siegmund)."""
_ONE_SIDED_90 = 1.2815515655446004
_KEPT = 0.9
"""Share of the references that keep the promise."""
DRAWS = 400
"""Chances of the gaps that are drawn."""
MOST = 1000
"""A reference of more drives counts as one of so many."""


def allowance(reference: int) -> float:
    """Returns the allowance k of a chart whose reference has so many drives.

    Args:
        reference: how many, at least 1.

    Raises:
        InputError: fewer than 1.

    >>> round(allowance(100), 3)
    0.628
    """
    checks.in_range(reference, "reference", 1, math.inf)
    return ALLOWANCE + _ONE_SIDED_90 / math.sqrt(min(reference, MOST))


def run_length(limit: float, allowance: float, shift: float = 0.0) -> float:
    """Returns the average number of drives until a one-sided chart of normal z alarms.

    Args:
        limit: h, at least 0, in standard deviations.
        allowance: k, at least 0.
        shift: the mean of z; 0 is in control.

    Raises:
        InputError: a number out of range.

    >>> round(run_length(4, 0.5)), round(run_length(5, 0.5))
    (338, 938)
    """
    checks.in_range(limit, "limit", 0.0, math.inf)
    checks.in_range(allowance, "allowance", 0.0, math.inf)
    drift = np.array([shift - allowance])
    return float(_run_lengths(limit, -2.0 * drift, drift, np.ones(1))[0])


def _run_lengths(height: float, root: Floats, drift: Floats, spread: Floats) -> Floats:
    """The average run lengths (R,) of charts with such roots, drifts and deviations of z."""
    barrier = height + _OVERSHOOT * spread
    power = np.minimum(root * barrier, 700.0)  # more than a float holds
    still = np.abs(root) < 1e-6
    slope = np.where(still, 1.0, -root * drift)
    return np.where(still, (barrier / spread) ** 2, (np.exp(power) - power - 1.0) / slope)


def limit(drives: float, reference: int) -> float:
    """Returns the limit h at which a one-sided chart in control alarms once in so many drives, or
    more rarely, for nine of ten references of this size.

    Args:
        drives: the wanted average run length, at least 2.
        reference: the drives of the reference, at least 1.

    Raises:
        InputError: a number out of range.

    >>> limit(1000, 100) < limit(10_000, 100) < limit(10_000, 50)
    True
    """
    checks.in_range(drives, "drives", 2.0, 1e250)
    checks.in_range(reference, "reference", 1, math.inf)
    chances = _chances(min(int(reference), MOST))
    low, high = 0.0, 1.0
    while _promised(high, chances) < drives and high < 1e6:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _promised(middle, chances) < drives else (low, middle)
    return high


def _promised(height: float, chances: tuple[Floats, Floats, Floats]) -> float:
    return float(np.quantile(_run_lengths(height, *chances), 1.0 - _KEPT))


@lru_cache(maxsize=256)
def _chances(reference: int) -> tuple[Floats, Floats, Floats]:
    """Roots, drifts and deviations of z - k (DRAWS,) under draws of the chances of the gaps."""
    k = allowance(reference)
    steps = normal_scores(np.arange(reference + 1) - 0.5, np.arange(reference)) - k
    weight = np.random.default_rng(0).exponential(size=(DRAWS, reference + 1))
    weight /= weight.sum(axis=1, keepdims=True)
    drift = weight @ steps
    spread = np.sqrt(np.maximum(weight @ steps**2 - drift**2, 1e-12))
    # E[exp(t step)] is convex with the value 1 at 0: the other root is above 0 where the drift is
    # below, and nothing holds a chart where it is not
    low, high = np.zeros(DRAWS), np.full(DRAWS, 60.0 / max(float(np.abs(steps).max()), 1.0))
    for _ in range(50):
        middle = (low + high) / 2.0
        under = np.sum(weight * np.exp(middle[:, None] * steps), axis=1) < 1.0
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    falling = drift < 0
    return np.where(falling, low, 0.0), np.where(falling, drift, -1.0), spread


def normal_scores(value: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Returns the normal scores (N,) of numbers among those of a reference; see the module's text.

    A number between two of the reference takes half a rank on either side, one beyond them the
    outermost rank.

    Args:
        value: (N,) finite.
        reference: (M,) finite.

    Raises:
        ShapeError: not one axis.
        InputError: NaN or infinity.
        EvidenceError: no reference.

    >>> normal_scores([-9, 9], [1, 2, 3]).round(2).tolist()
    [-1.09, 1.09]
    """
    from scipy.special import ndtri

    given = checks.floats(value, "value", shape=("N",))
    known = np.sort(checks.floats(reference, "reference", shape=("M",)))
    if not len(known):
        raise EvidenceError("normal_scores needs a reference of at least one number, got 0.")
    below = np.searchsorted(known, given, side="left").astype(np.float64)
    upto = np.searchsorted(known, given, side="right").astype(np.float64)
    new = below == upto
    low = np.where(new, np.clip(below - 0.5, 0.0, len(known) - 1.0), below) / len(known)
    high = np.where(new, low + 1.0 / len(known), upto / len(known))
    return (_density(ndtri(low)) - _density(ndtri(np.minimum(high, 1.0)))) / (high - low)


def _density(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard normal density, 0 at infinity."""
    return np.asarray(np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi), np.float64)


def cumulative(scores: Iterable[float], allowance: float, start: float = 0.0) -> list[float]:
    """Returns the sum S after each score.

    Args:
        scores: z of each drive in order; their negative for the chart that looks downward.
        allowance: k.
        start: the sum before the first.

    >>> cumulative([1.0, 2.0, -5.0], 0.5)
    [0.5, 2.0, 0.0]
    """
    sums, now = [], start
    for score in scores:
        now = max(0.0, now + float(score) - allowance)
        sums.append(now)
    return sums
