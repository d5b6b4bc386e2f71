"""Where the face lies: cut by the edge of the frame, rotated in the image plane, shifted in the
crop."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from fiqa.faces.degrade.face import Face, Floats, grid

__all__ = ["rotation", "shift", "truncation"]


def truncation(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face in a frame that ends early.

    Up to 60 % of the crop, from one of the four sides, lies outside it.

    Its edge may tilt by 9 degrees.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    size = face.crop.shape[0]
    angle = rng.integers(4) * np.pi / 2 + rng.uniform(-0.16, 0.16)
    x, y = grid(size)
    middle = (size - 1) / 2
    outward = (x - middle) * np.cos(angle) + (y - middle) * np.sin(angle)
    inside = face.inside & (outward <= size * (0.5 - 0.6 * strength))
    return replace(face, crop=face.crop * inside[..., None], inside=inside)


def _move(face: Face, matrix: Floats, border: int) -> Face:
    """The face under an affine map (2,3) of pixels: crop, mask and points together."""
    size = face.crop.shape[:2]
    crop = cv2.warpAffine(face.crop, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
    kept = face.inside.astype(np.uint8)
    # Nearest: a mask has nothing between inside and outside.
    inside = cv2.warpAffine(kept, matrix, size, flags=cv2.INTER_NEAREST, borderMode=border) > 0
    points = face.points @ matrix[:, :2].T + matrix[:, 2]
    return replace(face, crop=crop, points=points.astype(np.float32), inside=inside)


def rotation(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face tilted by up to 60 degrees to either side about the crop's middle.

    The corners are mirrored, so nothing is missing.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    middle = (face.crop.shape[0] - 1) / 2
    degrees = 60 * strength * rng.choice((-1.0, 1.0))
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0).astype(np.float32)
    return _move(face, matrix, cv2.BORDER_REFLECT_101)


def shift(face: Face, strength: float, rng: np.random.Generator) -> Face:
    """Returns the face moved out of the crop by up to 45 % of its side, in a random direction.

    What comes in has no pixels.

    Args:
        face: the face before.
        strength: in (0, 1].
        rng: its draws do not depend on the strength.
    """
    angle = rng.uniform(0, 2 * np.pi)
    length = 0.45 * face.crop.shape[0] * strength
    matrix = np.array([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]], np.float32)
    return _move(face, matrix, cv2.BORDER_CONSTANT)
