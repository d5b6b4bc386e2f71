"""The size of aligned crops, and how a crop of another size comes to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import ShapeError

__all__ = ["ALIGNED_SIZE", "resized", "template_sized"]

ALIGNED_SIZE = 112
"""Side of an aligned crop, pixels."""


def resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a square crop (S,S,3) at 112 x 112: averaged when it shrinks, bilinear when it grows, as it is when it fits."""
    import cv2

    if len(pixels) == ALIGNED_SIZE:
        return pixels
    method = cv2.INTER_AREA if len(pixels) > ALIGNED_SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (ALIGNED_SIZE, ALIGNED_SIZE), interpolation=method), np.uint8)


def template_sized(
    crops: ArrayLike, *, color: str = "RGB", resize: bool = False, side: int = ALIGNED_SIZE
) -> NDArray[np.uint8]:
    """Returns crops as a scorer may take them, (N,S,S,3) uint8 RGB of the template's size.

    Args:
        crops: (N,S,S,3) uint8.
        color: RGB or BGR, the order of their channels.
        resize: bring crops of another size to 112; otherwise that is an error.
        side: a size besides 112 that is right too: that of a model's input.

    Raises:
        ShapeError: another shape, type or size. UnknownNameError: another color.
    """
    result = checks.crops(crops, color=color)
    size = result.shape[1]
    if size in (ALIGNED_SIZE, side):
        return result
    if not resize:
        raise ShapeError(
            f"crops must be aligned faces of {ALIGNED_SIZE} x {ALIGNED_SIZE} pixels, got {size} x {size}.",
            hint="whole photographs: fiqa.score(paths) or fiqa.align; "
            "aligned crops of another size: resize=True to a scorer, or bring them to 112 yourself",
        )
    empty = np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8)
    return np.stack([resized(crop) for crop in result]) if len(result) else empty
