"""From a measure to a quality: the two smooth steps that every factor is built of, and the product
that joins them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMELESS", "Measures", "Terms", "falls", "joined", "rises"]

NAMELESS = ""
"""The key of a term that lowers its factor and is no reason of its own: another factor names it."""

Measures = Mapping[str, NDArray[np.float64]]
"""name -> (N,) measure, NaN where it could not be taken."""
Terms = Mapping[str, NDArray[np.float64]]
"""reason code -> (N,) quality in 0..1 of that one reason; NaN where unknown.

A factor is the product of its terms.
"""


def rises(x: NDArray[np.float64], half: float, width: float) -> NDArray[np.float64]:
    """Returns 1 / (1 + exp(-(x - half) / width)), strictly increasing.

    0.5 at `half`, 0.95 three widths above it; NaN stays NaN.

    Args:
        x: (N,) measure.
        half: where half of the quality is lost.
        width: how soft the step is.

    >>> rises(np.array([0.0, 3.0]), 0.0, 1.0).round(2).tolist()
    [0.5, 0.95]
    """
    # Beyond 60 widths the step is 0 or 1 anyway, and exp does not overflow.
    return 1.0 / (1.0 + np.exp(-np.clip((x - half) / width, -60.0, 60.0)))


def falls(x: NDArray[np.float64], half: float, width: float) -> NDArray[np.float64]:
    """Returns 1 / (1 + exp((x - half) / width)), strictly decreasing.

    0.5 at `half`, 0.95 three widths below it; NaN stays NaN.

    Args:
        x: (N,) measure.
        half: where half of the quality is lost.
        width: how soft the step is.

    >>> falls(np.array([0.0, -3.0]), 0.0, 1.0).round(2).tolist()
    [0.5, 0.95]
    """
    return rises(-x, -half, width)


def joined(terms: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Returns the product of the terms that are known, (N,); NaN where none is.

    Args:
        terms: (N,) each, at least one.

    >>> joined([np.array([0.5, np.nan]), np.array([np.nan, np.nan])]).tolist()
    [0.5, nan]
    """
    table = np.stack(list(terms))
    unknown = np.isnan(table)
    return np.where(unknown.all(axis=0), np.nan, np.prod(np.where(unknown, 1.0, table), axis=0))
