"""Whether scores have moved or shrunk against a reference, on histograms of drives.

The unit is the drive. Frames of one drive are alike (their neighbors correlate with .8), so tests
that count frames alarm on nothing; here whole drives are permuted and drawn, and a drive's frames
stay together.

    PSI = sum_i (q_i - p_i) ln(q_i / p_i)       p, q: shares of bin i, half a count added to each
    KS  = max_i |P_i - Q_i|                     P, Q: cumulated shares

A histogram has BINS equal bins between two ends, what lies beyond in the first and the last.
Spread is measured on it as fiqa.functional.spread does on scores, the ends at 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.spread import BINS as ENTROPY_BINS

__all__ = [
    "BINS",
    "Drift",
    "benjamini_yekutieli",
    "deciles",
    "drift",
    "histogram",
    "ks",
    "needed_draws",
    "psi",
    "spread_intervals",
    "spread_ratios",
    "spreads",
]

Floats = NDArray[np.float64]
BINS = 100
"""Equal bins of a drive's histogram."""
_CENTERS = (np.arange(BINS) + 0.5) / BINS
_AT_ONCE = 256
"""Draws that are computed together."""


@dataclass(frozen=True)
class Drift:
    """How far drives are from those of a reference.

    Attributes:
        psi: population stability index on the reference's deciles.
        ks: the largest distance of the cumulated shares, in 0..1.
        p_psi, p_ks: the share of permutations of drives that are as far apart, the data at hand
            counted as one of them.
        draws: permutations.
    """

    psi: float
    ks: float
    p_psi: float
    p_ks: float
    draws: int


def histogram(values: ArrayLike, low: float, high: float) -> NDArray[np.int64]:
    """Returns the counts (BINS,) of values between two ends; what lies beyond counts at the end.

    Args:
        values: (N,) finite.
        low: where the first bin begins.
        high: where the last bin ends.

    Raises:
        ShapeError: not one axis.
        InputError: NaN or infinity, or ends that do not ascend.

    >>> counts = histogram([-5.0, 0.5, 5.0], 0.0, 1.0)
    >>> np.flatnonzero(counts).tolist()
    [0, 50, 99]
    """
    numbers = checks.finite(
        checks.array(values, "values", shape=("N",), dtype=np.float64), "values"
    )
    if not low < high:
        raise InputError(f"the ends of a histogram must ascend, got {low} and {high}.")
    place = np.floor((np.clip(numbers, low, high) - low) / (high - low) * BINS)
    return np.bincount(np.minimum(place, BINS - 1).astype(np.int64), minlength=BINS)


def deciles(counts: ArrayLike) -> NDArray[np.int64]:
    """Returns where each tenth of a histogram begins: bins (D,), the first 0, each once.

    A bin is never split, so a score with few values has fewer than ten parts.

    Args:
        counts: (BINS,).

    Raises:
        ShapeError: another shape.
        EvidenceError: no count at all.

    >>> deciles(np.ones(100)).tolist()
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    """
    given = checks.array(counts, "counts", shape=(BINS,), dtype=np.float64)
    if given.sum() <= 0:
        raise EvidenceError("deciles need at least one count, got 0.")
    # the bin after which so many tenths are reached, or the one before where that is closer
    reached = np.concatenate([[0.0], np.cumsum(given) / given.sum()])
    begins = [int(np.abs(reached - tenth / 10).argmin()) for tenth in range(1, 10)]
    return np.unique([0, *(place for place in begins if 0 < place < BINS)])


def psi(expected: ArrayLike, actual: ArrayLike) -> Any:
    """Returns the population stability index (...) of counts against those expected.

    Args:
        expected: (..., D) counts of the reference.
        actual: (..., D) counts of the same bins.

    Raises:
        ShapeError: another number of bins.

    >>> round(float(psi([10, 10], [15, 5])), 4)
    0.2467
    """
    p, q = (np.asarray(counts, np.float64) + 0.5 for counts in (expected, actual))
    _same_bins(p, q)
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    return np.sum((q - p) * np.log(q / p), axis=-1)


