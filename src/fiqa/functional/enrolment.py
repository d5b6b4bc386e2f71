"""What a person's drives make together: a template, whether they are of one person, and a cut.

    template   t = sum_d w_d x_d / |sum_d w_d x_d|
    likeness   s_d = cos(x_d, sum_{e != d} w_e x_e)
    cut        c = w own + (1 - w) common, w = n / (n + 20) for n drives

A drive weighs as much as its quality and not as its length: a long one does not outvote the others.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError, ShapeError
from fiqa.functional.similarity import normalize

__all__ = ["PRIOR", "driver_cuts", "own_likeness", "shrunk_cut", "weighted_template"]

PRIOR = 20
"""Drives after which a person's own cut counts as much as the common one."""
_LEAST = 1e-3
"""What the worst vector weighs."""


def weighted_template(vectors: ArrayLike, weights: ArrayLike) -> NDArray[np.float32]:
    """Returns the weighted mean of unit vectors, (D,) of unit length.

    Args:
        vectors: (N,D), at least one row; rows are normalized here.
        weights: (N,) at least 0.

    Raises:
        ShapeError, InputError: shapes, NaN, a weight below 0, vectors that cancel out.

    >>> weighted_template([[1.0, 0.0], [0.0, 1.0]], [0.6, 0.8]).round(2).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    unit, weight = _checked(vectors, weights)
    return normalize((weight @ unit)[None], "the mean of the vectors")[0]


def own_likeness(vectors: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Returns the cosine of each vector and the weighted mean of the others, (N,).

    Args:
        vectors: (N,D), at least one row; rows are normalized here.
        weights: (N,) at least 0.

    Raises:
        ShapeError, InputError: as weighted_template.

    The one vector of N = 1 has nothing to be like: NaN.

    >>> own_likeness([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1, 1, 1]).round(3).tolist()
    [0.707, 0.707, 0.0]
    """
    unit, weight = _checked(vectors, weights)
    if len(unit) == 1:
        return np.array([np.nan])
    # Not the sum less the one: where a vector weighs nearly all, the digits of the rest are gone.
    others = (np.where(np.eye(len(unit), dtype=bool), 0.0, weight)) @ unit
    mean = normalize(others, "the mean of the other vectors").astype(np.float64)
    return np.asarray(np.sum(unit * mean, axis=1))


def shrunk_cut(own: float, common: float, drives: int) -> float:
    """Returns a person's cut between their own and the common one.

    Args:
        own: the cut of this person's frames alone.
        common: the cut of everyone.
        drives: of this person, at least 0.

    Raises:
        InputError: fewer than 0 drives.

    >>> shrunk_cut(0.3, 0.5, 20), shrunk_cut(0.3, 0.5, 0)
    (0.4, 0.5)
    """
    count = checks.in_range(drives, "drives", 0, 1e9)
    weight = count / (count + PRIOR)
    return weight * own + (1 - weight) * common


def driver_cuts(
    quality: Mapping[str, ArrayLike], drives: Mapping[str, int], common: float
) -> dict[str, float]:
    """Returns the cut of each person: their own is the one that discards of their frames the share
    that the common cut discards on average over people.

    Args:
        quality: of each person the quality of their frames, at least one.
        drives: of each person how many.
        common: the cut of everyone.

    Raises:
        ShapeError, InputError: no number, NaN.

    >>> driver_cuts({"a": [0.2, 0.4], "b": [0.6, 0.8]}, {"a": 20, "b": 0}, 0.5)
    {'a': 0.4, 'b': 0.5}
    """
    known = {name: checks.floats(q, f"quality of {name}", shape=("N",)) for name, q in
             quality.items()}  # fmt: skip
    for name, numbers in known.items():
        if not len(numbers):
            raise InputError(f"quality of {name} must have at least one number, got none.")
    if not known:
        return {}
    share = float(np.mean([np.mean(numbers < common) for numbers in known.values()]))
    return {
        name: shrunk_cut(float(np.quantile(numbers, share)), common, drives[name])
        for name, numbers in known.items()
    }


def _checked(
    vectors: ArrayLike, weights: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    unit = normalize(vectors).astype(np.float64)
    weight = checks.floats(weights, "weights", shape=(len(unit),)).astype(np.float64)
    if not len(unit):
        raise ShapeError("vectors must have at least one row, got none.")
    if np.any(weight < 0):
        raise InputError(f"weights must be at least 0, got {weight.min():g}.")
    return unit, np.maximum(weight, _LEAST)
