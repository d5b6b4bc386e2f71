"""The size of aligned crops, and how a crop of another size comes to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALIGNED_SIZE", "resized"]

ALIGNED_SIZE = 112
"""Side of an aligned crop, pixels."""


def resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a square crop at ALIGNED_SIZE, as it is where it fits.

    Args:
        pixels: (S,S,3).
    """
    import cv2

    if len(pixels) == ALIGNED_SIZE:
        return pixels
    # Averaging keeps fine patterns from turning into coarse ones; it cannot enlarge.
    method = cv2.INTER_AREA if len(pixels) > ALIGNED_SIZE else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(pixels, (ALIGNED_SIZE, ALIGNED_SIZE), interpolation=method), np.uint8
    )
