"""A cut that holds for other people too: chosen by an upper limit of the FNMR, not by its estimate.

The limit at each cut is that of what as many other people would show (fiqa.functional.clustered).
Choosing the lowest of many cuts that look good would use up that confidence, so the cuts are
taken in order: from the one with the lowest limit down, as long as the limit stays within what is
wanted. The first cut that is too low is then refused with the stated confidence, and no lower one
is looked at (fixed-sequence testing [1]).

[1] Angelopoulos, Bates, Candès, Jordan, Lei: Learn then Test (Annals of Applied Statistics 2025)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.clustered import ClusteredShare, people_missing
from fiqa.functional.cut_evidence import RULE_OF_THREE, CutEffect, CutEvidence, Scale

__all__ = ["CutCurve", "SafeCut", "cut_curve", "safe_cut"]

STEPS = 400
"""Cuts that are looked at, evenly spaced in the share of mated pairs that they keep."""


@dataclass(frozen=True)
class SafeCut:
    """A cut that keeps what is wanted for as many other people, or what is missing for one.

    Attributes:
        confidence: one-sided.
        effect: what it does to the images at hand, None where the data support no such cut.
        limit: the highest FNMR (of a wanted coverage: the lowest coverage) of as many other
            people, at that confidence; without a cut the best that any cut gives.
        people: how many people the numbers are of.
        people_missing: how many more of their kind would do, 0 where there is a cut, None where
            no number of them would.
    """

    confidence: float
    effect: CutEffect | None
    limit: float
    people: int
    people_missing: int | None


@dataclass(frozen=True, eq=False)
class CutCurve:
    """What each of K cuts does, ascending: for the search and for a plot.

    Attributes:
        cut: (K,) the quality to reach.
        coverage: (K,) share of images kept.
        fnmr: (K,) among the mated pairs kept.
        limit: (K,) its upper limit for as many other people, at `confidence`.
        kept: (K,) mated pairs kept.
        shares: (K,) the FNMR with its people.
        confidence: one-sided.
    """

    cut: NDArray[np.float64]
    coverage: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    limit: NDArray[np.float64]
    kept: NDArray[np.int64]
    shares: tuple[ClusteredShare, ...]
    confidence: float


def cut_curve(
    evidence: CutEvidence,
    confidence: float,
    *,
    scale: Scale | None = None,
    cuts: NDArray[np.float64] | None = None,
) -> CutCurve:
    """Returns what each cut of a scale does; cuts that keep no mated pair are left out.

    Args:
        evidence: the pairs and images.
        confidence: of the limits, one-sided, in (0.5,1).
        scale: of the cuts; None is the scale of the quality.
        cuts: (C,) ascending; None is STEPS cuts over the scale.
    """
    axis = evidence.scale if scale is None else scale
    if cuts is None:
        rows = np.unique(np.linspace(0, len(axis.worst) - 1, STEPS).round().astype(np.int64))
        # The lowest quality too: the cut that keeps everything.
        cuts = np.unique(np.append(axis.worst[rows], axis.values[0]))
    held = [
        (float(cut), share)
        for cut in cuts
        if (share := axis.share(cut, evidence.people)) is not None
    ]
    shares = tuple(share for _, share in held)
    chosen = np.array([cut for cut, _ in held], np.float64)
    return CutCurve(
        cut=chosen,
        coverage=1 - np.searchsorted(np.sort(axis.quality), chosen) / len(axis.quality),
        fnmr=np.array([share.value for share in shares]),
        limit=np.array([share.upper(confidence, ahead=True) for share in shares]),
        kept=np.array([axis.counts(cut)[0] for cut in chosen]),
        shares=shares,
        confidence=confidence,
    )


def safe_cut(
    evidence: CutEvidence,
    curve: CutCurve,
    *,
    fnmr: float | None = None,
    coverage: float | None = None,
    scale: Scale | None = None,
) -> SafeCut:
    """Returns the safe cut among those of a curve.

    Args:
        evidence: the pairs and images.
        curve: the cuts to choose from.
        fnmr: the FNMR not to exceed; exactly one of fnmr and coverage.
        coverage: the share of images to keep.
        scale: of the curve; None is the scale of the quality.
    """
    if fnmr is not None:
        return _for_fnmr(evidence, curve, fnmr, scale)
    return _for_coverage(evidence, curve, 1.0 if coverage is None else coverage, scale)


def _for_fnmr(evidence: CutEvidence, curve: CutCurve, fnmr: float, scale: Scale | None) -> SafeCut:
    # A cut that leaves too few pairs to show the FNMR is never good (the rule of three).
    limit = np.where(curve.kept * fnmr >= RULE_OF_THREE - 1e-9, curve.limit, np.inf)
    best = int(np.argmin(limit))
    if limit[best] > fnmr:
        enough = [
            share for share, high in zip(curve.shares, limit, strict=True) if np.isfinite(high)
        ]
        missing = people_missing(enough or list(curve.shares), fnmr, curve.confidence)
        return SafeCut(curve.confidence, None, float(curve.limit[best]), evidence.people, missing)
    # From the safest cut down, in order, to the first whose limit is beyond what is wanted.
    beyond = np.flatnonzero(limit[:best] > fnmr)
    place = int(beyond[-1]) + 1 if len(beyond) else 0
    effect = evidence.effect(float(curve.cut[place]), scale)
    return SafeCut(curve.confidence, effect, float(limit[place]), evidence.people, 0)


def _for_coverage(
    evidence: CutEvidence, curve: CutCurve, coverage: float, scale: Scale | None
) -> SafeCut:
    confidence = curve.confidence
    # A higher cut keeps fewer: the limit falls with the cut, and the highest good one is sought.
    values = curve.cut if scale is not None else evidence.scale.values
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        lost = evidence.discarded(float(values[middle]), scale)
        if lost.upper(confidence, ahead=True) <= 1 - coverage:
            low = middle + 1
        else:
            high = middle
    share = evidence.discarded(float(values[max(low - 1, 0)]), scale)
    limit = 1 - share.upper(confidence, ahead=True)
    if low:
        effect = evidence.effect(float(values[low - 1]), scale)
        return SafeCut(confidence, effect, limit, share.people, 0)
    return SafeCut(
        confidence, None, limit, share.people, people_missing([share], 1 - coverage, confidence)
    )
