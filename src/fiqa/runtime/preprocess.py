"""The one path from aligned crops to a model's input tensor; the model's card says every step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.runtime.cards import ModelInput

__all__ = ["prepare"]


def prepare(crops: NDArray[np.uint8], spec: ModelInput) -> NDArray[np.float32]:
    """Returns (x / scale - mean) / std of the crops, resized and laid out as `spec` says.

    Args:
        crops: (N,S,S,3) uint8 RGB.
        spec: the `input` of a model's card.

    Returns:
        (N,3,size,size) float32 for NCHW, (N,size,size,3) for NHWC, contiguous.

    Raises:
        ShapeError: crops of another shape or dtype.

    >>> spec = ModelInput(size=8, color="BGR", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3)
    >>> [round(float(v), 6) for v in prepare(np.full((1, 8, 8, 3), [255, 0, 51], np.uint8), spec)[0, :, 0, 0]]
    [-0.6, -1.0, 1.0]
    """
    pixels = resized(checks.crops(crops), spec)
    if spec.color == "BGR":
        pixels = pixels[..., ::-1]
    table = _table(spec)
    if spec.layout == "NHWC":
        return np.stack([table[channel][pixels[..., channel]] for channel in range(3)], axis=-1)
    result = np.empty((len(pixels), 3, spec.size, spec.size), np.float32)
    for channel in range(3):
        np.take(table[channel], pixels[..., channel], out=result[:, channel])
    return result


def resized(crops: NDArray[np.uint8], spec: ModelInput) -> NDArray[np.uint8]:
    """Returns the crops at `spec.size`, untouched when they have it already."""
    if crops.shape[1] == spec.size:
        return crops
    import cv2

    how = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "bicubic": cv2.INTER_CUBIC}[spec.resize]
    result = np.empty((len(crops), spec.size, spec.size, 3), np.uint8)
    for crop, out in zip(crops, result, strict=True):
        out[:] = cv2.resize(crop, (spec.size, spec.size), interpolation=how)
    return result


def _table(spec: ModelInput) -> NDArray[np.float32]:
    """The 256 values that each channel's pixels can become, (3,256), computed once in float64."""
    levels = np.arange(256, dtype=np.float64) / spec.scale
    values: NDArray[np.float64] = (levels - np.array(spec.mean)[:, None]) / np.array(spec.std)[:, None]
    return values.astype(np.float32)
