"""Faces drawn by code, to probe a model where there are no photographs.

They have the layout of an aligned face and little else: real crops probe better.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces

__all__ = ["drawn_faces"]

_SIZE, _SHIFT = 112, 4
Color = tuple[float, ...]


def drawn_faces(count: int, *, seed: int = 0) -> Faces:
    """Returns different drawn faces, (N,112,112,3), with the landmarks of the alignment template.

    Args:
        count: how many.
        seed: of everything that differs.

    Raises:
        InputError: a negative count or seed.

    >>> drawn_faces(2).crops.shape
    (2, 112, 112, 3)
    """
    checks.in_range(count, "count", 0, 10_000)
    checks.in_range(seed, "seed", 0, 2**63)
    crops = [_face(np.random.default_rng((seed, i))) for i in range(count)]
    stacked = np.stack(crops) if crops else np.empty((0, _SIZE, _SIZE, 3), np.uint8)
    return Faces(
        stacked, landmarks=np.broadcast_to(TEMPLATE.astype(np.float32), (count, 5, 2)).copy()
    )


def _face(rng: np.random.Generator) -> NDArray[np.uint8]:
    """One face: background, hair, lit skin, eyes, brows, nose, mouth, and a little grain."""
    skin = np.array((224, 178, 150)) * rng.uniform(0.55, 1.05)
    hair = tuple(rng.uniform(15, 110) * np.array((1.0, 0.8, 0.6)))
    image = np.empty((_SIZE, _SIZE, 3), np.uint8)
    image[:] = rng.integers(40, 220, 3)
    wide = rng.uniform(40, 46)
    _ellipse(image, (56, 48), (wide + 6, 58), hair)
    _ellipse(image, (56, 66), (wide, 54), tuple(skin))
    left, right, nose, corner_left, corner_right = TEMPLATE
    down = np.array((0.0, 1.0))
    for eye in (left, right):
        _ellipse(image, eye, (7.5, rng.uniform(3.2, 4.6)), (238, 236, 232))
        _ellipse(image, eye, (3.4, 3.4), tuple(rng.uniform(30, 120, 3)))
        _ellipse(image, eye, (1.6, 1.6), (12, 12, 12))
        _ellipse(image, eye - 10 * down, (9, rng.uniform(1.4, 2.6)), hair)
    _ellipse(image, nose + down, (7, 3), tuple(skin * 0.78))
    for side in (-4, 4):
        _ellipse(image, nose + np.array((side, 2.0)), (1.7, 1.3), tuple(skin * 0.35))
    mouth, half = (corner_left + corner_right) / 2, (corner_right[0] - corner_left[0]) / 2
    _ellipse(image, mouth, (half, rng.uniform(3.0, 5.5)), tuple(skin * (0.85, 0.5, 0.5)))
    _ellipse(image, mouth, (half * 0.95, 0.8), tuple(skin * 0.3))
    # Light from one side, softened edges and grain: without them every face is equally sharp.
    light = 1.0 + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, _SIZE)[None, :, None]
    lit = cv2.GaussianBlur(image, (0, 0), 0.6) * light + rng.normal(0, 3, image.shape)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def _ellipse(
    image: NDArray[np.uint8], center: NDArray[np.float64] | Color, axes: Color, color: Color
) -> None:
    """A filled ellipse with sub-pixel place and smooth edge."""
    at, half = ([round(float(v) * (1 << _SHIFT)) for v in pair] for pair in (center, axes))
    cv2.ellipse(image, at, half, 0, 0, 360, tuple(map(float, color)), -1, cv2.LINE_AA, _SHIFT)
