"""Frames of constant color around a picture: bars, padding, a drawn edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqa import checks

__all__ = ["Border", "border"]

Border = tuple[int, int, int, int]
"""Pixels of constant color at the top, bottom, left and right."""

_SPREAD = 5.0
"""Levels of standard deviation that a line of one color may have: what JPEG leaves on it."""
_SAME = 6.0
"""Levels between the mean of a line and that of the outermost one."""
_STEP = 16
"""Levels by which a pixel beyond the frame differs from it."""
_SHARE = 0.6
"""Share of the pixels beyond the frame that must: a plain background goes on behind the head."""
_RINGING = 2
"""Lines beyond the frame that JPEG blurs."""


def border(pixels: NDArray[np.uint8]) -> Border:
    """Returns how many lines at each edge are one flat color that ends in a straight line.

    A plain background is no frame: where it ends, the picture does not begin along the whole edge.

    Args:
        pixels: (H,W,3) uint8 RGB.

    Raises:
        ShapeError: another shape.

    >>> rng = np.random.default_rng(0)
    >>> picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    >>> picture[:5] = 0
    >>> border(picture)
    (5, 0, 0, 0)
    """
    image = checks.array(pixels, "pixels", shape=("H", "W", 3)).astype(np.float32)
    if not image.size:
        return (0, 0, 0, 0)
    # Bars at the sides are read between those above and below, and these between the sides:
    # a frame's corners belong to both, so the flat lines of one axis are taken off first.
    top, bottom = _ends(image)
    rest = image[top : len(image) - bottom]
    left, right = _ends(rest.swapaxes(0, 1)) if len(rest) else (0, 0)
    if (left or right) and not (top and bottom):
        inner = image[:, left : image.shape[1] - right]
        top, bottom = _ends(inner) if inner.size else (top, bottom)
    return top, bottom, left, right


def _ends(image: NDArray[np.float32]) -> tuple[int, int]:
    return _first(image), _first(image[::-1])


def _first(image: NDArray[np.float32]) -> int:
    """Returns the flat lines from the first on, 0 where they do not end in a straight edge."""
    spread, mean = image.std(axis=1).max(axis=1), image.mean(axis=1)
    away = np.abs(mean - mean[0]).max(axis=1)
    flat = (spread <= _SPREAD) & (away <= _SAME)
    if flat.all() or not flat[0]:
        return 0
    count = int(np.argmin(flat))
    beyond = image[count : count + _RINGING + 1]
    step = np.abs(beyond - mean[0]).max(axis=2) > _STEP
    return count if float(step.mean(axis=1).max()) >= _SHARE else 0
