"""Blur: how sharp the edges are (CPBD), how much fine detail the contrast carries (variance of the
Laplacian), and whether it was lost along one direction."""

from __future__ import annotations

import cv2
import numpy as np

from fiqa.faces.factors.cpbd import of_gradient
from fiqa.faces.factors.planes import SIZE, Planes
from fiqa.faces.factors.terms import Measures, Terms, rises

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "cpbd": "share of edges whose blur is not noticed, 0..1, in blocks of 56 pixels",
    "laplacian_variance": "levels^2, of the 4-neighbor Laplacian of the luminance",
    "sobel": (
        "levels, mean length of the 3x3 Sobel gradient (8 times the slope); CLIB-FIQA's published"
        " cuts .35 and .7 are on 0.01 of it"
    ),
    "sharpness": "log2 of the Laplacian's standard deviation over the luminance's, noise taken out",
    "motion_coherence": (
        "0..1, how much one direction of the gradient outweighs the other (structure tensor)"
    ),
}


def measure(face: Planes, noise: float) -> dict[str, float]:
    """Returns the measures of UNITS for one face.

    Args:
        face: the face.
        noise: the standard deviation of its noise in levels.
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
        "motion_coherence": float(np.hypot(xx - yy, 2 * xy)) / (xx + yy + 1.0),
    }


def terms(m: Measures) -> Terms:
    """Returns the qualities of `blurry` and `motion_blur`.

    They share one deficit, given to motion as far as the gradient keeps to one direction.

    Args:
        m: the measures of UNITS.
    """
    sharp = 0.3 * rises(m["cpbd"], 0.06, 0.03) + 0.7 * rises(m["sharpness"], -2.6, 0.35)
    motion = rises(m["motion_coherence"], 0.42, 0.01)
    return {"blurry": sharp ** (1 - motion), "motion_blur": sharp**motion}
