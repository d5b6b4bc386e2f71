"""Visibility: noise, compression blocks, and how many pixels of the source the face had."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.planes import SIZE, Planes
from fiqa.faces.factors.terms import Measures, Terms, falls, rises

__all__ = ["STRUCTURE", "UNITS", "measure", "noise_sigma", "terms", "whole_noise_sigma"]

UNITS = {
    "noise_sigma": "levels, standard deviation of the noise in the flatter half of the pixels",
    "blockiness": (
        "ratio, luminance steps on the 8x8 grid of a JPEG file over those beside it; 1 is none"
    ),
    "eye_distance": "pixels of the source between the eyes",
    "detail": (
        "bits, log2 of the detail finer than 2 pixels over that of 2 to 8 pixels, noise taken out;"
        " falls when a small face was enlarged"
    ),
}

STRUCTURE = 0.16
"""Of the measure face_structure, under which a crop has not the structure of a face."""


def noise_sigma(face: Planes) -> float:
    """Returns the standard deviation of the noise in levels.

    It is the median absolute response of Immerkaer's kernel, whose noise gain is 6, over .6745 * 6.
    The median, not Immerkaer's mean: half of the pixels of a face are smooth, and edges are not
    noise. J. Immerkaer, "Fast noise variance estimation", 1996.

    Args:
        face: the face.
    """
    response = face.residual if not face.partial else face.residual[face.core]
    return _deviation(response) if response.size else 0.0


def whole_noise_sigma(face: Planes, noise: float) -> float:
    """Returns the standard deviation of the noise where neither black nor white cuts it off.

    Where nearly all pixels are so dark or so bright, it is that of all.

    Args:
        face: the face.
        noise: as `noise_sigma` gives it.
    """
    if noise < _MUCH:
        return noise
    # 1.5: the estimate is too small where half of the noise is cut
    room = 2.5 * 1.5 * noise
    light = np.asarray(cv2.blur(face.luma, (5, 5)))
    whole = face.core & (light > room) & (light < 255 - room)
    return _deviation(face.residual[whole]) if whole.mean() > 0.05 else noise


def _deviation(response: NDArray[np.float32]) -> float:
    counts = np.cumsum(
        cv2.calcHist([np.ascontiguousarray(response)], [0], None, [_BINS], [0, _BINS / 2]).ravel()
    )
    half = 0.5 * counts[-1]
    place = int(np.searchsorted(counts, half))
    before = float(counts[place - 1]) if place else 0.0
    median = 0.5 * (place + (half - before) / max(float(counts[place]) - before, 1.0))
    # 0.6745 is the median of |x| for a standard normal.
    return float(median) / (0.6745 * 6)


_MUCH = 2.0
"""Levels from which noise is cut off at more than a few dark pixels."""
_BINS = 4096
"""Bins of half a level: the kernel answers with at most 8 x 255 levels."""


def measure(face: Planes, noise: float) -> dict[str, float]:
    """Returns the measures of UNITS that the pixels give; `eye_distance` comes with the face.

    Args:
        face: the face.
        noise: as `noise_sigma` gives it.
    """
    return {"noise_sigma": noise, "blockiness": _blockiness(face), "detail": _detail(face, noise)}


def _blockiness(face: Planes) -> float:
    """Returns the mean |step| across the lines of the 8x8 grid over that just beside them.

    Both directions count together.

    Sees the grid of a crop that was saved itself; that of the source was warped when the face was
    aligned and shows as lost detail instead.
    """
    luma = face.luma
    across = np.asarray(cv2.absdiff(luma[:, 1:], luma[:, :-1]))
    down = np.asarray(cv2.absdiff(luma[1:], luma[:-1]))
    steps = (
        cv2.reduce(across, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        + cv2.reduce(down, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    )
    on_grid = steps[_GRID].sum()
    off_grid = (steps[_GRID - 1].sum() + steps[_GRID + 1].sum()) / 2
    return float((on_grid + _QUIET) / (off_grid + _QUIET))


_GRID = np.arange(7, SIZE - 2, 8)
_QUIET = 0.25 * 2 * SIZE * len(_GRID)
"""A quarter of a level per pixel, so that flat images have a ratio of 1."""


def _detail(face: Planes, noise: float) -> float:
    half = cv2.pyrDown(face.luma)
    eighth = cv2.pyrDown(cv2.pyrDown(half))
    fine = _energy(face.luma, cv2.pyrUp(half)) - 0.8 * noise**2
    coarse = _energy(
        half, cv2.resize(eighth, (half.shape[1], half.shape[0]), interpolation=cv2.INTER_LINEAR)
    )
    return 0.5 * float(np.log2((max(fine, 0.0) + 0.1) / (coarse + 10.0)))


def _energy(a: object, b: object) -> float:
    return float(cv2.norm(np.asarray(a), np.asarray(b), cv2.NORM_L2SQR)) / np.asarray(a).size


def terms(m: Measures) -> Terms:
    """Returns the quality of each reason.

    The size is judged by the source's pixels, or where they are unknown by the detail that is
    there.

    Args:
        m: the measures of UNITS.
    """
    size = rises(np.log2(np.maximum(m["eye_distance"], 1.0)), np.log2(14.0), 0.25)
    detail = rises(m["detail"], -3.5, 0.35)
    return {
        "noisy": falls(m["noise_sigma"], 8.0, 1.5),
        "compression": falls(m["blockiness"], 2.0, 0.3),
        "face_too_small": np.where(np.isnan(size), detail, size),
        "unclear_features": rises(m["face_structure"], STRUCTURE, 0.03),
    }
