"""Blur: how sharp the edges are (CPBD), how much fine detail the contrast carries (variance of the
Laplacian), and whether it was lost along one direction.

Noise reads as sharpness, and where there is much of it CPBD and the finest detail tell little. The
next two octaves then say what is seen, noise taken out: halving averages most noise away, and blur
shows in them too. Reasons go by what is seen, the factor by what is certain.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.cpbd import of_gradient
from fiqa.faces.factors.planes import SIZE, Planes
from fiqa.faces.factors.terms import NAMELESS, Measures, Terms, rises

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "cpbd": "share of edges whose blur is not noticed, 0..1, in blocks of 56 pixels",
    "laplacian_variance": "levels^2, of the 4-neighbor Laplacian of the luminance",
    "sobel": (
        "levels, mean length of the 3x3 Sobel gradient (8 times the slope); CLIB-FIQA's published"
        " cuts .35 and .7 are on 0.01 of it"
    ),
    "sharpness": "log2 of the Laplacian's standard deviation over the luminance's, noise taken out",
    "coarse_sharpness": "log2, what `sharpness` would be, told from details of 2 to 8 pixels",
    "sharpness_floor": "log2, what `sharpness` is at least, whatever the noise hides",
    "motion_coherence": (
        "0..1, how much one direction of the gradient outweighs the other (structure tensor)"
    ),
}


def measure(face: Planes, noise: float, whole: float) -> dict[str, float]:
    """Returns the measures of UNITS for one face.

    Args:
        face: the face.
        noise: the standard deviation of its noise in levels.
        whole: the same where neither black nor white cuts it off.
    """
    dx, dy = face.gradient
    core = face.core.astype(np.uint8) if face.partial else None
    _, spread = cv2.meanStdDev(face.laplacian, mask=core)
    _, contrast = cv2.meanStdDev(face.luma, mask=core)
    variance, luma_variance = float(spread[0, 0]) ** 2, float(contrast[0, 0]) ** 2
    # white noise of deviation s adds s^2 to the luminance's variance and (4^2 + 4) s^2 to the
    # Laplacian's
    signal, scale = max(variance - 20 * noise**2, 0.0), max(luma_variance - noise**2, 0.0)
    x, y = dx.astype(np.float32), dy.astype(np.float32)
    xx, yy, xy = (
        cv2.norm(x, cv2.NORM_L2SQR),
        cv2.norm(y, cv2.NORM_L2SQR),
        float(np.dot(x.ravel(), y.ravel())),
    )
    return {
        "cpbd": of_gradient(face.luma, dx, dy, block=SIZE // 2),
        "laplacian_variance": variance,
        # cv2.magnitude depends on how its input lies in memory
        "sobel": cv2.mean(np.sqrt(x * x + y * y), mask=core)[0],
        "sharpness": 0.5 * float(np.log2((signal + 0.25) / (scale + 25.0))),
        **_under_noise(face, whole, variance, scale),
        "motion_coherence": float(np.hypot(xx - yy, 2 * xy)) / (xx + yy + 1.0),
    }


def _under_noise(face: Planes, noise: float, variance: float, scale: float) -> dict[str, float]:
    """Returns `coarse_sharpness` and `sharpness_floor`.

    Args:
        face: the face.
        noise: deviation of its noise.
        variance: of its Laplacian.
        scale: variance of its luminance, noise taken out.
    """
    half = np.asarray(cv2.pyrDown(face.luma.astype(np.float32)), np.float32)
    coarse = [
        _variance(half, face.core[::2, ::2]),
        _variance(np.asarray(cv2.pyrDown(half), np.float32), face.core[::4, ::4]),
    ]

    def told(sure: float) -> float:
        high, low = (
            max(energy - gain * (1 + sign * sure) * noise**2, 0.0) + 0.25
            for energy, gain, sign in zip(coarse, _GAINS, (1, -1), strict=True)
        )
        like, shape = 0.5 * np.log2(high / (scale + 25.0)), 0.5 * np.log2(high / low)
        return float(np.dot(_FINE, (1.0, like, shape)))

    signal = max(variance - 20 * (1 + _SURE) * noise**2, 0.0)
    fine, coarse_floor = 0.5 * float(np.log2((signal + 0.25) / (scale + 25.0))), told(_SURE) - 0.6
    # The finest detail counts where the coarser ones do not speak against it.
    return {
        "coarse_sharpness": told(0.0),
        "sharpness_floor": max(coarse_floor, min(fine, coarse_floor + 0.7)),
    }


def _variance(plane: NDArray[np.float32], core: NDArray[np.bool_]) -> float:
    """Returns the variance of the Laplacian, without the border and what lies outside."""
    inside = cv2.erode(core.astype(np.uint8), np.ones((3, 3), np.uint8))
    _, deviation = cv2.meanStdDev(
        cv2.Laplacian(plane, cv2.CV_32F)[1:-1, 1:-1], mask=np.ascontiguousarray(inside[1:-1, 1:-1])
    )
    return float(deviation[0, 0]) ** 2


_GAINS = (0.637, 0.103)
"""Variance of the Laplacian of white noise of variance 1, halved once and twice by cv2.pyrDown."""
_FINE = (0.378, 1.098, 1.616)
"""`sharpness` of clean and blurred faces of LFW, pins and Extended Yale B by the detail of the
halved face over its luminance, and over that of the quartered one: least squares, deviation .35."""
_SURE = 0.15
"""What the noise's variance may be larger than it was estimated."""


def terms(m: Measures) -> Terms:
    """Returns the qualities of `blurry` and `motion_blur`, and what noise hides.

    The two share one deficit, given to motion as far as the gradient keeps to one direction.

    Args:
        m: the measures of UNITS.
    """
    quiet = 0.3 * rises(m["cpbd"], 0.06, 0.03) + 0.7 * rises(m["sharpness"], -2.6, 0.35)
    seen = rises(m["coarse_sharpness"], -2.6, 0.35)
    certain = np.minimum(seen, 0.7 * rises(m["sharpness_floor"], -2.6, 0.35))
    noisy = rises(m["noise_sigma"], 4.0, 0.25)
    sharp = (1 - noisy) * quiet + noisy * seen
    known = (1 - noisy) * quiet + noisy * certain
    motion = rises(m["motion_coherence"], 0.42, 0.01)
    return {
        "blurry": sharp ** (1 - motion),
        "motion_blur": sharp**motion,
        NAMELESS: known / np.maximum(sharp, 1e-12),
    }
