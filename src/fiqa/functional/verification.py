"""Verification accuracy of a recognizer: ROC-AUC, EER, TPR at FAR, FNMR at FMR, exact with ties;
all pairs of a set in bounded memory.

A comparison is accepted when its similarity is above the threshold. Every number here follows from
where the mated similarities rank among the non-mated ones (fiqa.functional.ranks).
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
from fiqa.functional.ranks import RankCounter, Ranks, similarities
from fiqa.functional.streams import mated_similarities, nonmated_blocks

__all__ = [
    "Accuracy",
    "Verification",
    "all_pairs",
    "allowed_false_matches",
    "allowed_matches",
    "eer",
    "fnmr_at_fmr",
    "lfw_accuracy",
    "of_stream",
    "roc_auc",
    "threshold_at_fmr",
    "tpr_at_far",
]


@dataclass(frozen=True)
class Verification:
    """The verification accuracy of a set of pairs.

    A FAR below `resolvable_far` was measured with no false accept at all: its TPR is right for
    these pairs and says little of others.

    Attributes:
        auc: area under the ROC curve, in [0,1].
        eer: error rate where FMR equals FNMR, in [0,1].
        tpr: FAR -> TPR.
        mated: number of mated pairs.
        nonmated: number of non-mated pairs.
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
    """The accuracy of same/different decisions over F folds.

    Attributes:
        mean: of the folds' accuracies, in [0,1].
        std: of them (population).
        thresholds: (F,) the threshold used for each fold, from the others.
    """

    mean: float
    std: float
    thresholds: NDArray[np.float64]


def allowed_false_matches(count: int, fmr: float) -> int:
    """Returns floor(fmr * count), the number of false matches that an FMR allows.

    A product within 1e-9 of an integer counts as that integer (0.29 * 100 is 29).

    Args:
        count: non-mated pairs.
        fmr: in (0,1).

    Raises:
        InputError: fmr outside (0,1).
        EvidenceError: fmr * count is below 1, so `count` non-mated pairs cannot resolve it.

    >>> allowed_false_matches(1000, 1e-3)
    1
    """
    checks.in_range(fmr, "fmr", 0.0, 1.0, open_low=True, open_high=True)
    allowed = allowed_matches(fmr * count)
    if allowed < 1:
        lowest = f"the lowest they resolve is {1 / count:.3g}" if count else "there is none"
        raise EvidenceError(
            f"An FMR of {fmr:g} needs at least {math.ceil(1 / fmr - 1e-9)} non-mated pairs, got"
            f" {count}: {lowest}.",
            hint="give more non-mated pairs, or ask for a higher FMR",
        )
    # The threshold is one of the similarities, the lowest at most.
    return min(allowed, count - 1)


def allowed_matches(product: float) -> int:
    """Returns the whole false matches of FAR times pairs; within 1e-9 of an integer it is that one.

    Args:
        product: FAR times the number of non-mated pairs.

    >>> allowed_matches(0.29 * 100)
    29
    """
    nearest = round(product)
    return nearest if abs(product - nearest) <= 1e-9 * max(1, nearest) else math.floor(product)


def threshold_at_fmr(nonmated: ArrayLike, fmr: float) -> float:
    """Returns the (k+1)-th largest non-mated similarity, k = floor(fmr * count).

    Accepting what is above it keeps the FMR at or below `fmr`.

    Args:
        nonmated: (Q,) similarities.
        fmr: in (0,1).

    Raises:
        ShapeError, InputError: shape, NaN, fmr out of range.
        EvidenceError: too few pairs to resolve `fmr`.

    >>> threshold_at_fmr([0.1, 0.2, 0.3, 0.4], 0.25)
    0.3
    """
    scores = similarities(nonmated, "nonmated", least=0)
    allowed = allowed_false_matches(len(scores), fmr)
    place = len(scores) - 1 - allowed
    return float(np.partition(scores, place)[place])


