"""Where to cut: the quality below which to reject, for a wanted FNMR or a wanted coverage, with what it costs and how sure that is.

A cut keeps the images whose quality is at or above it, and the pairs whose images are both kept. The comparison threshold is set once, for the wanted
FMR on all non-mated pairs, as a recognizer in use has one threshold. Identities are resampled for the intervals (fiqa.functional.bootstrap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.bootstrap import Interval, identity_weights
from fiqa.functional.verification import threshold_at_fmr

__all__ = ["Cut", "GroupCost", "choose_cut"]


@dataclass(frozen=True)
class GroupCost:
    """What the cut does to one group: `discarded` share of its `images`, FNMR among its kept `mated` pairs (both images of the group).

    `fnmr_start` is before the cut; a gap is the group's number less that of everyone. None where the group has no such pair.
    """

    name: str
    images: int
    discarded: float
    discarded_gap: float
    mated: int
    errors: int
    fnmr_start: float | None
    fnmr: float | None
    fnmr_gap: float | None


@dataclass(frozen=True)
class Cut:
    """A cut and every number that says what it does.

    `cut` the quality to reach; `coverage` share of images kept; `fnmr` among kept mated pairs, each an Interval by identity bootstrap (those of coverage and
    fnmr at this cut). `wanted_fnmr` or `wanted_coverage`, the other is None. `fnmr_start` before the cut; `fmr` wanted and `fmr_kept` observed among kept
    non-mated pairs (None: none kept); `threshold` of the comparison (accepted is above it). Counts: `images`, `identities` (with mated pairs), `mated`,
    `errors` and their `_kept`, `nonmated`.
    """

    cut: Interval
    coverage: Interval
    fnmr: Interval
    wanted_fnmr: float | None
    wanted_coverage: float | None
    fnmr_start: float
    fmr: float
    fmr_kept: float | None
    threshold: float
    images: int
    identities: int
    mated: int
    errors: int
    mated_kept: int
    errors_kept: int
    nonmated: int
    groups: tuple[GroupCost, ...] = ()


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
    groups: ArrayLike | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Cut:
    """Returns the lowest cut at which the FNMR among kept pairs is at or below `fnmr`, or the highest that keeps a share `coverage` of the images.

    Only cuts that leave at least 3/fnmr mated pairs are considered: with fewer, not even zero errors would show that FNMR at 95 % (the rule of three).

    Args:
        similarity: (P,) of each pair; mated: (P,) True for the same person; index: (P,2) the pair's images, in 0..N-1.
        quality: (N,) of each image, higher is better; identities: (N,) of any type.
        fnmr, coverage: exactly one, in (0,1) and (0,1].
        fmr: the false match rate of the comparison threshold, in (0,1).
        groups: (N,) group of each image as given by the user, or None; never inferred.
        draws, level, seed: of the bootstrap; images of an identity without mated pairs count once in every draw.

    Raises:
        ShapeError, InputError: shapes, NaN, ranges, both or neither of fnmr and coverage.
        EvidenceError: the pairs cannot resolve `fmr`; mated pairs of fewer than two identities; no cut with enough pairs reaches `fnmr`; more than
            (1-level)/2 of the resamples reach it at no cut, so the cut has no upper limit.

    >>> n = 400
    >>> quality, who, images = np.arange(2 * n) / (2 * n), np.repeat(np.arange(n), 2), np.arange(2 * n).reshape(n, 2)
    >>> index = np.concatenate([images, np.stack([np.arange(n), np.arange(n) + n], 1)])
    >>> similarity = np.concatenate([np.where(np.arange(n) % 40 < 20 - np.arange(n) // 10, 0.0, 0.9), np.full(n, 0.1)])
    >>> cut = choose_cut(similarity, np.arange(2 * n) < n, index, quality, who, fnmr=0.05, fmr=0.01)
    >>> round(cut.fnmr_start, 3), round(cut.fnmr.value, 3), cut.cut.low <= cut.cut.value <= cut.cut.high
    (0.142, 0.048, True)
    """
    _check_wanted(fnmr, coverage)
    data = _Evidence(similarity, mated, index, quality, identities, fmr)
    point = data.find(np.ones(data.identities, np.int64), fnmr, coverage)
    if not np.isfinite(point):
        raise EvidenceError(*data.why_not(fnmr or 0.0))
    drawn = np.array(
        [
            (data.find(weight, fnmr, coverage), data.coverage(point, weight), data.error(point, weight))
            for weight in identity_weights(data.identities, draws, level, seed)
        ]
    )
    lost = int(np.count_nonzero(~np.isfinite(drawn[:, 0])))
    if lost > draws * (1 - level) / 2:
        raise EvidenceError(
            f"In {lost} of {draws} resamples of the identities no cut reaches an FNMR of {fnmr:g}, so the cut {point:g} has no upper limit.",
            hint="give more identities and pairs, or ask for a higher FNMR",
        )
    cost = () if groups is None else data.per_group(groups, point)
    found = {**data.numbers(point), **_intervals(data, point, drawn, level)}
    return Cut(wanted_fnmr=fnmr, wanted_coverage=coverage, fmr=fmr, groups=cost, **found)


def _check_wanted(fnmr: float | None, coverage: float | None) -> None:
    if (fnmr is None) == (coverage is None):
        raise InputError(f"Exactly one of fnmr and coverage must be given, got fnmr={fnmr} and coverage={coverage}.")
    if fnmr is not None:
        checks.in_range(fnmr, "fnmr", 0.0, 1.0, open_low=True, open_high=True)
    if coverage is not None:
        checks.in_range(coverage, "coverage", 0.0, 1.0, open_low=True)


def _intervals(data: _Evidence, point: float, drawn: NDArray[np.float64], level: float) -> dict[str, Any]:
    ones = np.ones(data.identities, np.int64)
    values = {"cut": point, "coverage": data.coverage(point, ones), "fnmr": data.error(point, ones)}
    return {name: _interval(value, drawn[:, k], level) for k, (name, value) in enumerate(values.items())}


def _interval(value: float, drawn: NDArray[np.float64], level: float) -> Interval:
    used = drawn[~np.isnan(drawn)]
    # The nearest draw, not a mean of two: one of them may be infinite, and a cut is a quality that occurs.
    low, high = np.quantile(used, ((1 - level) / 2, (1 + level) / 2), method="nearest")
    return Interval(float(value), float(low), float(high), level, len(used))


class _Evidence:
    """The pairs as the search needs them: mated ones in the order of their quality, identities as numbers, those with mated pairs first."""

    def __init__(
        self,
        similarity: ArrayLike,
        mated: ArrayLike,
        index: ArrayLike,
        quality: ArrayLike,
        identities: ArrayLike,
        fmr: float,
    ) -> None:
        score = checks.finite(checks.array(similarity, "similarity", shape=("P",), dtype=np.float64), "similarity")
        same = checks.array(mated, "mated", shape=(len(score),), dtype=np.bool_)
        pairs = checks.array(index, "index", shape=(len(score), 2), dtype=np.int64)
        self.quality = checks.finite(checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality")
        who = checks.array(identities, "identities", shape=(len(self.quality),))
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(self.quality)):
            raise InputError(f"index must lie in 0..{len(self.quality) - 1}, got {pairs.min()}..{pairs.max()}.")
        code = np.unique(who, return_inverse=True)[1]
        genuine = pairs[same]
        mixed = int(np.count_nonzero(code[genuine[:, 0]] != code[genuine[:, 1]]))
        if mixed:
            raise InputError(f"A mated pair must be of one identity, got {mixed} of {len(genuine)} that are of two.")
        self.identities = len(np.unique(code[genuine[:, 0]]))
        if self.identities < 2:
            raise EvidenceError(f"A cut needs mated pairs of at least 2 identities, got {self.identities}.")
        self.threshold = threshold_at_fmr(score[~same], fmr)
        worst = self.quality[pairs].min(axis=1)
        order = np.argsort(worst[same], kind="stable")
        self.pairs, self.worst = genuine[order], worst[same][order]
        self.first = np.flatnonzero(np.concatenate([[True], np.diff(self.worst) > 0]))
        self.failed = (score[same] <= self.threshold)[order]
        self.impostor, self.matched = worst[~same], score[~same] > self.threshold
        # Identities without mated pairs still have images; in a draw they count once each.
        rank = np.full(code.max() + 1, self.identities)
        rank[np.unique(code[genuine[:, 0]])] = np.arange(self.identities)
        self.image_code = rank[code]
        self.pair_code = self.image_code[self.pairs[:, 0]]

    def find(self, weight: NDArray[np.int64], fnmr: float | None, coverage: float | None) -> float:
        """Returns the cut, infinite when no cut reaches the wanted FNMR."""
        if fnmr is None:
            return self._quantile(weight, 1.0 if coverage is None else coverage)
        kept, error = self._curve(weight)
        good = (error <= fnmr) & (kept * fnmr >= 3 - 1e-9)
        if not good.any():
            return float("inf")
        return float(self.quality.min() if good[0] else self.worst[self.first[np.argmax(good)]])

    def _curve(self, weight: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Returns (kept, fnmr) when the cut is each distinct pair quality, ascending; fnmr is 1 where nothing is kept."""
        each = weight[self.pair_code]
        kept = each.sum() - np.concatenate([[0], np.cumsum(each)])[self.first]
        bad = each * self.failed
        left = bad.sum() - np.concatenate([[0], np.cumsum(bad)])[self.first]
        return kept, np.where(kept > 0, left / np.maximum(kept, 1), 1.0)

    def _images(self, weight: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.append(weight, 1)[self.image_code]

    def _quantile(self, weight: NDArray[np.int64], coverage: float) -> float:
        order = np.argsort(-self.quality, kind="stable")
        share = np.cumsum(self._images(weight)[order])
        place = int(np.searchsorted(share, coverage * share[-1] - 1e-9))
        return float(self.quality[order[place]])

    def kept(self, cut: float) -> NDArray[np.bool_]:
        """Returns which mated pairs are kept."""
        return np.asarray(self.worst >= cut)

    def coverage(self, cut: float, weight: NDArray[np.int64]) -> float:
        """Returns the weighted share of images at or above the cut."""
        return float(np.average(self.quality >= cut, weights=self._images(weight)))

    def error(self, cut: float, weight: NDArray[np.int64]) -> float:
        """Returns the weighted FNMR among kept mated pairs, NaN when none is kept."""
        each = weight[self.pair_code] * self.kept(cut)
        total = each.sum()
        return float((each * self.failed).sum() / total) if total else float("nan")

    def numbers(self, cut: float) -> dict[str, Any]:
        """Returns the fields of Cut that are counts and shares."""
        now = self.kept(cut)
        return {
            "fnmr_start": float(self.failed.mean()),
            "fmr_kept": _mean(self.matched[self.impostor >= cut]),
            "threshold": self.threshold,
            "images": len(self.quality),
            "identities": self.identities,
            "mated": len(self.failed),
            "errors": int(self.failed.sum()),
            "mated_kept": int(now.sum()),
            "errors_kept": int(self.failed[now].sum()),
            "nonmated": len(self.impostor),
        }

    def why_not(self, fnmr: float) -> tuple[str]:
        """Returns the message for an FNMR that no cut reaches."""
        kept, error = self._curve(np.ones(self.identities, np.int64))
        need = math.ceil(3 / fnmr - 1e-9)
        if kept[0] < need:
            return (f"An FNMR of {fnmr:g} needs at least {need} mated pairs (the rule of three), got {kept[0]}.",)
        enough = kept >= need
        best = int(np.argmin(np.where(enough, error, 2.0)))
        return (
            f"No cut that leaves the {need} mated pairs which an FNMR of {fnmr:g} needs reaches it: the lowest FNMR is {error[best]:.4g} at the cut "
            f"{self.worst[self.first[best]]:g}, with {kept[best]} of {kept[0]} pairs left.",
        )

    def per_group(self, groups: ArrayLike, cut: float) -> tuple[GroupCost, ...]:
        """Returns the cost of the cut for each group, in the order of their names."""
        names = checks.array(groups, "groups", shape=(len(self.quality),), dtype=np.str_)
        now = self.kept(cut)
        return tuple(self._group(str(name), names == name, now, cut) for name in np.unique(names))

    def _group(self, name: str, member: NDArray[np.bool_], now: NDArray[np.bool_], cut: float) -> GroupCost:
        inside = member[self.pairs].all(axis=1)
        both = inside & now
        discarded = float(np.mean(self.quality[member] < cut))
        error = _mean(self.failed[both])
        everyone = _mean(self.failed[now])
        return GroupCost(
            name=name,
            images=int(member.sum()),
            discarded=discarded,
            discarded_gap=discarded - float(np.mean(self.quality < cut)),
            mated=int(both.sum()),
            errors=int(self.failed[both].sum()),
            fnmr_start=_mean(self.failed[inside]),
            fnmr=error,
            fnmr_gap=None if error is None or everyone is None else error - everyone,
        )


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
