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

    >>> half = (0.5,) * 3
    >>> spec = ModelInput(size=8, color="BGR", layout="NCHW", scale=255, mean=half, std=half)
    >>> pixels = prepare(np.full((1, 8, 8, 3), [255, 0, 51], np.uint8), spec)
    >>> [round(float(value), 6) for value in pixels[0, :, 0, 0]]
    [-0.6, -1.0, 1.0]
    """
    pixels = resized(checks.crops(crops), spec)
    gain = (1.0 / (spec.scale * np.array(spec.std))).astype(np.float32)
    bias = (np.array(spec.mean) / np.array(spec.std)).astype(np.float32)
    side = spec.size
    nchw = spec.layout == "NCHW"
    result = np.empty(
        (len(pixels), 3, side, side) if nchw else (len(pixels), side, side, 3), np.float32
    )
    for channel in range(3):
        source = channel if spec.color == "RGB" else 2 - channel
        plane = result[:, channel] if nchw else result[..., channel]
        np.multiply(pixels[..., source], gain[channel], out=plane)
        plane -= bias[channel]
    return result


def resized(crops: NDArray[np.uint8], spec: ModelInput) -> NDArray[np.uint8]:
    """Returns the crops at `spec.size`, untouched when they have it already."""
    if crops.shape[1] == spec.size:
        return crops
    import cv2

    interpolation = {
        "bilinear": cv2.INTER_LINEAR,
        "area": cv2.INTER_AREA,
        "bicubic": cv2.INTER_CUBIC,
    }[spec.resize]
    result = np.empty((len(crops), spec.size, spec.size, 3), np.uint8)
    for crop, out in zip(crops, result, strict=True):
        out[:] = cv2.resize(crop, (spec.size, spec.size), interpolation=interpolation)
    return result
