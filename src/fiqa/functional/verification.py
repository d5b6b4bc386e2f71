"""Verification accuracy of a recognizer: ROC-AUC, EER, TPR at FAR, FNMR at FMR, exact with ties;
all pairs of a set in bounded memory.

A comparison is accepted when its similarity is above the threshold. Every number here follows from
two counts per mated similarity m: the non-mated similarities below m, and those at or below it.
`all_pairs` therefore never stores the non-mated similarities; it streams them past the sorted mated
ones.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.streams import mated_similarities, nonmated_blocks

__all__ = [
    "Accuracy",
    "Verification",
    "all_pairs",
    "allowed_false_matches",
    "eer",
    "fnmr_at_fmr",
    "lfw_accuracy",
    "of_stream",
    "roc_auc",
    "threshold_at_fmr",
    "tpr_at_far",
]

_BUCKETS = 1 << 19
_CHUNK = 1 << 19
_PENDING = 1 << 22


@dataclass(frozen=True)
class Verification:
    """`auc` and `eer` in [0,1]; `tpr` FAR -> TPR; `mated` and `nonmated` numbers of pairs.

    A FAR below `resolvable_far` was measured with no false accept at all: its TPR is right for
    these pairs and says little of others.
    """

    auc: float
    eer: float
    tpr: Mapping[float, float]
    mated: int
    nonmated: int

    @property
    def resolvable_far(self) -> float:
        """The lowest FAR above 0 that this number of non-mated pairs can show: 1 / nonmated."""
        return 1.0 / self.nonmated


@dataclass(frozen=True, eq=False)
class Accuracy:
    """`mean` and `std` (population) of the folds' accuracies in [0,1]; `thresholds` (F,) the
    threshold used for each fold, from the others."""

    mean: float
    std: float
    thresholds: NDArray[np.float64]


def allowed_false_matches(count: int, fmr: float) -> int:
    """Returns floor(fmr * count), a product within 1e-9 of an integer counted as that integer (0.29
    * 100 is 29).

    Raises:
        InputError: fmr outside (0,1).
        EvidenceError: fmr * count is below 1, so `count` non-mated pairs cannot resolve it.

    >>> allowed_false_matches(1000, 1e-3)
    1
    """
    checks.in_range(fmr, "fmr", 0.0, 1.0, open_low=True, open_high=True)
    allowed = _floor(fmr * count)
    if allowed < 1:
        lowest = f"the lowest they resolve is {1 / count:.3g}" if count else "there is none"
        raise EvidenceError(
            f"An FMR of {fmr:g} needs at least {math.ceil(1 / fmr - 1e-9)} non-mated pairs, got"
            f" {count}: {lowest}.",
            hint="give more non-mated pairs, or ask for a higher FMR",
        )
    return min(allowed, count - 1)


def _floor(product: float) -> int:
    nearest = round(product)
    return nearest if abs(product - nearest) <= 1e-9 * max(1, nearest) else math.floor(product)


def threshold_at_fmr(nonmated: ArrayLike, fmr: float) -> float:
    """Returns the (k+1)-th largest non-mated similarity, k = floor(fmr * count): accepting what is
    above it keeps the FMR at or below `fmr`.

    Args:
        nonmated: (Q,) similarities.
        fmr: in (0,1).

    Raises:
        ShapeError, InputError: shape, NaN, fmr out of range.
        EvidenceError: too few pairs to resolve `fmr`.

    >>> threshold_at_fmr([0.1, 0.2, 0.3, 0.4], 0.25)
    0.3
    """
    scores = _scores(nonmated, "nonmated", least=0)
    allowed = allowed_false_matches(len(scores), fmr)
    place = len(scores) - 1 - allowed
    return float(np.partition(scores, place)[place])


def tpr_at_far(mated: ArrayLike, nonmated: ArrayLike, far: float) -> float:
    """Returns the share of mated pairs accepted at threshold_at_fmr(nonmated, far); see there for
    Raises.

    >>> tpr_at_far([0.2, 0.35, 0.9], [0.1, 0.2, 0.3, 0.4], 0.25)
    0.6666666666666666
    """
    return float(np.mean(_scores(mated, "mated") > np.float64(threshold_at_fmr(nonmated, far))))


def fnmr_at_fmr(mated: ArrayLike, nonmated: ArrayLike, fmr: float) -> float:
    """Returns the share of mated pairs rejected at threshold_at_fmr(nonmated, fmr); see there for
    Raises.

    >>> fnmr_at_fmr([0.2, 0.35, 0.5, 0.9], [0.1, 0.2, 0.3, 0.4], 0.25)
    0.25
    """
    return float(np.mean(_scores(mated, "mated") <= np.float64(threshold_at_fmr(nonmated, fmr))))


def roc_auc(mated: ArrayLike, nonmated: ArrayLike) -> float:
    """Returns the probability that a mated similarity exceeds a non-mated one, ties counted half,
    in [0,1].

    Raises:
        ShapeError, InputError: not (M,) and (Q,), NaN.
        EvidenceError: either is empty.

    >>> roc_auc([0.5, 0.9], [0.1, 0.5])
    0.875
    """
    return _auc(_Ranks.of(mated, nonmated))


def eer(mated: ArrayLike, nonmated: ArrayLike) -> float:
    """Returns the error rate where FMR equals FNMR, on the ROC polyline (straight between
    neighboring thresholds), in [0,1].

    Raises:
        ShapeError, InputError: not (M,) and (Q,), NaN.
        EvidenceError: either is empty.

    >>> eer([0.3, 0.6, 0.7, 0.8], [0.1, 0.2, 0.4, 0.5])
    0.25
    """
    return _eer(_Ranks.of(mated, nonmated))


def all_pairs(
    embeddings: ArrayLike, identities: ArrayLike, *, fars: Sequence[float] = (1e-3, 1e-4)
) -> Verification:
    """Returns the verification accuracy over all N(N-1)/2 pairs of a set, exact for the float32
    cosines, without storing the non-mated ones.

    The mated similarities are kept and sorted. Non-mated ones come in blocks of a matrix product
    and are counted into 2^19 equal buckets; a bucket that holds no mated value needs no more than
    its count, and the few similarities that share a bucket with a mated one are compared exactly.
    Memory is the embeddings, the mated similarities and about 50 MB per core, whatever N is. Each
    core multiplies and counts blocks of its own.

    Args:
        embeddings: (N,D) vectors; rows are normalized here.
        identities: (N,) of any type.
        fars: false accept rates in (0,1).

    Raises:
        ShapeError, InputError: shapes, NaN, a zero row, a FAR out of range.
        EvidenceError: no mated or no non-mated pair.

    >>> result = all_pairs([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], ["a", "a", "b", "b"], fars=(0.25,))
    >>> result.auc, result.eer, result.tpr[0.25], result.mated, result.nonmated
    (1.0, 0.0, 1.0, 2, 4)
    """
    _check_fars(fars)
    from threadpoolctl import threadpool_limits

    known = np.sort(mated_similarities(embeddings, identities))
    threads = os.cpu_count() or 1

    def count(part: int) -> _Counter:
        counter = _Counter(known)
        for block in nonmated_blocks(embeddings, identities, part=part, parts=threads):
            counter.add(block)
        return counter

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        first, *others = pool.map(count, range(threads))
    for other in others:
        first.merge(other)
    return _verification(first, fars)


def of_stream(
    mated: ArrayLike,
    nonmated: Iterable[NDArray[np.float32]],
    *,
    fars: Sequence[float] = (1e-3, 1e-4),
) -> Verification:
    """Returns the verification accuracy of stored mated similarities (M,) and of non-mated ones
    that come in flat blocks, which are counted and not kept.

    Args:
        mated: (M,) cosines; nonmated: blocks (B,) of cosines, as nonmated_blocks yields them. A
            cosine beyond +-1.0001 is an error of the caller's.
        fars: false accept rates in (0,1).

    Raises:
        ShapeError, InputError: shapes, NaN, a FAR out of range.
        EvidenceError: no mated or no non-mated pair.

    >>> of_stream([0.5, 0.9], [np.float32([0.1]), np.float32([0.5])]).auc
    0.875
    """
    _check_fars(fars)
    known = np.sort(_scores(mated, "mated", least=0).astype(np.float32))
    counter = _Counter(known)
    for block in nonmated:
        counter.add(block)
    return _verification(counter, fars)


def _verification(counter: _Counter, fars: Sequence[float]) -> Verification:
    ranks = counter.ranks()
    return Verification(
        _auc(ranks),
        _eer(ranks),
        {far: _tpr(ranks, _floor(far * ranks.nonmated)) for far in fars},
        int(ranks.times.sum()),
        ranks.nonmated,
    )


def _check_fars(fars: Sequence[float]) -> None:
    for far in fars:
        checks.in_range(far, "fars", 0.0, 1.0, open_low=True, open_high=True)


def lfw_accuracy(similarity: ArrayLike, mated: ArrayLike, folds: int | ArrayLike = 10) -> Accuracy:
    """Returns the accuracy of same/different decisions, each fold at the threshold that is best on
    all the others (the LFW protocol).

    Args:
        similarity: (P,) of each pair; accepted when above the threshold.
        mated: (P,) True for the same person.
        folds: (P,) fold of each pair, or a number of equal consecutive folds (the order of LFW's
            pairs.txt).

    Raises:
        ShapeError, InputError: shapes, NaN, fewer than 2 folds or more folds than pairs.

    >>> lfw_accuracy([0.9, 0.1, 0.8, 0.2], [True, False, True, False], 2).mean
    1.0
    """
    score = _scores(similarity, "similarity", least=0)
    same = checks.array(mated, "mated", shape=(len(score),), dtype=np.bool_)
    wanted = int(np.asarray(folds)) if np.ndim(folds) == 0 else None
    fold = (
        np.asarray(folds)
        if wanted is None
        else np.arange(len(score)) * wanted // max(len(score), 1)
    )
    names, code = np.unique(checks.array(fold, "folds", shape=(len(score),)), return_inverse=True)
    if len(names) < 2 or wanted not in (None, len(names)):
        raise InputError(
            f"folds must be at least 2 and none empty, got {len(names)} of {len(score)} pairs."
        )
    accuracies, thresholds = np.empty(len(names)), np.empty(len(names))
    for k in range(len(names)):
        thresholds[k] = _best_threshold(score[code != k], same[code != k])
        accuracies[k] = np.mean((score[code == k] > thresholds[k]) == same[code == k])
    return Accuracy(float(accuracies.mean()), float(accuracies.std()), thresholds)


def _best_threshold(score: NDArray[Any], same: NDArray[np.bool_]) -> float:
    """Returns the middle of the first gap between neighboring similarities where most decisions are
    right."""
    order = np.argsort(score, kind="stable")
    sorted_score = score[order].astype(np.float64)
    gain = np.concatenate([[0], np.cumsum(np.where(same[order], -1, 1))])
    usable = np.concatenate([[True], np.diff(sorted_score) > 0, [True]])
    place = int(np.argmax(np.where(usable, gain, -len(score) - 1)))
    padded = np.concatenate([[sorted_score[0] - 1.0], sorted_score, [sorted_score[-1] + 1.0]])
    return float((padded[place] + padded[place + 1]) / 2)


def _scores(values: ArrayLike, name: str, *, least: int = 1) -> NDArray[Any]:
    scores = checks.array(values, name, shape=("P",))
    scores = checks.finite(scores if scores.dtype.kind == "f" else scores.astype(np.float64), name)
    if len(scores) < least:
        raise EvidenceError(f"{name} needs at least {least} similarity, got {len(scores)}.")
    return scores


@dataclass(frozen=True, eq=False)
class _Ranks:
    """Per distinct mated similarity, ascending: its `times` (U,), and the non-mated `below` and
    `upto` (at or below) it (U,)."""

    times: NDArray[np.int64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    nonmated: int

    @classmethod
    def of(cls, mated: ArrayLike, nonmated: ArrayLike) -> _Ranks:
        """Returns the counts of two lists of similarities; raises as roc_auc."""
        values, times = np.unique(_scores(mated, "mated"), return_counts=True)
        other = np.sort(_scores(nonmated, "nonmated"))
        below, upto = (np.searchsorted(other, values, side=side) for side in ("left", "right"))
        return cls(times, below, upto, len(other))


def _auc(ranks: _Ranks) -> float:
    twice = sum(
        int(t) * (int(b) + int(u))
        for t, b, u in zip(ranks.times, ranks.below, ranks.upto, strict=True)
    )
    return twice / (2 * int(ranks.times.sum()) * ranks.nonmated)


def _tpr(ranks: _Ranks, allowed: int) -> float:
    """A mated value is above the (k+1)-th largest non-mated one exactly when at most k non-mated
    ones reach it."""
    reached = ranks.nonmated - ranks.below
    return float(ranks.times[reached <= allowed].sum() / ranks.times.sum())


def _eer(ranks: _Ranks) -> float:
    """Walks the ROC polyline from the highest threshold; its corners are just before and just after
    each mated value."""
    total = int(ranks.times.sum())
    found = np.cumsum(ranks.times[::-1])
    fmr = np.stack(
        [ranks.nonmated - ranks.upto[::-1], ranks.nonmated - ranks.below[::-1]], axis=1
    ).ravel()
    missed = np.stack([total - (found - ranks.times[::-1]), total - found], axis=1).ravel()
    x = np.concatenate([[0.0], fmr / ranks.nonmated, [1.0]])
    y = np.concatenate([[1.0], missed / total, [0.0]])
    place = int(np.argmax(x >= y))
    before, after = y[place - 1] - x[place - 1], y[place] - x[place]
    share = before / (before - after)
    return float(x[place - 1] + share * (x[place] - x[place - 1]))


class _Counter:
    """Counts how many of a stream of similarities lie below, and at or below, each distinct mated
    similarity."""

    def __init__(self, mated: NDArray[np.float32]) -> None:
        self.values, self.times = np.unique(mated, return_counts=True)
        self.shared = np.zeros(_BUCKETS, bool)
        self.shared[_bucket(self.values)] = True
        self.buckets = np.zeros(_BUCKETS, np.int64)
        self.near = np.zeros((2, len(self.values)), np.int64)
        self.pending: list[NDArray[np.float32]] = []
        self.waiting = 0
        self.count = 0

    def merge(self, other: _Counter) -> None:
        """Adds what another counter of the same mated similarities has counted."""
        other._settle()
        self.buckets += other.buckets
        self.near += other.near
        self.count += other.count

    def add(self, block: NDArray[np.float32]) -> None:
        """Counts a flat block."""
        self.count += len(block)
        for start in range(0, len(block), _CHUNK):
            part = block[start : start + _CHUNK]
            place = _bucket(part)
            self.buckets += np.bincount(place, minlength=_BUCKETS)
            close = np.compress(self.shared.take(place), part)
            self.pending.append(close)
            self.waiting += len(close)
            if self.waiting >= _PENDING:
                self._settle()

    def _settle(self) -> None:
        """Compares exactly those similarities that share a bucket with a mated one."""
        close = np.sort(np.concatenate([np.empty(0, np.float32), *self.pending]))
        for row, side in enumerate(("left", "right")):
            self.near[row] += np.searchsorted(close, self.values, side=side)  # type: ignore[call-overload]
        self.pending, self.waiting = [], 0

    def ranks(self) -> _Ranks:
        """Returns the counts; raises EvidenceError when there is no pair of either kind."""
        if not len(self.values) or self.count == 0:
            raise EvidenceError(
                f"Verification needs mated and non-mated pairs, got {int(self.times.sum())} and"
                f" {self.count}.",
                hint="two images of one identity make a mated pair, two identities a non-mated one",
            )
        self._settle()
        # Similarities of a shared bucket are in `near`, all others are ranked by their bucket
        # alone.
        far = np.concatenate([[0], np.cumsum(np.where(self.shared, 0, self.buckets))])[
            _bucket(self.values)
        ]
        return _Ranks(self.times, far + self.near[0], far + self.near[1], self.count)


def _bucket(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns buckets that never descend as cosines ascend; the margin keeps rounding above 1
    inside."""
    half = np.float32(_BUCKETS / 2)
    scaled = np.multiply(values, half * np.float32(0.9999))
    scaled += half
    return scaled.astype(np.int64)
