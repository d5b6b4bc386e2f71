"""Several quality sources as one prior: a weighted mean of their ranks.

The future work of [1] (see the method): methods err in different places, so the mean of their ranks
follows the mated similarities better than most of them alone. Ranks, because the methods' scales
have nothing in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.agreement import spearman
from fiqa.functional.folds import folds_of

__all__ = ["FOLDS", "LearnedWeights", "combined_prior", "learned_weights", "unit_ranks"]

FOLDS = 5
"""Parts of the people, each of which is held out once."""


def unit_ranks(value: ArrayLike) -> NDArray[np.float64]:
    """Returns the ranks of values as fractions in 0..1, ties at their mean; .5 for a single one.

    Args:
        value: (N,) numbers.

    Raises:
        ShapeError, InputError: not (N,), NaN.

    >>> unit_ranks([10, 30, 30, 20]).round(3).tolist()
    [0.0, 0.833, 0.833, 0.333]
    """
    from scipy.stats import rankdata

    number = checks.finite(checks.floats(value, "value", shape=("N",)), "value")
    if len(number) < 2:
        return np.full(len(number), 0.5)
    return (rankdata(number) - 1.0) / (len(number) - 1)


def combined_prior(
    priors: Sequence[ArrayLike], weights: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Returns the weighted mean of the priors' unit ranks, (N,) in 0..1; a single prior as it is.

    Args:
        priors: K times (N,) labels or scores of any method, higher is better.
        weights: K numbers of at least 0, not all 0; None is all alike.

    Raises:
        ShapeError, InputError: shapes that differ, NaN, no prior, weights that are none.

    >>> combined_prior([[1, 2, 3], [9, 7, 8]], [3, 1]).tolist()
    [0.25, 0.375, 0.875]
    """
    if not len(priors):
        raise InputError("priors must hold at least one, got none.")
    share = _shares(weights, len(priors))
    if len(priors) == 1:
        return checks.finite(checks.floats(priors[0], "prior", shape=("N",)), "prior").astype(
            np.float64
        )
    ranks = [unit_ranks(prior) for prior in priors]
    if len({len(rank) for rank in ranks}) > 1:
        raise ShapeError(
            f"priors must have one length, got {', '.join(str(len(rank)) for rank in ranks)}."
        )
    return np.asarray(share @ np.stack(ranks))


def _shares(weights: Sequence[float] | None, count: int) -> NDArray[np.float64]:
    """Weights that add up to 1."""
    if weights is None:
        return np.full(count, 1.0 / count)
    given = checks.finite(checks.floats(weights, "weights", shape=("K",)), "weights")
    if len(given) != count or np.any(given < 0) or given.sum() <= 0:
        raise InputError(
            f"weights must be {count} numbers of at least 0, one for each prior, not all 0; got"
            f" {', '.join(f'{weight:g}' for weight in given) or 'none'}."
        )
    return np.asarray(given / given.sum(), np.float64)


@dataclass(frozen=True, eq=False)
class LearnedWeights:
    """Weights of priors that were learned, and what they are worth on people held out.

    Attributes:
        weights: (K,) shares that add up to 1.
        held_out: Spearman's rho of the combination with the mean mated similarity, on people who
            had no part in its weights; mean of the folds.
        alone: (K,) the same of each prior.
    """

    weights: NDArray[np.float64]
    held_out: float
    alone: NDArray[np.float64]


def learned_weights(
    priors: Sequence[ArrayLike],
    similarity: NDArray[np.float64],
    identities: ArrayLike,
    *,
    seed: int = 0,
) -> LearnedWeights:
    """Returns the weights with which the priors' ranks follow the rank of the mean mated similarity
    best (least squares, no weight below 0).

    Args:
        priors: K times (N,) labels.
        similarity: (N,) mean mated similarity, NaN for images without a mate, which have no part.
        identities: (N,) who is on the image.
        seed: decides the folds of people.

    Raises:
        EvidenceError: fewer people with mates than folds.
        ShapeError, InputError: as combined_prior.
    """
    mated = np.isfinite(similarity)
    who = np.asarray(identities)[mated]
    ranks = np.stack([unit_ranks(np.asarray(prior)[mated]) for prior in priors])
    wanted = unit_ranks(similarity[mated])
    fold = folds_of(who, FOLDS, seed=seed)
    together, alone = [], []
    for part in range(FOLDS):
        out = fold == part
        share = _fitted(ranks[:, ~out], wanted[~out])
        together.append(_rho(share @ ranks[:, out], wanted[out]))
        alone.append([_rho(rank[out], wanted[out]) for rank in ranks])
    return LearnedWeights(
        _fitted(ranks, wanted), float(np.mean(together)), np.mean(np.array(alone), axis=0)
    )


def _fitted(ranks: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.optimize import nnls

    share = nnls(ranks.T - 0.5, wanted - 0.5)[0]
    if share.sum() <= 0:
        raise EvidenceError(
            "weights cannot be learned: no prior rises with the mated similarity.",
            hint="is a prior upside down? higher must be better; or give the weights yourself",
        )
    return np.asarray(share / share.sum())


def _rho(first: NDArray[Any], second: NDArray[Any]) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearman(first, second))
