"""The heat map of a face: where its score comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["heat_picture"]

_NEEDED, _HURTS = (194, 65, 12), (30, 92, 171)
_LEAST = 0.02
"""A change of the score, 0..1, under which a picture of changes stays gray."""


def heat_picture(
    crop: NDArray[np.uint8], heat: NDArray[np.float64], *, side: int = 336
) -> NDArray[np.uint8]:
    """Returns a crop in gray, (side,side,3), orange where the score needs what is there and blue
    where it is better without.

    Args:
        crop: (S,S,3) uint8 RGB.
        heat: (S,S) as fiqa.faces.what_if.sensitivity has it, of a score in 0..1.
        side: of the picture.
    """
    import cv2

    size = (side, side)
    large = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    gray = (large @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    # the squares leave edges that mean nothing
    smooth = cv2.GaussianBlur(heat.astype(np.float32), (0, 0), len(heat) / 18)
    smooth = cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR)
    strength = smooth / max(float(np.abs(smooth).max()), _LEAST)
    color = np.where(
        strength[..., None] > 0, np.array(_NEEDED, np.float32), np.array(_HURTS, np.float32)
    )
    share = 0.75 * np.abs(strength)[..., None]
    return np.clip(gray * (1 - share) + color * share, 0, 255).astype(np.uint8)
