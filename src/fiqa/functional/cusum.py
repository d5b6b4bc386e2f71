"""A change that builds up drive by drive: one-sided cumulative sums (Page, Biometrika 1954), their
average run length, and normal scores, which make it hold whatever the distribution.

    S_0 = 0, S_n = max(0, S_(n-1) + z_n - k)          alarm where S_n > h

z is a drive's number as a normal score among the n drives of the reference: the mean of a standard
normal variable over the part of it that the number's ranks take, from a/n to b/n where a drives
are lower and b are not higher. As a conditional mean it has mean 0 and, by Jensen's inequality, no
larger exponential moment than the normal itself, whatever the number is, how long its tails are
and how many drives share a value (no frame covered): a chart is then slower, never more nervous.
One drive alone never says more than n drives can tell: with 100, z is at most 2.67.

Average run length, from Siegmund's corrected diffusion approximation [1, eq. 2.56]: for normal z
with mean m and variance 1, d = m - k and b = h + 1.166,

    ARL = (exp(-2 d b) + 2 d b - 1) / (2 d^2),        b^2 where d = 0

In control m = 0 and d = -k. It is within 1 % of the exact 335.4 (338) and 930.9 (938) drives of
k = .5 and h = 4 and 5 [2].

The reference has a finite number of drives, so its own center is uncertain by about 1/sqrt(n), and
a chart around a wrong center alarms far more often than it says. The allowance is widened by the
one-sided 90 % quantile of that error: k = 0.5 + 1.2816/sqrt(n). In nine of ten references the true
rate of false alarms then stays below the wanted one [3].

[1] Siegmund, Sequential Analysis, Springer 1985.
[2] Lucas and Crosier, Technometrics 1982; Hawkins and Olwell, Cumulative Sum Charts, 1998.
[3] After Gandy and Kvaloy, Scandinavian Journal of Statistics 2013, who use a bootstrap for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError

__all__ = ["ALLOWANCE", "allowance", "cumulative", "limit", "normal_scores", "run_length"]

ALLOWANCE = 0.5
"""k of a reference without end: half of the shift, one standard deviation of drives, that is found
fastest."""
_OVERSHOOT = 1.166
"""Twice .583, the mean overshoot of a normal random walk over a boundary (Siegmund)."""
_ONE_SIDED_90 = 1.2815515655446004


def allowance(drives: int) -> float:
    """Returns the allowance k of a chart whose reference has so many drives.

    Args:
        drives: of the reference, at least 1.

    Raises:
        InputError: fewer than 1.

    >>> round(allowance(100), 3)
    0.628
    """
    checks.in_range(drives, "drives", 1, math.inf)
    return ALLOWANCE + _ONE_SIDED_90 / math.sqrt(drives)


def run_length(limit: float, allowance: float, shift: float = 0.0) -> float:
    """Returns the average number of drives until a one-sided chart alarms.

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
    drift, height = shift - allowance, limit + _OVERSHOOT
    if abs(drift) < 1e-6:
        return height**2
    power = -2.0 * drift * height
    if power > 700.0:  # more than a float holds
        return math.inf
    return (math.exp(power) - power - 1.0) / (2.0 * drift**2)


def limit(drives: float, allowance: float) -> float:
    """Returns the limit h at which a one-sided chart in control alarms once in so many drives.

    Args:
        drives: the wanted average run length, at least 2.
        allowance: k, above 0.

    Raises:
        InputError: a number out of range.

    >>> round(limit(938, 0.5), 2)
    5.0
    """
    checks.in_range(drives, "drives", 2.0, 1e300)
    checks.in_range(allowance, "allowance", 0.0, math.inf, open_low=True)
    low, high = 0.0, 700.0 / (2.0 * allowance)
    for _ in range(100):
        middle = (low + high) / 2.0
        low, high = (middle, high) if run_length(middle, allowance) < drives else (low, middle)
    return (low + high) / 2.0


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