def ks(expected: ArrayLike, actual: ArrayLike) -> Any:
    """Returns the Kolmogorov-Smirnov distance (...) of two histograms, in 0..1.

    It is that of the values where each bin holds one value, and a little less otherwise.

    Args:
        expected: (..., D) counts, at least one each.
        actual: (..., D) counts of the same bins.

    Raises:
        ShapeError: another number of bins.

    >>> float(ks([2, 2, 0], [0, 2, 2]))
    0.5
    """
    p, q = (np.asarray(counts, np.float64) for counts in (expected, actual))
    _same_bins(p, q)
    p, q = (np.cumsum(c, axis=-1) / np.sum(c, axis=-1, keepdims=True) for c in (p, q))
    return np.abs(p - q).max(axis=-1)


def _same_bins(p: Floats, q: Floats) -> None:
    checks.array(q, "actual", shape=(*q.shape[:-1], p.shape[-1]))


def drift(reference: ArrayLike, current: ArrayLike, *, draws: int = 1000, seed: int = 0) -> Drift:
    """Returns how far the drives of now are from those of the reference.

    p is by permuting drives: under no drift each set of that size is as likely.

    Args:
        reference: (R, BINS) counts, a drive a row, each with a count.
        current: (C, BINS) likewise.
        draws: permutations.
        seed: of the permutations.

    Raises:
        ShapeError: another shape.
        EvidenceError: a drive without a count, or no drive on one of the sides.
    """
    before, now = _drives(reference, "reference"), _drives(current, "current")
    pool = np.concatenate([before, now])
    bins = deciles(before.sum(axis=0))
    whole, tenths = pool.sum(axis=0), np.add.reduceat(pool.sum(axis=0), bins)
    observed = psi(tenths - (own := np.add.reduceat(now.sum(axis=0), bins)), own)
    distance = ks(before.sum(axis=0), now.sum(axis=0))
    rng = np.random.default_rng(seed)
    farther = np.zeros(2, np.int64)
    for start in range(0, draws, _AT_ONCE):
        count = min(_AT_ONCE, draws - start)
        chosen = rng.permuted(np.tile(np.arange(len(pool)), (count, 1)), axis=1)[:, : len(now)]
        taken = np.zeros((count, len(pool)))
        np.put_along_axis(taken, chosen, 1.0, axis=1)
        drawn = taken @ pool
        own = np.add.reduceat(drawn, bins, axis=1)
        # a hair below counts too: equal sets may differ in the last bits of their sums
        farther[0] += np.count_nonzero(psi(tenths - own, own) >= observed - 1e-12)
        farther[1] += np.count_nonzero(ks(whole - drawn, drawn) >= distance - 1e-12)
    p = (farther + 1) / (draws + 1)
    return Drift(float(observed), float(distance), float(p[0]), float(p[1]), draws)


def _drives(counts: ArrayLike, name: str) -> Floats:
    given = checks.array(counts, name, shape=("N", BINS), dtype=np.float64)
    if not len(given) or given.sum(axis=1).min() <= 0:
        raise EvidenceError(f"{name} must have drives with at least one count each.")
    return given


def needed_draws(tests: int, level: float) -> int:
    """Returns the permutations with which the smallest p of so many tests can be significant.

    Args:
        tests: how many are judged together by benjamini_yekutieli.
        level: 1 - alpha, in (0,1).

    >>> needed_draws(2, 0.95), needed_draws(200, 0.95)
    (118, 47023)
    """
    factor = tests * float(np.sum(1.0 / np.arange(1, tests + 1)))
    return int(np.floor(2.0 * factor / (1.0 - level))) - 1 if tests else 0


def benjamini_yekutieli(p: ArrayLike) -> Floats:
    """Returns adjusted p (N,): at most alpha of what is below alpha is false, whatever depends on
    what (Benjamini and Yekutieli, Annals of Statistics 2001).

    Args:
        p: (N,) in 0..1.

    Raises:
        ShapeError: not one axis.
        InputError: NaN, or outside 0..1.

    >>> benjamini_yekutieli([0.01, 0.5]).tolist()
    [0.03, 0.75]
    """
    given = checks.floats(p, "p", shape=("N",))
    if len(given) and (given.min() < 0 or given.max() > 1):
        raise InputError(f"p must lie in 0..1, got {given.min()}..{given.max()}.")
    count = len(given)
    rank = np.arange(1, count + 1)
    order = np.argsort(given, kind="stable")
    raised = given[order] * count * np.sum(1.0 / rank) / rank
    result = np.empty(count)
    result[order] = np.minimum(1.0, np.minimum.accumulate(raised[::-1])[::-1])
    return result


