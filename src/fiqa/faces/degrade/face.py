"""One face while it is being degraded: the row of a Faces, with what is unknown filled in, and the
helpers the kinds share.

Light is added and multiplied in linear light. The display curve is taken as a square (gamma 2),
which is within a few grey levels of sRGB and costs one root.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.functional.geometry import TEMPLATE

__all__ = [
    "Face",
    "Operation",
    "encoded",
    "frame_points",
    "grid",
    "lighting",
    "linear",
    "paint",
    "to_uint8",
]

Image = NDArray[Any]
"""uint8 pixels, (S,S,3) RGB. OpenCV's own annotations know no more than that it is an array."""
Floats = NDArray[Any]
"""Real numbers: coordinates in pixels, linear light, coverage in 0..1."""


@dataclass(frozen=True, eq=False)
class Face:
    """A row of Faces, with what is unknown filled in.

    Attributes:
        crop: (S,S,3) uint8 RGB.
        points: (5,2) the landmarks, or the template's where they are unknown.
        inside: (S,S) True where the pixel came from the frame.
        eye_distance: source pixels, NaN where unknown.
        grey: True where the source has no color.
    """

    crop: Image
    points: Floats
    inside: NDArray[np.bool_]
    eye_distance: float
    grey: bool


Operation = Callable[[Face, float, np.random.Generator], Face]
"""A kind of degradation on one face: strength in (0, 1], and a generator whose draws do not depend
on the strength."""


def to_uint8(image: Floats) -> Image:
    """Returns float 0..255 rounded and clipped to uint8.

    Args:
        image: any shape.
    """
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def linear(crop: Image) -> Floats:
    """Returns linear light in 0..1 of uint8 pixels.

    Args:
        crop: any shape.
    """
    scaled = crop.astype(np.float32) / 255
    return scaled * scaled


def encoded(light: Floats) -> Image:
    """Returns uint8 pixels of linear light; below 0 is black, above 1 is white.

    Args:
        light: any shape.
    """
    return to_uint8(np.sqrt(np.clip(light, 0, 1)) * 255)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Floats, Floats]:
    """Returns the x and y pixel coordinates of a square crop, each (S,S) float32. Read only.

    Args:
        size: side of the crop.
    """
    y, x = np.mgrid[:size, :size].astype(np.float32)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def frame_points(face: Face, points: Floats) -> Floats:
    """Returns points of the template where they lie on a face, (K,2) float32.

    They are moved by the affine map that fits the face's five points best.

    Args:
        face: whose points to fit.
        points: (K,2) pixels of the 112 template.
    """
    source = np.column_stack([np.asarray(TEMPLATE, np.float64), np.ones(5)])
    matrix, *_ = np.linalg.lstsq(source, face.points.astype(np.float64), rcond=None)
    return (np.column_stack([points, np.ones(len(points))]) @ matrix).astype(np.float32)


def paint(canvas: Floats, color: Floats, alpha: Floats) -> None:
    """Covers a canvas by a color, in place, where `alpha` says so.

    Args:
        canvas: (S,S,3) float32.
        color: (S,S,3) or (3,), 0..255.
        alpha: (S,S) in 0..1.
    """
    # Only the rows that change: most shapes cover a part of the face.
    rows = np.flatnonzero(alpha.any(axis=1))
    if rows.size:
        span = slice(rows[0], rows[-1] + 1)
        part = canvas[span]
        part += alpha[span, :, None] * ((color[span] if color.ndim == 3 else color) - part)


def lighting(face: Face) -> Floats:
    """Returns how bright the scene is around each pixel, (S,S) float32, about 1 on a well-lit face.

    A drawn object must be multiplied with it to sit in the scene.

    Args:
        face: the face.
    """
    size = face.crop.shape[0]
    coarse = cv2.resize(
        cv2.cvtColor(face.crop, cv2.COLOR_RGB2GRAY), (14, 14), interpolation=cv2.INTER_AREA
    )
    smooth = cv2.GaussianBlur(coarse.astype(np.float32), (0, 0), 1.7)
    return np.clip(
        cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR) / 135, 0.15, 1.25
    )
