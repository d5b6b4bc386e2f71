"""Agreement with labels and spread of a score under draws of people, from sums per person.

A draw takes as many people as there are, with replacement. Means, confusions and histograms of a
draw are weighted sums of those of each person, and quantiles are read from one sorted order, so
that nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.functional.draws import identity_weights
from fiqa.functional.identities import encode, groups
from fiqa.functional.spread import BINS

__all__ = [
    "drawn_errors",
    "drawn_levels",
    "drawn_order",
    "drawn_spread",
    "drawn_weights",
]

Floats = NDArray[np.float64]
_NAN = float("nan")


def drawn_weights(identities: ArrayLike, draws: int, level: float, seed: int) -> Floats:
    """Returns (draws, U): how often each identity, in sorted order, is taken in each draw.

    Args:
        identities: (N,) of any type.
        draws, level, seed: as fiqa.functional.draws.identity_weights.

    Raises:
        InputError, EvidenceError: as there.

    >>> drawn_weights(["a", "b", "a"], 4, 0.95, 0).sum(axis=1).tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    _, count = encode(identities, len(np.asarray(identities)))
    return np.stack(list(identity_weights(count, draws, level, seed))).astype(np.float64)


def drawn_errors(
    pred: ArrayLike, target: ArrayLike, identities: ArrayLike, weights: Floats
) -> tuple[Floats, Floats]:
    """Returns (MAE, RMSE) of each draw (D,).

    Args:
        pred, target: (N,) numbers.
        identities: (N,) who is on each.
        weights: (D,U) as drawn_weights.
    """
    gap = np.abs(np.asarray(pred, np.float64) - np.asarray(target, np.float64))
    code = encode(identities, len(gap))[0]
    count, total, square = (
        np.bincount(code, part, weights.shape[1]) for part in (np.ones_like(gap), gap, gap**2)
    )
    taken = weights @ count
    return weights @ total / taken, np.sqrt(weights @ square / taken)


def drawn_order(
    metric: Callable[[Floats, Floats], float],
    pred: ArrayLike,
    target: ArrayLike,
    identities: ArrayLike,
    weights: Floats,
    *,
    among: ArrayLike | None = None,
) -> Floats:
    """Returns agreement.per_identity of each draw (D,), NaN where no usable identity was drawn.

    Args:
        metric: spearman or kendall.
        pred, target: (N,) numbers.
        identities: (N,) who is on each.
        weights: (D,U) as drawn_weights.
        among: (N,) True for the rows that count; None is all.
    """
    first, second = (np.asarray(part, np.float64) for part in (pred, target))
    code = encode(identities, len(first))[0]
    keep = np.ones(len(first), bool) if among is None else np.asarray(among, bool)
    value, usable = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for rows in groups(code):
        own = rows[keep[rows]]
        if len(own) and np.ptp(first[own]) > 0 and np.ptp(second[own]) > 0:
            value[code[own[0]]] = metric(first[own], second[own])
            usable[code[own[0]]] = 1.0
    taken = weights @ usable
    return np.where(taken > 0, weights @ value / np.where(taken > 0, taken, 1.0), _NAN)


def drawn_levels(
    pred: ArrayLike, target: ArrayLike, identities: ArrayLike, weights: Floats
) -> tuple[Floats, Floats]:
    """Returns (balanced accuracy, macro-F1) of each draw (D,).

    Args:
        pred, target: (N,) levels.
        identities: (N,) who is on each.
        weights: (D,U) as drawn_weights.
    """
    first, second = np.asarray(pred), np.asarray(target)
    names, both = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b, k = both[: len(first)], both[len(first) :], len(names)
    code = encode(identities, len(first))[0]
    cells = np.bincount(code * k * k + b * k + a, minlength=weights.shape[1] * k * k)
    table = (weights @ cells.reshape(-1, k * k)).reshape(-1, k, k)
    right, targets, said = np.diagonal(table, axis1=1, axis2=2), table.sum(2), table.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # a level that a draw has not is left out of its mean, as agreement does
        return (
            np.nanmean(right / targets, axis=1),
            np.nanmean(2 * right / (targets + said), axis=1),
        )


def drawn_spread(score: ArrayLike, identities: ArrayLike, weights: Floats) -> Floats:
    """Returns Q90-Q10, standard deviation and entropy (3,D) of each draw.

    Args:
        score: (N,) in [0,1].
        identities: (N,) who is on each.
        weights: (D,U) as drawn_weights.

    Raises:
        InputError: a score outside 0..1.
    """
    value = np.asarray(score, np.float64)
    checks.in_range(float(value.min()), "score", 0.0, 1.0)
    checks.in_range(float(value.max()), "score", 0.0, 1.0)
    code, people = encode(identities, len(value))
    count = weights @ np.bincount(code, minlength=people)
    mean = weights @ np.bincount(code, value, people) / count
    # about the mean of all, so that a narrow score loses no digits
    middle = float(value.mean())
    square = weights @ np.bincount(code, (value - middle) ** 2, people) / count
    std = np.sqrt(np.maximum(square - (mean - middle) ** 2, 0.0))
    # by the edges, as numpy's histogram: a product rounds to either side of one
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.minimum(np.searchsorted(edges, value, side="right") - 1, BINS - 1)
    table = np.bincount(code * BINS + bins, minlength=people * BINS).reshape(people, BINS)
    share = weights @ table / count[:, None]
    entropy = np.abs(np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=1))
    order = np.argsort(value, kind="stable")
    ordered = value[order]
    wide = []
    for row in weights:
        upto = np.cumsum(row[code[order]])
        ends = [_quantile(ordered, upto, level) for level in (0.1, 0.9)]
        wide.append(ends[1] - ends[0])
    return np.stack([np.array(wide), std, entropy])


def _quantile(ordered: Floats, upto: Floats, level: float) -> float:
    """numpy's linear quantile of values that stand as often as the steps of `upto` say."""
    place = (upto[-1] - 1) * level
    low = np.floor(place)
    ends = ordered[np.searchsorted(upto, [low, min(low + 1, upto[-1] - 1)], side="right")]
    return float(ends[0] + (place - low) * (ends[1] - ends[0]))