def spreads(counts: ArrayLike) -> Floats:
    """Returns Q90-Q10, standard deviation and entropy (..., 3) of histograms, the ends at 0 and 1.

    Quantiles are interpolated inside their bin; the entropy is of 20 bins, in nats.

    Args:
        counts: (..., BINS), each with a count.

    Raises:
        ShapeError: another number of bins.

    >>> spreads(np.ones(100)).round(3).tolist()
    [0.8, 0.289, 2.996]
    """
    given = np.asarray(counts, np.float64)
    checks.array(given, "counts", shape=(*given.shape[:-1], BINS))
    share = given / given.sum(axis=-1, keepdims=True)
    mean = share @ _CENTERS
    std = np.sqrt(np.maximum(share @ _CENTERS**2 - mean**2, 0.0))
    coarse = share.reshape(*share.shape[:-1], ENTROPY_BINS, -1).sum(axis=-1)
    # 0 ln 0 is 0: an empty bin adds nothing.
    entropy = -np.sum(coarse * np.log(np.where(coarse > 0, coarse, 1.0)), axis=-1)
    return np.stack([_quantile(share, 0.9) - _quantile(share, 0.1), std, np.abs(entropy)], axis=-1)


def _quantile(share: Floats, level: float) -> Floats:
    """The quantile (...) of histograms (..., BINS) of shares."""
    upto = np.cumsum(share, axis=-1)
    place = np.minimum((upto < level - 1e-12).sum(axis=-1), BINS - 1)[..., None]
    here = np.take_along_axis(share, place, axis=-1)[..., 0]
    before = np.take_along_axis(upto, place, axis=-1)[..., 0] - here
    inside = np.clip((level - before) / np.where(here > 0, here, 1.0), 0.0, 1.0)
    return (place[..., 0] + inside) / BINS


def spread_ratios(
    reference: ArrayLike,
    current: ArrayLike,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Returns the ratios (3,) of Q90-Q10, standard deviation and entropy to those of a reference,
    and their one-sided upper bounds (3,) by drawing drives of both sides with replacement.

    Args:
        reference: (R, BINS) counts, a drive a row, each with a count.
        current: (C, BINS) likewise.
        draws: resamples.
        level: confidence of the bounds, in (0,1).
        seed: of the resamples.

    Raises:
        ShapeError: another shape.
        EvidenceError: a drive without a count, no drive on one of the sides, or a reference all of
            whose scores lie in one bin.
    """
    before, now = _drives(reference, "reference"), _drives(current, "current")
    base = spreads(before.sum(axis=0))
    if base[2] <= 0:
        raise EvidenceError("A reference must have scores in more than one of 20 bins, got one.")
    rng = np.random.default_rng(seed)
    below, above = (_redrawn(side, draws, rng) for side in (before, now))
    # a resample of the reference without any spread says nothing of a ratio
    ratios = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.inf)
    return spreads(now.sum(axis=0)) / base, np.quantile(ratios, level, axis=0)


def spread_intervals(
    counts: ArrayLike, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Floats:
    """Returns the ends (2,3) of the percentile intervals of Q90-Q10, standard deviation and
    entropy, by drawing drives with replacement.

    Args:
        counts: (R, BINS) a drive a row, each with a count.
        draws: resamples.
        level: confidence, in (0,1).
        seed: of the resamples.

    Raises:
        ShapeError: another shape.
        EvidenceError: no drive, or one without a count.
    """
    drawn = _redrawn(_drives(counts, "counts"), draws, np.random.default_rng(seed))
    return np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)


def _redrawn(drives: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """The spreads (draws, 3) of resamples of drives."""
    count = len(drives)
    chances = np.full(count, 1.0 / count)
    parts = [
        spreads(rng.multinomial(count, chances, min(_AT_ONCE, draws - start)) @ drives)
        for start in range(0, draws, _AT_ONCE)
    ]
    return np.concatenate(parts)
