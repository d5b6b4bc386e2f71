"""Error versus discard: how the recognition error falls as the worst-quality comparisons are left
out (EDC; also called ERC or EVRC).

The quality of a pair is the lower of its two. Published evaluations differ in what they discard,
how they set the comparison threshold, where they evaluate and how they integrate, so each is a
named `Protocol`, and every curve carries its name. A comparison is accepted when its similarity is
above the threshold. Sources: ISO/IEC 29794-1 and Schlett et al., "Considerations on the evaluation
of biometric quality assessment algorithms" (2023); the evaluation code published with CR-FIQA,
MagFace and CLIB-FIQA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.curve import DiscardCurve, stepped_area
from fiqa.functional.protocols import (
    PROTOCOLS,
    Normalize,
    Protocol,
    protocol_of,
    start_threshold,
    starting_fnmr,
    threshold_rule,
)
from fiqa.functional.verification import allowed_false_matches, threshold_at_fmr

__all__ = [
    "PROTOCOLS",
    "FalseMatchCurve",
    "Protocol",
    "comparison_threshold",
    "curve_at",
    "discard_curve",
    "false_match_curve",
    "oracle_curve",
    "pair_quality",
    "protocol_of",
    "random_curve",
]


@dataclass(frozen=True, eq=False)
class FalseMatchCurve:
    """The FMR among the non-mated pairs that are kept, as the worst ones are discarded.

    Attributes:
        discard: (K,) the fraction discarded, ascending from 0.
        fmr: (K,) among the pairs kept.
        kept: (K,) non-mated pairs left.
        threshold: of the comparison, fixed; accepted is above it.
        counts: nonmated, errors, resolvable_fmr.
    """

    discard: NDArray[np.float64]
    fmr: NDArray[np.float64]
    kept: NDArray[np.int64]
    threshold: float
    counts: Mapping[str, float]

    def area(self, upto: float = 0.3, *, normalize: Normalize = None) -> float:
        """Returns the stepwise area over discard fractions [0, upto].

        Args:
            upto, normalize: as fiqa.functional.curve.area, which tells the three forms.

        Raises:
            InputError, UnknownNameError, EvidenceError: as there.
        """
        return stepped_area(self.discard, self.fmr, upto, normalize, "step", "exact")


def pair_quality(quality: ArrayLike) -> NDArray[Any]:
    """Returns the quality of each pair, (P,): the lower of its two images' qualities.

    Args:
        quality: (P,2) quality of each pair's two images, higher is better.

    Raises:
        ShapeError, InputError: not (P,2), NaN.

    >>> pair_quality([[0.3, 0.9], [0.8, 0.5]]).tolist()
    [0.3, 0.5]
    """
    sides = checks.floats(quality, "quality", shape=("P", 2))
    return np.asarray(np.minimum(sides[:, 0], sides[:, 1]))


def discard_curve(
    similarity: ArrayLike,
    mated: ArrayLike,
    quality: ArrayLike,
    *,
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
) -> DiscardCurve:
    """Returns the error-versus-discard curve of a quality over the given pairs.

    With steps at every distinct quality the curve has one point per distinct pair quality, kept
    pairs being those of at least that quality; it does not end with an empty point at discard 1.
    Under `crfiqa` and `magface` it ends where no mated or no non-mated pair is left.

    Args:
        similarity: (P,) higher is more alike.
        mated: (P,) True where both images show the same person.
        quality: (P,2) quality of each pair's two images, higher is better.
        fmr: the wanted false match rate in (0,1); not used by `schlett2023`, which needs no
            non-mated pairs.
        protocol: a name in PROTOCOLS, or a protocol.
        start_fnmr: `schlett2023` only: the wanted FNMR at discard 0, in (0,1), .05 when None.

    Raises:
        ShapeError: shapes disagree.
        InputError: NaN, fmr or start_fnmr out of range, start_fnmr with another protocol.
        UnknownNameError: no such protocol.
        EvidenceError: no mated pair, or too few non-mated pairs to resolve `fmr`.

    >>> similarity, mated = [0.9, 0.1, 0.8, 0.3, 0.2], [True, True, True, False, False]
    >>> quality = [[0.9, 0.8], [0.1, 0.9], [0.5, 0.5], [0.7, 0.7], [0.6, 0.9]]
    >>> curve = discard_curve(similarity, mated, quality, fmr=0.5)
    >>> curve.threshold, curve.discard.round(3).tolist(), curve.fnmr.round(3).tolist()
    (0.2, [0.0, 0.333, 0.667], [0.333, 0.0, 0.0])
    >>> curve.kept.tolist()
    [3, 2, 1]
    """
    rule = protocol_of(protocol)
    score, same, worst = _pairs(similarity, mated, quality)
    start = starting_fnmr(rule, start_fnmr)
    if rule.discards == "all":
        return _re_estimated(rule, score, same, worst, fmr)
    rows = np.flatnonzero(same)  # taking rows is several times faster than a mask
    genuine = score[rows]
    threshold = (
        start_threshold(genuine, start)
        if start
        else threshold_at_fmr(score[np.flatnonzero(~same)], fmr)
    )
    return curve_at(
        genuine,
        worst[rows],
        threshold,
        fmr=None if start else fmr,
        protocol=protocol,
        nonmated=len(score) - len(genuine),
    )


def curve_at(
    similarity: ArrayLike,
    worst: ArrayLike,
    threshold: float,
    *,
    fmr: float | None,
    nonmated: int,
    protocol: str | Protocol,
) -> DiscardCurve:
    """Returns the discard curve of mated pairs at a comparison threshold that was set elsewhere.

    For where the non-mated pairs are too many to store.

    Args:
        similarity: (M,) of the mated pairs.
        worst: (M,) the lower quality of each (pair_quality).
        threshold: accepted is above it.
        fmr: the rate that the threshold was set for, None: from a starting FNMR.
        nonmated: the number of non-mated pairs it was set on.
        protocol: one that discards mated pairs only.

    Raises:
        ShapeError, InputError: shapes, NaN, a protocol that discards all kinds of pairs.
        EvidenceError: no mated pair.

    >>> similarity, worst = [0.9, 0.1, 0.8], [0.8, 0.1, 0.5]
    >>> curve = curve_at(similarity, worst, 0.2, fmr=0.5, nonmated=2, protocol="iso")
    >>> curve.fnmr.round(3).tolist()
    [0.333, 0.0, 0.0]
    """
    rule = protocol_of(protocol)
    if rule.discards != "mated":
        raise InputError(
            f"curve_at needs a protocol that discards mated pairs only, got {rule.name!r}."
        )
    genuine = checks.floats(similarity, "similarity", shape=("M",))
    quality = checks.floats(worst, "worst", shape=(len(genuine),))
    if not len(genuine):
        raise EvidenceError("A discard curve needs mated pairs, got none.")
    # In float64, so that a threshold between two float32 neighbors is not rounded onto one.
    failed = genuine <= np.float64(threshold)
    counts = _counts(len(genuine), nonmated, int(failed.sum()))
    return DiscardCurve(*_by_quality(quality, failed), float(threshold), fmr, rule.name, counts)


def comparison_threshold(
    similarity: ArrayLike,
    mated: ArrayLike,
    *,
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
) -> float:
    """Returns the comparison threshold at discard 0 under a protocol; accepted is above it.

    Args:
        similarity, mated, fmr, protocol, start_fnmr: as discard_curve.

    Raises:
        ShapeError, InputError, UnknownNameError, EvidenceError: as discard_curve.

    >>> comparison_threshold([0.9, 0.4, 0.3, 0.2], [True, False, False, False], fmr=0.34)
    0.3
    """
    rule = protocol_of(protocol)
    score, same, _ = _pairs(similarity, mated, None)
    start = starting_fnmr(rule, start_fnmr)
    if start:
        return start_threshold(score[same], start)
    allowed_false_matches(int(np.count_nonzero(~same)), fmr)
    return threshold_rule(rule)(score[same], score[~same], fmr)


def false_match_curve(
    similarity: ArrayLike, mated: ArrayLike, quality: ArrayLike, *, fmr: float = 1e-3
) -> FalseMatchCurve:
    """Returns the FM-EDC: the FMR among the non-mated pairs kept.

    Those of the lowest quality are discarded first; threshold, steps and ties as `iso`.

    Args:
        similarity, mated, quality, fmr: as discard_curve; mated pairs are not needed.

    Raises:
        ShapeError, InputError: as discard_curve.
        EvidenceError: too few non-mated pairs to resolve `fmr`.

    >>> quality = [[0.2, 0.8], [0.3, 0.9], [0.5, 0.5]]
    >>> curve = false_match_curve([0.9, 0.1, 0.2], [False] * 3, quality, fmr=0.4)
    >>> curve.fmr.round(3).tolist()
    [0.333, 0.0, 0.0]
    """
    score, same, worst = _pairs(similarity, mated, quality, needs_mated=False)
    impostor = score[~same]
    threshold = threshold_at_fmr(impostor, fmr)
    matched = impostor > np.float64(threshold)
    discard, error, kept = _by_quality(worst[~same], matched)
    counts = {
        "nonmated": len(impostor),
        "errors": int(matched.sum()),
        "resolvable_fmr": 1 / len(impostor),
    }
    return FalseMatchCurve(discard, error, kept, threshold, counts)


def oracle_curve(
    similarity: ArrayLike,
    mated: ArrayLike,
    *,
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
) -> DiscardCurve:
    """Returns the curve of a quality that knows the outcome.

    The least similar mated pairs go first, non-mated ones last.

    No quality of single images can do better on these pairs.

    Args:
        similarity, mated, fmr, protocol, start_fnmr: as discard_curve.

    Raises:
        ShapeError, InputError, UnknownNameError, EvidenceError: as discard_curve.

    >>> rule = {"protocol": "schlett2023", "start_fnmr": 0.3}
    >>> oracle_curve([0.1, 0.9, 0.8], [True] * 3, **rule).fnmr.round(3).tolist()
    [0.333, 0.0, 0.0]
    """
    score, same, _ = _pairs(similarity, mated, None)
    outcome = np.where(same, score, score.max())
    quality = np.stack([outcome, outcome], axis=1)
    return discard_curve(score, same, quality, fmr=fmr, protocol=protocol, start_fnmr=start_fnmr)


def random_curve(
    similarity: ArrayLike,
    mated: ArrayLike,
    index: ArrayLike,
    *,
    fmr: float = 1e-3,
    protocol: str | Protocol = "iso",
    start_fnmr: float | None = None,
    seed: int = 0,
) -> DiscardCurve:
    """Returns the curve of a quality drawn at random per image: discarding without knowledge.

    Args:
        index: (P,2) which images each pair compares, integers from 0.
        seed: of the draw.
        similarity, mated, fmr, protocol, start_fnmr: as discard_curve.

    Raises:
        ShapeError, InputError, UnknownNameError, EvidenceError: as discard_curve.

    >>> rule = {"protocol": "schlett2023", "start_fnmr": 0.4}
    >>> random_curve([0.1, 0.9], [True] * 2, [[0, 1], [1, 2]], **rule).fnmr.tolist()
    [0.5]
    """
    pairs = checks.array(index, "index", shape=("P", 2), dtype=np.int64)
    if len(pairs) and pairs.min() < 0:
        raise InputError(f"index must not be negative, got {pairs.min()}.")
    images = int(pairs.max()) + 1 if len(pairs) else 0
    # A permutation and not uniform numbers: no two images tie.
    quality = np.random.default_rng(seed).permutation(images).astype(np.float64)[pairs]
    return discard_curve(
        similarity, mated, quality, fmr=fmr, protocol=protocol, start_fnmr=start_fnmr
    )


def _pairs(
    similarity: ArrayLike, mated: ArrayLike, quality: ArrayLike | None, *, needs_mated: bool = True
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[Any]]:
    score = checks.floats(similarity, "similarity", shape=("P",))
    same = checks.array(mated, "mated", shape=(len(score),), dtype=np.bool_)
    worst = np.empty(0) if quality is None else pair_quality(quality)
    if quality is not None and len(worst) != len(score):
        raise InputError(
            f"quality must have one row per similarity ({len(score)}), got {len(worst)}."
        )
    if needs_mated and not same.any():
        raise EvidenceError(
            f"A discard curve needs mated pairs, got none among {len(score)} pairs."
        )
    return score, same, worst


def _counts(mated: int, nonmated: int, errors: int) -> dict[str, float]:
    return {
        "mated": mated,
        "nonmated": nonmated,
        "errors": errors,
        "resolvable_fmr": 1 / nonmated if nonmated else float("inf"),
    }


def _by_quality(
    quality: NDArray[Any], failed: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Returns (discard, error, kept) at every distinct quality.

    One sort of values is enough: the order of the pairs is never needed.
    """
    count = len(quality)
    ordered = np.sort(quality)
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    bad = np.sort(quality[failed])
    gone = (
        np.concatenate([[0], np.flatnonzero(np.diff(bad)) + 1, [len(bad)]])
        if len(bad)
        else np.zeros(1, np.int64)
    )
    place = np.searchsorted(ordered[first], bad[gone[:-1]]) + 1
    # After the block at which an error is discarded, so many errors are gone.
    steps = np.diff(np.concatenate([[0], place, [len(first)]]))
    left = np.repeat(len(bad) - gone, steps)
    kept = count - first
    return first / count, left / kept, kept