def tpr_at_far(mated: ArrayLike, nonmated: ArrayLike, far: float) -> float:
    """Returns the share of mated pairs accepted at threshold_at_fmr(nonmated, far).

    Args:
        mated: (M,) similarities.
        nonmated: (Q,) similarities.
        far: in (0,1).

    Raises:
        ShapeError, InputError, EvidenceError: as threshold_at_fmr.

    >>> tpr_at_far([0.2, 0.35, 0.9], [0.1, 0.2, 0.3, 0.4], 0.25)
    0.6666666666666666
    """
    return float(
        np.mean(similarities(mated, "mated") > np.float64(threshold_at_fmr(nonmated, far)))
    )


def fnmr_at_fmr(mated: ArrayLike, nonmated: ArrayLike, fmr: float) -> float:
    """Returns the share of mated pairs rejected at threshold_at_fmr(nonmated, fmr).

    Args:
        mated: (M,) similarities.
        nonmated: (Q,) similarities.
        fmr: in (0,1).

    Raises:
        ShapeError, InputError, EvidenceError: as threshold_at_fmr.

    >>> fnmr_at_fmr([0.2, 0.35, 0.5, 0.9], [0.1, 0.2, 0.3, 0.4], 0.25)
    0.25
    """
    return float(
        np.mean(similarities(mated, "mated") <= np.float64(threshold_at_fmr(nonmated, fmr)))
    )


def roc_auc(mated: ArrayLike, nonmated: ArrayLike) -> float:
    """Returns the probability that a mated similarity exceeds a non-mated one, in [0,1].

    Ties count half.

    Args:
        mated: (M,) similarities.
        nonmated: (Q,) similarities.

    Raises:
        ShapeError, InputError: not (M,) and (Q,), NaN.
        EvidenceError: either is empty.

    >>> roc_auc([0.5, 0.9], [0.1, 0.5])
    0.875
    """
    return Ranks.of(mated, nonmated).auc()


def eer(mated: ArrayLike, nonmated: ArrayLike) -> float:
    """Returns the error rate where FMR equals FNMR, in [0,1].

    It is taken on the ROC polyline, straight between neighboring thresholds.

    Args:
        mated: (M,) similarities.
        nonmated: (Q,) similarities.

    Raises:
        ShapeError, InputError: not (M,) and (Q,), NaN.
        EvidenceError: either is empty.

    >>> eer([0.3, 0.6, 0.7, 0.8], [0.1, 0.2, 0.4, 0.5])
    0.25
    """
    return Ranks.of(mated, nonmated).eer()


def all_pairs(
    embeddings: ArrayLike, identities: ArrayLike, *, fars: Sequence[float] = (1e-3, 1e-4)
) -> Verification:
    """Returns the verification accuracy over all N(N-1)/2 pairs of a set.

    It is exact for the float32 cosines, without storing the non-mated ones.

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

    >>> vectors = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> result = all_pairs(vectors, ["a", "a", "b", "b"], fars=(0.25,))
    >>> result.auc, result.eer, result.tpr[0.25], result.mated, result.nonmated
    (1.0, 0.0, 1.0, 2, 4)
    """
    _check_fars(fars)
    from threadpoolctl import threadpool_limits

    mated = np.sort(mated_similarities(embeddings, identities))
    threads = os.cpu_count() or 1

    def counted(part: int) -> RankCounter:
        counter = RankCounter(mated)
        for block in nonmated_blocks(embeddings, identities, part=part, parts=threads):
            counter.add(block)
        return counter

    # One thread of BLAS for each of ours: more would fight for the same cores.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        first, *others = pool.map(counted, range(threads))
    for other in others:
        first.merge(other)
    return of_counter(first, fars=fars)


