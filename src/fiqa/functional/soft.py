"""Soft labels over five quality levels and marginals of the joint factor distribution (CLIB-FIQA).

A quality q in [0,1] becomes a distribution over five anchors, worst to best; a joint distribution
over six properties is summed down to each of them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError

__all__ = ["ANCHORS", "AXES", "expected_score", "marginals", "soft_labels"]

ANCHORS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The quality that each of the five levels stands for, worst to best."""

AXES = ("blur", "occlusion", "pose", "expression", "illumination", "quality")
"""The axes of the joint distribution after the batch axis, in order; their lengths are 3, 2, 3, 2,
2, 5."""

_LENGTHS = (3, 2, 3, 2, 2, 5)


def soft_labels(
    q: ArrayLike,
    *,
    beta: float | ArrayLike = 32.0,
    distance: Literal["squared", "absolute"] = "squared",
) -> NDArray[np.float64]:
    """Returns the soft label of each quality, (N,5) with rows that sum to 1.

    p_n is proportional to exp(-beta d(q, a_n)).

    Args:
        q: (N,) quality in [0,1].
        beta: how sharp, one number or (N,) numbers, at least 0 (0 gives the uniform distribution).
        distance: "squared" is d = (q-a)^2, the published code; "absolute" is d = |q-a|, what the
            paper prints (nearly one-hot).

    Raises:
        ShapeError: q is not (N,), or beta neither a scalar nor (N,).
        InputError: NaN, q outside [0,1], beta negative.
        UnknownNameError: another distance.

    Source: CLIB-FIQA (CVPR 2024), the quality distribution.

    >>> soft_labels([0.5]).round(3).tolist()
    [[0.004, 0.177, 0.638, 0.177, 0.004]]
    """
    value = checks.finite(checks.array(q, "q", shape=("N",), dtype=np.float64), "q")
    if len(value) and (value.min() < 0 or value.max() > 1):
        raise InputError(f"q must lie in [0, 1], got {value.min()}..{value.max()}.")
    sharp = np.asarray(beta, dtype=np.float64)
    sharp = (
        np.broadcast_to(sharp, value.shape)
        if sharp.ndim == 0
        else checks.array(sharp, "beta", shape=value.shape)
    )
    if np.any(~(sharp >= 0)) or np.any(np.isinf(sharp)):
        raise InputError("beta must be finite and at least 0.")
    checks.choice(distance, "distance", ("squared", "absolute"))
    gap = value[:, None] - np.asarray(ANCHORS)
    exponent = -sharp[:, None] * (gap**2 if distance == "squared" else np.abs(gap))
    # Less the largest exponent, so that a large beta does not make every weight 0.
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def marginals(joint: ArrayLike) -> dict[str, NDArray[np.floating]]:
    """Returns each property's own distribution: name of AXES -> (N, its number of levels).

    All other axes are summed over.

    Args:
        joint: (N,3,2,3,2,2,5), not negative; rows that sum to 1 give marginals that do.

    Raises:
        ShapeError: another shape.
        InputError: NaN or negative values.

    >>> uniform = np.full((1, 3, 2, 3, 2, 2, 5), 1 / 360)
    >>> marginals(uniform)["quality"].round(3).tolist()
    [[0.2, 0.2, 0.2, 0.2, 0.2]]
    """
    values = checks.finite(checks.array(joint, "joint", shape=("N", *_LENGTHS)), "joint")
    if values.size and values.min() < 0:
        raise InputError(f"joint must not be negative, got {values.min()}.")
    return {
        # Axis 0 is the batch, which is kept as well.
        name: values.sum(axis=tuple(a for a in range(1, 7) if a != axis))
        for axis, name in enumerate(AXES, 1)
    }


def expected_score(p: ArrayLike) -> NDArray[np.floating]:
    """Returns the expected quality of each distribution, (N,) in [.1,.9]: sum_n p_n a_n.

    Args:
        p: (N,5) distribution over the levels, worst to best.

    Raises:
        ShapeError: another shape.
        InputError: NaN.

    >>> expected_score([[0, 0, 0, 0, 1.0], [0.2, 0.2, 0.2, 0.2, 0.2]]).round(3).tolist()
    [0.9, 0.5]
    """
    values = checks.finite(checks.array(p, "p", shape=("N", 5)), "p")
    return np.asarray(values @ np.asarray(ANCHORS, dtype=np.result_type(values, np.float32)))
