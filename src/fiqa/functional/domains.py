"""Whether a score has kept its range and its place in another domain: DmsFIQA's Figures 1 and 2 as
numbers with a verdict.

The first set is the domain that a method is known in, the second another one. The rule is that of
fiqa.monitoring on drives, here on people (or whatever unit fails together):

    collapsed    at least two of the three measures of spread (Q90-Q10, standard deviation, entropy)
                 are below RATIO_LEAST of those of the first set, by the upper bound of the ratio
    shifted      not collapsed, PSI at least PSI_LEAST, and p of PSI or KS at most 1 - level
    alike        neither
    not enough   fewer than ENOUGH units in either set, or a first set whose scores lie in one of 20
                 bins: nothing is said

Bounds draw units of both sets with replacement; p permutes units, and is adjusted for the number of
comparisons by Benjamini and Yekutieli. A domain that is only narrower is called collapsed, whether
its faces differ less or the method sees less: the numbers cannot tell, the faces can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError
from fiqa.functional.drift import (
    BINS,
    Drift,
    benjamini_yekutieli,
    drift,
    histogram,
    spread_intervals,
    spread_ratios,
    spreads,
)
from fiqa.functional.identities import encode, groups

__all__ = [
    "ENOUGH", "MEASURES", "PSI_LEAST", "RATIO_LEAST", "VERDICTS", "DomainGap", "domain_gap",
    "judged", "shrunk", "unit_histograms",
]  # fmt: skip

MEASURES = ("Q90-Q10", "std", "entropy")
"""The measures of spread, in their order."""
RATIO_LEAST = 0.9
"""A measure of spread has shrunk where the upper bound of its ratio is below."""
PSI_LEAST = 0.1
"""Drift below this is not reported, however sure it is."""
ENOUGH = 20
"""Units that a set must have to be judged."""
VERDICTS = ("collapsed", "shifted", "alike", "not enough")
"""What another domain can be of a score."""


@dataclass(frozen=True)
class DomainGap:
    """A score in two sets.

    Attributes:
        spread: (3,) Q90-Q10, standard deviation and entropy of the second set.
        low, high: (3,) their intervals; NaN with fewer than two units.
        before: (3,) the same of the first set.
        before_low, before_high: (3,) their intervals.
        shift: mean of the second set less that of the first, on the scale of 0..1.
        ratios: (3,) spread over that of the first set; None where that lies in one bin.
        bounds: (3,) upper bounds of the ratios; None likewise.
        drift: PSI, KS and their p; None with too few units.
        p: adjusted by `judged`, None without a test.
        verdict: one of VERDICTS.
    """

    spread: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    before: tuple[float, ...]
    before_low: tuple[float, ...]
    before_high: tuple[float, ...]
    shift: float
    ratios: tuple[float, ...] | None
    bounds: tuple[float, ...] | None
    drift: Drift | None
    p: float | None = None
    verdict: str = "not enough"


def unit_histograms(
    values: ArrayLike, units: ArrayLike, scale: tuple[float, float]
) -> NDArray[np.int64]:
    """Returns a histogram a unit (U, BINS), units in sorted order.

    Args:
        values: (N,) finite.
        units: (N,) the person, drive or track of each.
        scale: the ends of the histogram; what lies beyond counts at the end.

    Raises:
        ShapeError, InputError: shapes, NaN, ends that do not ascend.

    >>> unit_histograms([0.0, 1.0, 1.0], ["a", "b", "b"], (0, 1)).sum(axis=1).tolist()
    [1, 2]
    """
    numbers = checks.array(values, "values", shape=("N",), dtype=np.float64)
    code, _ = encode(units, len(numbers))
    parts = [histogram(numbers[rows], *scale) for rows in groups(code)]
    return np.stack(parts) if parts else np.empty((0, BINS), np.int64)


def domain_gap(
    first: ArrayLike, second: ArrayLike, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> DomainGap:
    """Returns what tells the second set from the first; `judged` says the verdict.

    Args:
        first: (U, BINS) a unit a row, each with a count, as unit_histograms.
        second: (V, BINS) likewise.
        draws: resamples, and permutations.
        level: confidence of intervals and bounds, in (0,1).
        seed: of both.

    Raises:
        ShapeError: another shape.
        EvidenceError: a set without a unit, or a unit without a count.
    """
    sides = [checks.array(side, "counts", shape=("N", BINS)) for side in (first, second)]
    pooled = [side.sum(axis=0) for side in sides]
    if min(counts.sum() for counts in pooled) <= 0:
        raise EvidenceError("Two domains need a score in each, got a set without any.")
    places = (np.arange(BINS) + 0.5) / BINS
    means = [float(counts @ places / counts.sum()) for counts in pooled]
    ends = [
        spread_intervals(side, draws=draws, level=level, seed=seed)
        if len(side) > 1
        else np.full((2, 3), np.nan)
        for side in sides
    ]
    values = [tuple(spreads(counts).tolist()) for counts in pooled]
    (before_low, before_high), (low, high) = (tuple(map(tuple, end.tolist())) for end in ends)
    found = DomainGap(
        values[1], low, high, values[0], before_low, before_high, means[1] - means[0],
        None, None, None,
    )  # fmt: skip
    if min(len(side) for side in sides) < ENOUGH:
        return found
    if values[0][2] > 0:
        ratios, bounds = spread_ratios(*sides, draws=draws, level=level, seed=seed)
        found = replace(found, ratios=tuple(ratios.tolist()), bounds=tuple(bounds.tolist()))
    return replace(found, drift=drift(*sides, draws=draws, seed=seed))


def shrunk(bounds: Sequence[float]) -> list[int]:
    """Returns the places of the measures that have shrunk.

    Args:
        bounds: (3,) upper bounds of the ratios of spread.

    >>> shrunk([0.5, 0.95, 0.3])
    [0, 2]
    """
    return [k for k in range(len(MEASURES)) if bounds[k] < RATIO_LEAST]


def judged(gaps: Sequence[DomainGap], *, level: float = 0.95) -> list[DomainGap]:
    """Returns the gaps with their verdicts; p is adjusted for all of them together.

    Args:
        gaps: of all methods and sets that are reported together.
        level: 1 - level is the share of false reports of a shift.

    Raises:
        InputError: level out of range.
    """
    checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
    tested = [k for k, gap in enumerate(gaps) if gap.drift is not None]
    raw = [p for k in tested if (d := gaps[k].drift) is not None for p in (d.p_psi, d.p_ks)]
    adjusted = benjamini_yekutieli(np.array(raw, np.float64)).reshape(-1, 2).min(axis=1)
    made = list(gaps)
    for k, p in zip(tested, adjusted.tolist(), strict=True):
        gap = gaps[k]
        if gap.bounds is None or gap.drift is None:
            verdict = "not enough"
        elif len(shrunk(gap.bounds)) >= 2:
            verdict = "collapsed"
        else:
            moved = gap.drift.psi >= PSI_LEAST and p <= 1 - level
            verdict = "shifted" if moved else "alike"
        made[k] = replace(gap, p=p, verdict=verdict)
    return made