def _re_estimated(
    rule: Protocol, score: NDArray[Any], same: NDArray[np.bool_], worst: NDArray[Any], fmr: float
) -> DiscardCurve:
    """The protocols that discard all pairs and set the threshold again at every twentieth."""
    # Refuses what the pairs cannot resolve before the first of twenty thresholds is set.
    allowed_false_matches(int(np.count_nonzero(~same)), fmr)
    order = np.argsort(worst, kind="stable")
    score, same = score[order], same[order]
    discard, error, kept, thresholds = [], [], [], []
    for u in np.arange(20) * 0.05:
        gone = int(u * len(score))
        genuine, impostor = score[gone:][same[gone:]], score[gone:][~same[gone:]]
        if not len(genuine) or not len(impostor):
            break
        threshold = threshold_rule(rule)(genuine, impostor, fmr)
        failed = int(np.count_nonzero(genuine <= np.float64(threshold)))
        discard.append(float(u))
        error.append(failed / len(genuine))
        kept.append(len(genuine))
        thresholds.append(threshold)
    # The first twentieth discards nothing, so its error is that of all mated pairs.
    counts = _counts(int(same.sum()), int((~same).sum()), round(error[0] * kept[0]))
    return DiscardCurve(
        np.array(discard), np.array(error), np.array(kept), thresholds[0], fmr, rule.name, counts
    )
