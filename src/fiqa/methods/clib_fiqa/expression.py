"""Expression of a face from landmarks and the pixels of its mouth: typical or exaggerated.

Typical is closed and relaxed; exaggerated is open, or drawn wide.

CLIB-FIQA took its expression labels from a trained classifier that was not published. This is our
own measure instead, without training:

- width: distance of the mouth's corners over that of the eyes. A relaxed mouth has about .87; a
  wide grin more, a pursed mouth less.
- darkness: an open mouth shows a dark gap (or bright teeth beside it) where a closed one shows
  lips. log2 of the mean luminance around the mouth over the dark tenth between its corners, in
  bits.

What it cannot see: brows, eyes, and an open mouth under a beard, in hard shadow or behind a hand.
With neither landmarks nor pixels it is missing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.types import Faces, FloatArray

__all__ = ["expression_quality", "mouth_darkness", "mouth_width"]

RELAXED, WIDTH_SLACK = 0.865, 0.12
"""Ratio of mouth to eyes of a relaxed face (the median of 900 faces of LFW's development set, whose
1st and 99th percentiles are .80 and .93), and how far from it half of the quality is lost."""
DARK_HALF, DARK_WIDTH = 1.7, 0.2
"""Bits of darkness at which half of the quality is lost (of those faces 7 in 100 have more; by eye
they shout, speak or laugh), and the width of that step."""

_SIZE = 112


def expression_quality(faces: Faces) -> FloatArray:
    """Returns how typical the expression is: (N,) float32 in 0..1, 1 relaxed, under .5 exaggerated.

    It is NaN where landmarks are unknown.

        q = exp(-ln 2 ((width - .865) / .12)^2) / (1 + exp((darkness - 1.7) / .2))

    >>> crops = np.full((1, 112, 112, 3), 128, np.uint8)
    >>> relaxed = np.float32([[[38, 52], [74, 52], [56, 72], [40, 92], [71, 92]]])
    >>> expression_quality(Faces(crops, landmarks=relaxed)).round(2).tolist()
    [1.0]
    """
    width, dark = mouth_width(faces), mouth_darkness(faces)
    wide = np.exp(-np.log(2.0) * ((width - RELAXED) / WIDTH_SLACK) ** 2)
    return (wide / (1.0 + np.exp(np.clip((dark - DARK_HALF) / DARK_WIDTH, -60, 60)))).astype(
        np.float32
    )


def mouth_width(faces: Faces) -> NDArray[np.float64]:
    """Returns the distance of the mouth's corners over that of the eyes, (N,); NaN if unknown.

    A head that is turned foreshortens both alike.
    """
    if faces.landmarks is None:
        return np.full(len(faces), np.nan)
    points = faces.landmarks.astype(np.float64)
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    mouth = np.linalg.norm(points[:, 4] - points[:, 3], axis=1)
    return np.divide(mouth, eyes, out=np.full(len(faces), np.nan), where=eyes > 0)


def mouth_darkness(faces: Faces) -> NDArray[np.float64]:
    """Returns by how many bits the dark tenth between the mouth's corners is darker: (N,).

    That is, than the mean of the lower face; NaN without landmarks.

    The gap of an open mouth lies between and below its corners: searched are the inner 60 % of its
    width, from 10 % of it above the corners to 50 % below.
    """
    scale = _SIZE / faces.crops.shape[1] if len(faces) else 1.0
    result = np.full(len(faces), np.nan)
    for i, crop in enumerate(faces.crops):
        corners = None if faces.landmarks is None else faces.landmarks[i, 3:] * scale
        if corners is None or not np.isfinite(corners).all():
            continue
        luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        if len(luma) != _SIZE:
            luma = cv2.resize(
                luma,
                (_SIZE, _SIZE),
                interpolation=cv2.INTER_AREA if len(luma) > _SIZE else cv2.INTER_LINEAR,
            )
        result[i] = _darkness(cv2.blur(luma, (3, 3)), corners.astype(np.float64))
    return result


def _darkness(luma: NDArray[np.uint8], corners: NDArray[np.float64]) -> float:
    center, wide = corners.mean(axis=0), float(np.linalg.norm(corners[1] - corners[0]))
    inner = _box(luma, center, 0.3 * wide, -0.1 * wide, 0.5 * wide)
    around = _box(luma, center, 0.9 * wide, -0.5 * wide, 0.8 * wide)
    if inner.size < 4 or around.size < 4:
        return float("nan")
    dark = np.partition(inner.ravel(), inner.size // 10)[: max(inner.size // 10, 1)].mean()
    # Three levels on both: in an image that is almost black the ratio would be that of noise.
    return float(np.log2((around.mean() + 3.0) / (dark + 3.0)))


def _box(
    luma: NDArray[np.uint8], center: NDArray[np.float64], half: float, above: float, below: float
) -> NDArray[np.uint8]:
    x, y = center
    rows = slice(max(round(y + above), 0), max(round(y + below) + 1, 0))
    return luma[rows, max(round(x - half), 0) : max(round(x + half) + 1, 0)]
