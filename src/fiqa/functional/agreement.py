"""How well predictions agree with targets: size of the error, agreement of the order, agreement of
the levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.identities import encode, groups

__all__ = [
    "balanced_accuracy",
    "cohen_kappa",
    "kendall",
    "macro_f1",
    "mae",
    "per_identity",
    "rmse",
    "spearman",
]

Metric = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def _sides(
    pred: ArrayLike, target: ArrayLike, least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = checks.finite(checks.array(pred, "pred", shape=("N",), dtype=np.float64), "pred")
    second = checks.finite(
        checks.array(target, "target", shape=(len(first),), dtype=np.float64), "target"
    )
    if len(first) < least:
        raise EvidenceError(f"agreement needs at least {least} rows, got {len(first)}.")
    return first, second


def mae(pred: ArrayLike, target: ArrayLike) -> float:
    """Returns the mean absolute error of (N,) predictions.

    Args:
        pred: (N,) predictions.
        target: (N,) what they should be.

    Raises:
        ShapeError, InputError: shapes differ, NaN.
        EvidenceError: no row.

    >>> mae([0.0, 1.0], [0.5, 1.0])
    0.25
    """
    first, second = _sides(pred, target, 1)
    return float(np.abs(first - second).mean())


def rmse(pred: ArrayLike, target: ArrayLike) -> float:
    """Returns the root of the mean squared error of (N,) predictions; never below mae.

    Args:
        pred: (N,) predictions.
        target: (N,) what they should be.

    Raises:
        ShapeError, InputError: shapes differ, NaN.
        EvidenceError: no row.

    >>> round(rmse([0.0, 1.0], [0.5, 1.0]), 4)
    0.3536
    """
    first, second = _sides(pred, target, 1)
    gap = np.abs(first - second)
    # Equal gaps can round below their own mean; the inequality of the two errors holds exactly in
    # the result.
    return float(max(np.sqrt(np.mean(gap**2)), gap.mean()))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    # Equal values share the mean of the places that they take: the last of them less half their
    # run.
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[code])


def _varies(first: NDArray[np.float64], second: NDArray[np.float64], name: str) -> None:
    for which, values in (("pred", first), ("target", second)):
        if values.min() == values.max():
            raise EvidenceError(
                f"{name} needs values that differ, but {which} is {values[0]} in all {len(values)}"
                " rows."
            )


def spearman(pred: ArrayLike, target: ArrayLike) -> float:
    """Returns Spearman's rank correlation in [-1,1], equal values at their mean rank.

    Args:
        pred: (N,) predictions.
        target: (N,) what they should be.

    Raises:
        ShapeError, InputError: shapes differ, NaN.
        EvidenceError: fewer than 2 rows, or one side is constant.

    >>> round(spearman([1, 2, 3, 4], [1, 2, 4, 3]), 3)
    0.8
    """
    first, second = _sides(pred, target, 2)
    _varies(first, second, "spearman")
    a, b = (ranks - ranks.mean() for ranks in (_ranks(first), _ranks(second)))
    # Rounding may end just outside of [-1,1].
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def kendall(pred: ArrayLike, target: ArrayLike) -> float:
    """Returns Kendall's tau-b in [-1,1] (corrected for ties), by scipy.stats.kendalltau.

    Args:
        pred: (N,) predictions.
        target: (N,) what they should be.

    Raises:
        ShapeError, InputError: shapes differ, NaN.
        EvidenceError: fewer than 2 rows, or one side is constant.

    >>> round(kendall([1, 2, 3, 4], [1, 2, 4, 3]), 3)
    0.667
    """
    from scipy.stats import kendalltau

    first, second = _sides(pred, target, 2)
    _varies(first, second, "kendall")
    statistic: float = kendalltau(first, second, variant="b")[0]  # pyright: ignore[reportAssignmentType]
    return float(statistic)


def per_identity(
    metric: Metric, pred: ArrayLike, target: ArrayLike, identities: ArrayLike
) -> tuple[float, int, int]:
    """Returns (mean of the metric over identities, identities used, identities skipped).

    An identity with fewer than two rows, or whose predictions or targets are all equal, says
    nothing about order: it is skipped and counted.

    Args:
        metric: a function of this file, (pred, target) -> float.
        pred, target: (N,) numbers.
        identities: (N,) of any type.

    Raises:
        ShapeError, InputError: shapes differ, NaN.
        EvidenceError: no identity can be used.

    >>> per_identity(spearman, [1, 2, 5, 4, 9], [1, 2, 4, 5, 9], ["a", "a", "b", "b", "c"])
    (0.0, 2, 1)
    """
    first, second = _sides(pred, target, 1)
    members = groups(encode(identities, len(first))[0])
    usable = [g for g in members if np.ptp(first[g]) > 0 and np.ptp(second[g]) > 0]
    if not usable:
        raise EvidenceError(
            f"per_identity needs an identity with two or more rows that differ; all {len(members)}"
            " have fewer or are constant."
        )
    return (
        float(np.mean([metric(first[g], second[g]) for g in usable])),
        len(usable),
        len(members) - len(usable),
    )


def _counts(
    pred: ArrayLike, target: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns per level of either side: rows right, rows of the target, rows of the prediction."""
    first = checks.array(pred, "pred_levels", shape=("N",))
    second = checks.array(target, "target_levels", shape=(len(first),))
    if not len(first):
        raise EvidenceError("agreement of levels needs at least 1 row, got 0.")
    names, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = code[: len(first)], code[len(first) :]
    n = len(names)
    return (
        np.bincount(a[a == b], minlength=n),
        np.bincount(b, minlength=n),
        np.bincount(a, minlength=n),
    )