def of_stream(
    mated: ArrayLike,
    nonmated: Iterable[NDArray[np.float32]],
    *,
    fars: Sequence[float] = (1e-3, 1e-4),
) -> Verification:
    """Returns the verification accuracy of stored mated similarities and streamed non-mated ones.

    The non-mated ones come in flat blocks, which are counted and not kept.

    Args:
        mated: (M,) cosines.
        nonmated: blocks (B,) of cosines, as nonmated_blocks yields them. A cosine beyond +-1.0001
            is an error of the caller's.
        fars: false accept rates in (0,1).

    Raises:
        ShapeError, InputError: shapes, NaN, a FAR out of range.
        EvidenceError: no mated or no non-mated pair.

    >>> of_stream([0.5, 0.9], [np.float32([0.1]), np.float32([0.5])]).auc
    0.875
    """
    _check_fars(fars)
    sorted_mated = np.sort(similarities(mated, "mated", least=0).astype(np.float32))
    counter = RankCounter(sorted_mated)
    for block in nonmated:
        counter.add(block)
    return of_counter(counter, fars=fars)


def of_counter(counter: RankCounter, *, fars: Sequence[float] = (1e-3, 1e-4)) -> Verification:
    """Returns the verification accuracy that a counter has counted.

    Args:
        counter: of the mated similarities, which took in the non-mated ones.
        fars: false accept rates in (0,1).

    Raises:
        InputError: a FAR out of range.
        EvidenceError: no mated or no non-mated pair.
    """
    _check_fars(fars)
    ranks = counter.ranks()
    return Verification(
        ranks.auc(),
        ranks.eer(),
        {far: ranks.tpr(allowed_matches(far * ranks.nonmated)) for far in fars},
        int(ranks.times.sum()),
        ranks.nonmated,
    )


def _check_fars(fars: Sequence[float]) -> None:
    for far in fars:
        checks.in_range(far, "fars", 0.0, 1.0, open_low=True, open_high=True)


def lfw_accuracy(similarity: ArrayLike, mated: ArrayLike, folds: int | ArrayLike = 10) -> Accuracy:
    """Returns the accuracy of same/different decisions (the LFW protocol).

    Each fold is judged at the threshold that is best on all the others.

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
    score = similarities(similarity, "similarity", least=0)
    same = checks.array(mated, "mated", shape=(len(score),), dtype=np.bool_)
    fold_count = int(np.asarray(folds)) if np.ndim(folds) == 0 else None
    fold = (
        np.asarray(folds)
        if fold_count is None
        else np.arange(len(score)) * fold_count // max(len(score), 1)
    )
    names, code = np.unique(checks.array(fold, "folds", shape=(len(score),)), return_inverse=True)
    if len(names) < 2 or fold_count not in (None, len(names)):
        raise InputError(
            f"folds must be at least 2 and none empty, got {len(names)} of {len(score)} pairs."
        )
    accuracies, thresholds = np.empty(len(names)), np.empty(len(names))
    for k in range(len(names)):
        thresholds[k] = _best_threshold(score[code != k], same[code != k])
        accuracies[k] = np.mean((score[code == k] > thresholds[k]) == same[code == k])
    return Accuracy(float(accuracies.mean()), float(accuracies.std()), thresholds)


def _best_threshold(score: NDArray[Any], same: NDArray[np.bool_]) -> float:
    """Returns the middle of the first gap between similarities where most decisions are right."""
    order = np.argsort(score, kind="stable")
    sorted_score = score[order].astype(np.float64)
    # Raising the threshold past a mated pair loses a right decision, past another wins one.
    gain = np.concatenate([[0], np.cumsum(np.where(same[order], -1, 1))])
    # A threshold cannot part equal similarities, so only gaps between distinct ones count.
    usable = np.concatenate([[True], np.diff(sorted_score) > 0, [True]])
    place = int(np.argmax(np.where(usable, gain, -len(score) - 1)))
    padded = np.concatenate([[sorted_score[0] - 1.0], sorted_score, [sorted_score[-1] + 1.0]])
    return float((padded[place] + padded[place + 1]) / 2)
