"""Where to cut: the quality below which to reject, for a wanted FNMR or a wanted coverage.

Two cuts are chosen. The plain one is right on the images at hand; on other people it misses about
as often as it holds. The safe one (fiqa.functional.safe_cut) holds for other people with a stated
confidence. People are resampled for the intervals of the plain one (fiqa.functional.bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.bootstrap import Interval
from fiqa.functional.cut_evidence import CutEffect, CutEvidence
from fiqa.functional.cut_groups import CrossGroup, GroupCost, group_costs
from fiqa.functional.draws import identity_weights
from fiqa.functional.safe_cut import CutCurve, SafeCut, cut_curve, safe_cut

__all__ = ["Cut", "HundredCut", "choose_cut", "cut_of", "typed_cut"]

CONFIDENCE = 0.9
"""Of the safe cut, where nothing else is asked."""


@dataclass(frozen=True)
class HundredCut:
    """The cut as an integer of 0..100, found by trying each of them on the data.

    Attributes:
        effect: the lowest integer that reaches the wanted FNMR (the highest that keeps the wanted
            coverage) and what it does; None where no integer does.
        safe: as Cut.safe, among the integers.
    """

    effect: CutEffect | None
    safe: SafeCut


@dataclass(frozen=True)
class Cut:
    """The plain cut, the safe one, and every number that says what they do.

    Attributes:
        cut: the quality to reach, with its interval by bootstrap of people.
        coverage: share of images kept at this cut, with its interval.
        fnmr: FNMR among the mated pairs kept at this cut, with its interval.
        wanted_fnmr: what was asked for, or None.
        wanted_coverage: what was asked for, or None.
        fnmr_start: FNMR before the cut.
        fmr: wanted false match rate, for which the comparison threshold is set.
        fmr_kept: observed among the non-mated pairs kept, None where none is kept.
        fmr_interval: (low, high) of it by people, None where none is kept.
        threshold: of the comparison; accepted is above it.
        images: how many images.
        identities: how many people have mated pairs.
        mated: mated pairs before the cut.
        errors: false non-matches among them.
        mated_kept: mated pairs kept.
        errors_kept: false non-matches among them.
        nonmated: non-mated pairs before the cut.
        matches: false matches among them.
        nonmated_kept: non-mated pairs kept.
        matches_kept: false matches among them.
        safe: the cut that holds for other people, or what is missing for one.
        hundred: both on the scale of 0..100, None where that scale is not given.
        groups: what the plain cut does to each group.
        cross: pairs that are in no group, None without groups.
        safe_groups: what the safe cut does to each group.
        safe_cross: its pairs that are in no group, None without groups or cut.
    """

    cut: Interval
    coverage: Interval
    fnmr: Interval
    wanted_fnmr: float | None
    wanted_coverage: float | None
    fnmr_start: float
    fmr: float
    fmr_kept: float | None
    fmr_interval: tuple[float, float] | None
    threshold: float
    images: int
    identities: int
    mated: int
    errors: int
    mated_kept: int
    errors_kept: int
    nonmated: int
    matches: int
    nonmated_kept: int
    matches_kept: int
    safe: SafeCut
    hundred: HundredCut | None = None
    groups: tuple[GroupCost, ...] = ()
    cross: CrossGroup | None = None
    safe_groups: tuple[GroupCost, ...] = ()
    safe_cross: CrossGroup | None = None

    @property
    def effect(self) -> CutEffect:
        """What the plain cut does, in the form that the safe one has."""
        return CutEffect(
            self.cut.value, self.coverage.value, self.fnmr.value, self.mated_kept, self.errors_kept,
            self.fmr_kept, self.nonmated_kept, self.matches_kept,
        )  # fmt: skip


def choose_cut(
    similarity: ArrayLike,
    mated: ArrayLike,
    index: ArrayLike,
    quality: ArrayLike,
    identities: ArrayLike,
    *,
    fnmr: float | None = None,
    coverage: float | None = None,
    fmr: float = 1e-3,
    confidence: float = CONFIDENCE,
    groups: ArrayLike | None = None,
    hundred: ArrayLike | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Cut:
    """Returns the plain cut for a wanted FNMR or coverage, and the safe cut.

    The plain cut is the lowest at which the FNMR among kept pairs is at or below `fnmr`, or the
    highest that keeps a share `coverage` of the images.

    Only cuts that leave at least 3/fnmr mated pairs are considered: with fewer, not even zero
    errors would show that FNMR at 95 % (the rule of three).

    Args:
        similarity: (P,) of each pair.
        mated: (P,) True for the same person.
        index: (P,2) the pair's images, in 0..N-1.
        quality: (N,) of each image, higher is better.
        identities: (N,) of any type.
        fnmr, coverage: exactly one, in (0,1) and (0,1].
        fmr: the false match rate of the comparison threshold, in (0,1).
        confidence: of the safe cut, one-sided, in (0.5,1).
        groups: (N,) group of each image as given by the user ("" is none), or None.
        hundred: (N,) the quality on the scale of 0..100, or None.
        draws: resamples of people, at least 2; images of an identity without mated pairs count once
            in every draw.
        level: of the intervals.
        seed: of the resampling.

    Raises:
        ShapeError, InputError: shapes, NaN, ranges, both or neither of fnmr and coverage.
        EvidenceError: the pairs cannot resolve `fmr`; mated pairs of fewer than two identities; no
            cut with enough pairs reaches `fnmr`; more than (1-level)/2 of the resamples reach it at
            no cut, so the cut has no upper limit.

    >>> n = 400
    >>> row, people = np.arange(n), np.repeat(np.arange(n), 2)
    >>> quality, same = np.arange(2 * n) / (2 * n), np.arange(2 * n) < n
    >>> index = np.concatenate([np.arange(2 * n).reshape(n, 2), np.stack([row, row + n], 1)])
    >>> failed = row % 40 < 20 - row // 10
    >>> similarity = np.concatenate([np.where(failed, 0.0, 0.9), np.full(n, 0.1)])
    >>> cut = choose_cut(similarity, same, index, quality, people, fnmr=0.05, fmr=0.01)
    >>> round(cut.fnmr_start, 3), round(cut.fnmr.value, 3)
    (0.142, 0.048)
    >>> cut.cut.low <= cut.cut.value <= cut.cut.high
    True
    >>> cut.safe.effect.cut > cut.cut.value, round(cut.safe.effect.fnmr, 3), cut.safe.limit <= 0.05
    (True, 0.022, True)
    """
    check_wanted(fnmr, coverage)
    evidence = CutEvidence(similarity, mated, index, quality, identities, fmr=fmr)
    curve = cut_curve(evidence, confidence)
    return cut_of(
        evidence, curve, fnmr=fnmr, coverage=coverage, groups=groups, hundred=hundred,
        draws=draws, level=level, seed=seed,
    )  # fmt: skip


def cut_of(
    evidence: CutEvidence,
    curve: CutCurve,
    *,
    fnmr: float | None = None,
    coverage: float | None = None,
    groups: ArrayLike | None = None,
    hundred: ArrayLike | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Cut:
    """Returns `choose_cut` of evidence and its curve, which several wanted rates can share.

    Args:
        evidence: the pairs and images.
        curve: of that evidence, on its own scale; it has the confidence.
        fnmr, coverage, groups, hundred, draws, level, seed: as choose_cut.

    Raises:
        ShapeError, InputError, EvidenceError: as choose_cut.
    """
    check_wanted(fnmr, coverage)
    point = _plain_cut(evidence, np.ones(evidence.people, np.int64), fnmr, coverage)
    if not np.isfinite(point):
        raise evidence.why_not(fnmr or 0.0)
    drawn = _resampled(evidence, point, fnmr, coverage, draws, level, seed)
    effect = evidence.effect(point)
    matches = evidence.fmr_share(point)
    mated, errors = evidence.scale.counts(-np.inf)
    safe = safe_cut(evidence, curve, fnmr=fnmr, coverage=coverage)
    costs, cross = _groups(evidence, groups, point, level)
    safe_costs, safe_cross = _groups(
        evidence, groups, None if safe.effect is None else safe.effect.cut, level
    )
    return Cut(
        cut=_interval(point, drawn[:, 0], level),
        coverage=_interval(effect.coverage, drawn[:, 1], level),
        fnmr=_interval(float("nan") if effect.fnmr is None else effect.fnmr, drawn[:, 2], level),
        wanted_fnmr=fnmr,
        wanted_coverage=coverage,
        fnmr_start=errors / mated,
        fmr=evidence.fmr,
        fmr_kept=effect.fmr,
        fmr_interval=None if matches is None else matches.interval(level),
        threshold=evidence.threshold,
        images=len(evidence.quality),
        identities=evidence.people,
        mated=mated,
        errors=errors,
        mated_kept=effect.mated,
        errors_kept=effect.errors,
        nonmated=len(evidence.nonmated),
        matches=int(np.count_nonzero(evidence.matched)),
        nonmated_kept=effect.nonmated,
        matches_kept=effect.matches,
        safe=safe,
        hundred=_hundred(evidence, curve.confidence, hundred, fnmr, coverage),
        groups=costs,
        cross=cross,
        safe_groups=safe_costs,
        safe_cross=safe_cross,
    )


def check_wanted(fnmr: float | None, coverage: float | None) -> None:
    """Checks that one of the two is given and in its range.

    Args:
        fnmr: the wanted FNMR, in (0,1), or None.
        coverage: the wanted share of images, in (0,1], or None.

    Raises:
        InputError: both or neither, or out of range.
    """
    if (fnmr is None) == (coverage is None):
        raise InputError(
            f"Exactly one of fnmr and coverage must be given, got fnmr={fnmr} and"
            f" coverage={coverage}."
        )
    if fnmr is not None:
        checks.in_range(fnmr, "fnmr", 0.0, 1.0, open_low=True, open_high=True)
    if coverage is not None:
        checks.in_range(coverage, "coverage", 0.0, 1.0, open_low=True)


def typed_cut(cut: float, values: ArrayLike) -> str:
    """Returns the shortest decimal that, typed back as a cut, keeps exactly what `cut` keeps.

    Compared with `values` as float64 and, where all of them are float32 numbers, as float32 too:
    tables and databases do either.

    Args:
        cut: one of `values`.
        values: (N,) the qualities that are cut.

    >>> stored = np.float32([0.8079499, 0.5]).astype(float)
    >>> text = typed_cut(stored[0], stored)
    >>> text, bool(float(text) <= stored[0]), bool(np.float32(text) == np.float32(stored[0]))
    ('0.8079499', True, True)
    """
    data = checks.array(values, "values", shape=("N",), dtype=np.float64)
    with np.errstate(over="ignore"):
        single = data.astype(np.float32)
    narrow = bool(np.array_equal(single.astype(np.float64), data))
    kept, kept_single = data >= cut, single >= np.float32(cut)
    # 17 digits tell any two float64 apart.
    for digits in range(1, 18):
        # Down, so that `cut` itself still reaches what is typed.
        text = _rounded_down(cut, digits)
        same = np.float32(text) == np.float32(cut) if narrow else float(text) == cut
        same = bool(same) and np.array_equal(data >= float(text), kept)
        if same and (not narrow or np.array_equal(single >= np.float32(text), kept_single)):
            return text
    return repr(float(cut))


def _rounded_down(value: float, digits: int) -> str:
    """A decimal of so many significant digits, at or below `value`."""
    from decimal import ROUND_FLOOR, Context, Decimal

    number = Context(prec=digits, rounding=ROUND_FLOOR).create_decimal(Decimal(value))
    return format(number, "f") if 1e-4 <= abs(value) < 1e15 or value == 0 else str(number)


def _plain_cut(
    evidence: CutEvidence, weight: NDArray[np.int64], fnmr: float | None, coverage: float | None
) -> float:
    """The plain cut when people count `weight` times, infinite where none reaches the FNMR."""
    if fnmr is not None:
        return evidence.scale.lowest(fnmr, weight)
    order = np.argsort(-evidence.quality, kind="stable")
    share = np.cumsum(evidence.weights(weight)[order])
    # 1e-9: a share that should be an integer may come out just above it.
    place = int(np.searchsorted(share, (1.0 if coverage is None else coverage) * share[-1] - 1e-9))
    return float(evidence.quality[order[place]])


def _resampled(
    evidence: CutEvidence,
    point: float,
    fnmr: float | None,
    coverage: float | None,
    draws: int,
    level: float,
    seed: int,
) -> NDArray[np.float64]:
    """(draws, 3): the cut of each draw, and what the plain cut keeps and its FNMR there."""
    scale, kept = evidence.scale, evidence.quality >= point
    place = int(np.searchsorted(scale.worst, point))
    code, failed = scale.code[place:], scale.failed[place:]
    rows = []
    for weight in identity_weights(evidence.people, draws, level, seed):
        times = weight[code]
        total = times.sum()
        error = float((times * failed).sum() / total) if total else float("nan")
        share = float(np.average(kept, weights=evidence.weights(weight)))
        rows.append((_plain_cut(evidence, weight, fnmr, coverage), share, error))
    drawn = np.array(rows)
    lost = int(np.count_nonzero(~np.isfinite(drawn[:, 0])))
    # So many infinite draws reach into the upper end of the interval.
    if lost > draws * (1 - level) / 2:
        raise EvidenceError(
            f"In {lost} of {draws} resamples of the identities no cut reaches an FNMR of {fnmr:g}, "
            f"so the cut {point:g} has no upper limit.",
            hint="give more identities and pairs, or ask for a higher FNMR",
        )
    return drawn


def _interval(value: float, drawn: NDArray[np.float64], level: float) -> Interval:
    used = drawn[~np.isnan(drawn)]
    # The nearest draw, not a mean of two: one of them may be infinite, and a cut is a quality that
    # occurs.
    low, high = np.quantile(used, ((1 - level) / 2, (1 + level) / 2), method="nearest")
    return Interval(float(value), float(low), float(high), level, len(used))


def _hundred(
    evidence: CutEvidence,
    confidence: float,
    hundred: ArrayLike | None,
    fnmr: float | None,
    coverage: float | None,
) -> HundredCut | None:
    if hundred is None:
        return None
    shape = (len(evidence.quality),)
    quality = checks.finite(
        checks.array(hundred, "hundred", shape=shape, dtype=np.float64), "hundred"
    )
    if quality.min() < 0 or quality.max() > 100:
        raise InputError(f"hundred must be in 0..100, got {quality.min():g}..{quality.max():g}.")
    scale = evidence.scale_of(quality)
    integers = np.arange(101.0)
    # An FNMR asks for the lowest integer that is good, a coverage for the highest.
    if fnmr is not None:
        good = [cut for cut in integers if scale.keeps(cut, fnmr)][:1]
    else:
        good = [
            cut
            for cut in integers
            if coverage is not None and scale.coverage(cut) >= coverage - 1e-9
        ][-1:]
    curve = cut_curve(evidence, confidence, scale=scale, cuts=integers)
    safe = safe_cut(evidence, curve, fnmr=fnmr, coverage=coverage, scale=scale)
    return HundredCut(evidence.effect(good[0], scale) if good else None, safe)


def _groups(
    evidence: CutEvidence, groups: ArrayLike | None, cut: float | None, level: float
) -> tuple[tuple[GroupCost, ...], CrossGroup | None]:
    if groups is None or cut is None:
        return (), None
    names = checks.array(groups, "groups", shape=(len(evidence.quality),), dtype=np.str_)
    return group_costs(evidence, names, cut, level)