def balanced_accuracy(pred_levels: ArrayLike, target_levels: ArrayLike) -> float:
    """Returns the mean share of rows predicted right over the target's levels, in [0,1].

    Args:
        pred_levels: (N,) predicted levels, of any type.
        target_levels: (N,) what they should be.

    Raises:
        ShapeError: shapes differ.
        EvidenceError: no row.

    >>> balanced_accuracy([0, 1, 1, 1], [0, 0, 1, 1])
    0.75
    """
    right, targets, _ = _counts(pred_levels, target_levels)
    present = targets > 0
    return float(np.mean(right[present] / targets[present]))


def macro_f1(pred_levels: ArrayLike, target_levels: ArrayLike) -> float:
    """Returns the mean F1 over all levels of either side, in [0,1].

    A level that is never predicted right counts 0.

    Args:
        pred_levels: (N,) predicted levels, of any type.
        target_levels: (N,) what they should be.

    Raises:
        ShapeError: shapes differ.
        EvidenceError: no row.

    >>> round(macro_f1([0, 1, 1, 1], [0, 0, 1, 1]), 3)
    0.733
    """
    right, targets, predictions = _counts(pred_levels, target_levels)
    return float(np.mean(2 * right / (targets + predictions)))


def cohen_kappa(first: Iterable[Hashable], second: Iterable[Hashable]) -> float:
    """Returns Cohen's kappa of two annotators: how much more often they agree than by chance.

    1 is agreement everywhere, 0 that of chance. Where both always say one and the same, chance
    agrees as well, and nothing can be said.

    Args:
        first: (N,) what the one said; any words or numbers.
        second: (N,) what the other said of the same things.

    Raises:
        InputError: another number of answers.
        EvidenceError: no answer, or one and the same everywhere.

    >>> round(cohen_kappa([1, 1, 2, 2], [1, 1, 2, 1]), 2)
    0.5
    """
    one, two = list(first), list(second)
    if len(one) != len(two):
        raise InputError(f"second must have as many answers as first, {len(one)}, got {len(two)}.")
    n = len(one)
    left, right = Counter(one), Counter(two)
    chance = sum(count * right[word] for word, count in left.items())
    if not n or chance == n * n:
        raise EvidenceError("kappa needs answers that differ, got none or one for all.")
    same = sum(a == b for a, b in zip(one, two, strict=True))
    return (same * n - chance) / (n * n - chance)
