"""What a score would be if the crop were another one: parts covered, or the picture improved."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import ShapeError

__all__ = ["REGIONS", "improved", "replaced", "sensitivity"]

Crops = NDArray[np.uint8]
_GREY = 128
REGIONS = ("eyes", "forehead", "nose", "mouth", "cheeks", "outline")
"""The parts of an aligned face that `replaced` exchanges: together nearly the whole crop; some
overlap."""


def sensitivity(
    crop: Crops, score: Callable[[Crops], ArrayLike], *, patch: int = 28, step: int = 14
) -> NDArray[np.float64]:
    """Returns how much of its score a face owes to each pixel, (S,S).

    A gray square is laid over the crop at every place of a grid, and all of these crops are scored
    in one batch. A pixel has the mean loss of the squares that cover it: above 0 the score needs
    what is there, below 0 it is better without.

    Args:
        crop: (S,S,3) uint8 RGB.
        score: of (N,S,S,3) crops, N numbers, higher is better.
        patch: side of the square, pixels, at most S.
        step: of the grid, pixels, at most `patch`, so that no pixel is left out.

    Raises:
        ShapeError: no such crop, or another number of scores than crops.
        InputError: patch or step.

    >>> left = lambda crops: crops[:, :, :8].mean(axis=(1, 2, 3))
    >>> sensitivity(np.full((16, 16, 3), 255, np.uint8), left, patch=8, step=8)[0, [0, 15]].tolist()
    [63.5, 0.0]
    """
    pixels = checks.array(crop, "crop", shape=("S", "S", 3))
    side = len(pixels)
    checks.in_range(patch, "patch", 1, side)
    checks.in_range(step, "step", 1, patch)
    ends = [*range(0, side - patch, step), side - patch]
    places = [(y, x) for y in ends for x in ends]
    batch = np.repeat(pixels[None], len(places) + 1, axis=0)
    for covered, (y, x) in zip(batch[1:], places, strict=True):
        covered[y : y + patch, x : x + patch] = _GREY
    scores = np.asarray(score(batch), np.float64)
    if scores.shape != (len(batch),):
        raise ShapeError(f"score must give {len(batch)} numbers, got shape {scores.shape}.")
    total, count = np.zeros((side, side)), np.zeros((side, side))
    for loss, (y, x) in zip(scores[0] - scores[1:], places, strict=True):
        total[y : y + patch, x : x + patch] += loss
        count[y : y + patch, x : x + patch] += 1
    return total / count


def replaced(crop: Crops, ordinary: Crops) -> Crops:
    """Returns the crop with each of REGIONS exchanged for that of an ordinary face, (6,112,112,3).

    The ordinary face takes on the color and the contrast of this one's oval first, and the edges
    are soft. A score that rises says that the region is what keeps it low.

    Args:
        crop: (112,112,3) uint8 RGB.
        ordinary: (112,112,3) uint8 RGB, best the mean of many good faces.

    Raises:
        ShapeError: no such crops.

    >>> flat = np.full((112, 112, 3), 90, np.uint8)
    >>> replaced(flat, flat).shape
    (6, 112, 112, 3)
    """
    pixels = checks.array(crop, "crop", shape=(112, 112, 3)).astype(np.float32)
    other = checks.array(ordinary, "ordinary", shape=(112, 112, 3)).astype(np.float32)
    masks, oval = _masks()
    own, usual = pixels[oval], other[oval]
    spread = float(own.std(axis=0).mean()) / max(float(usual.std(axis=0).mean()), 1.0)
    fitted = np.clip((other - usual.mean(axis=0)) * spread + own.mean(axis=0), 0, 255)
    made = pixels * (1 - masks) + fitted * masks
    return np.clip(np.round(made), 0, 255).astype(np.uint8)


@cache
def _masks() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(6,112,112,1) how much of a pixel each of REGIONS exchanges, and the oval of the face."""
    import cv2

    y, x = np.mgrid[:112, :112].astype(np.float32)

    def ellipse(cx: float, cy: float, width: float, height: float) -> NDArray[np.bool_]:
        return np.asarray(((x - cx) / width) ** 2 + ((y - cy) / height) ** 2 <= 1)

    regions = {
        "eyes": ellipse(38, 52, 17, 12) | ellipse(74, 52, 17, 12),
        "forehead": y < 41,
        "nose": ellipse(56, 70, 13, 15),
        "mouth": ellipse(56, 93, 25, 14),
        "cheeks": ellipse(30, 78, 13, 20) | ellipse(82, 78, 13, 20),
        "outline": ~ellipse(56, 64, 36, 50) & (y >= 41),
    }
    soft = [cv2.GaussianBlur(regions[name].astype(np.float32), (0, 0), 2.5) for name in REGIONS]
    return np.stack(soft)[..., None].astype(np.float32), ellipse(56, 68, 34, 44)


def improved(crop: Crops) -> dict[str, Crops]:
    """Returns what a better camera or lamp might have given of a crop, by what was changed.

    Each is made from the crop alone and adds nothing that the crop does not hold: what a real
    change would do to the score can be more, or less.

    Args:
        crop: (S,S,3) uint8 RGB.

    Raises:
        ShapeError: no such crop.

    >>> sorted(improved(np.zeros((112, 112, 3), np.uint8)))
    ['even light', 'less noise', 'middle brightness', 'more contrast', 'sharper']
    """
    import cv2

    pixels = checks.array(crop, "crop", shape=("S", "S", 3))
    values = pixels.astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    mean = float(np.clip(luma.mean(), 2, 253)) / 255
    low, high = np.percentile(luma, (2, 98))
    slow = cv2.GaussianBlur(luma, (0, 0), len(pixels) / 6)
    soft = cv2.GaussianBlur(values, (0, 0), 1.5)
    made = {
        "middle brightness": 255 * (values / 255) ** (np.log(0.5) / np.log(mean)),
        "more contrast": (values - low) * (235 / max(high - low, 16.0)) + 10,
        "even light": values * (luma.mean() / np.maximum(slow, 8))[..., None],
        "less noise": cv2.bilateralFilter(values, 5, 25, 2),
        "sharper": values + 1.2 * (values - soft),
    }
    return {name: np.clip(np.round(each), 0, 255).astype(np.uint8) for name, each in made.items()}
