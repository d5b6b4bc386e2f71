"""Confidence of a quality label: how far it is from the quality that the factors suggest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError

__all__ = ["confidence", "jensen_shannon"]


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Returns the Jensen-Shannon divergence of matching rows in nats, in [0, ln 2]: (N,) float64.

        JS(p, q) = KL(p, m)/2 + KL(q, m)/2,  m = (p + q)/2

    >>> jensen_shannon([[1, 0, 0, 0, 0]], [[0, 0, 0, 0, 1]]).round(4)
    array([0.6931])

    Args:
        p, q: (N,5) rows that sum to 1.

    Raises:
        ShapeError: another shape.
        InputError: negative entries, or rows that do not sum to 1.
    """
    a = _distribution(p, "p", "N")
    b = _distribution(q, "q", len(a))
    middle = (a + b) / 2
    # 0 log 0 = 0, and the middle is positive wherever a or b is.
    terms = [x * np.log(np.where(x > 0, x, 1.0) / np.where(x > 0, middle, 1.0)) for x in (a, b)]
    return np.maximum((terms[0] + terms[1]).sum(axis=1) / 2, 0.0)


def confidence(
    p: ArrayLike, q: ArrayLike, *, beta: float = 32.0, softmax_again: bool = False
) -> NDArray[np.float64]:
    """Returns rho = 1/(1 + exp(beta JS(p, q))) + 0.5 of every image, in [0.5, 1] [1, Eq. 8 and 9].

    Args:
        p: (N,5) predicted quality distribution (the marginal of the joint softmax).
        q: (N,5) merged-factor distribution (the network's opinion from the factors alone).
        beta: steepness, above 0.
        softmax_again: what the published code does. It passes both through a second softmax, which
            flattens them, and takes KL(m, p) for KL(p, m), m their mean: KL(m, p)/2 + KL(m, q)/2.
            rho then stays above about .60.

    Raises:
        ShapeError: another shape.
        InputError: rows that are no distribution, or `beta` not above 0.

    >>> confidence([[0, 0, 1, 0, 0]], [[0, 0, 1, 0, 0]]).tolist()
    [1.0]
    """
    checks.in_range(beta, "beta", 0.0, np.inf, open_low=True)
    a, b = _distribution(p, "p", "N"), _distribution(q, "q", "N")
    if softmax_again:
        a, b = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (a, b))
        middle = (a + b) / 2
        reverse = (middle * (2 * np.log(middle) - np.log(a) - np.log(b))).sum(axis=1) / 2
        return 1.0 / (1.0 + np.exp(beta * np.maximum(reverse, 0.0))) + 0.5
    return 1.0 / (1.0 + np.exp(beta * jensen_shannon(a, b))) + 0.5


def _distribution(value: ArrayLike, name: str, rows: int | str) -> NDArray[np.float64]:
    result = checks.finite(checks.array(value, name, shape=(rows, 5), dtype=np.float64), name)
    if np.any(result < 0) or np.any(np.abs(result.sum(axis=1) - 1) > 1e-4):
        raise InputError(f"{name} must have rows of probabilities that sum to 1.")
    return result
