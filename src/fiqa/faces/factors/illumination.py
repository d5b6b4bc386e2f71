"""Illumination of the face oval: how bright, how much range, what is clipped, whether one side gets
less, where something shines."""

from __future__ import annotations

import cv2
import numpy as np

from fiqa.faces.factors.planes import Planes, oval
from fiqa.faces.factors.terms import Measures, Terms, falls, rises

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "luminance_mean": "levels 0..255, mean over the face oval",
    "luminance_range": "levels, 5th to 95th percentile over the face oval",
    "dark_share": "share of the face oval under 25 levels",
    "bright_share": "share of the face oval over 245 levels",
    "light_imbalance": (
        "0..1, |left - right| / (left + right) of the mean luminance of the oval's halves"
    ),
    "glare_share": (
        "share of the face oval in bright spots: over 235 levels and 60 over the oval's median"
    ),
}

_OVAL = oval()
_DARK, _BRIGHT, _SHINES, _ABOVE = 25, 245, 235, 60


def measure(face: Planes) -> dict[str, float]:
    """Returns the measures of UNITS for one face; NaN when under 5 % of the oval lies in the frame.

    Args:
        face: the face.
    """
    counts = cv2.calcHist([face.luma], [0], face.face, [256], [0, 256]).ravel()
    total = float(counts.sum())
    if total < 0.05 * np.count_nonzero(_OVAL):
        return dict.fromkeys(UNITS, float("nan"))
    # One histogram gives all shares and percentiles.
    below = np.cumsum(counts) / total
    low, middle, high = np.searchsorted(below, (0.05, 0.5, 0.95))
    shines = max(_SHINES, int(middle) + _ABOVE)
    return {
        "luminance_mean": float(counts @ np.arange(256)) / total,
        "luminance_range": float(high - low),
        "dark_share": float(below[_DARK - 1]),
        "bright_share": float(1 - below[_BRIGHT]),
        "light_imbalance": _imbalance(face),
        "glare_share": float(1 - below[shines]) if shines < 255 else 0.0,
    }


def _imbalance(face: Planes) -> float:
    """Returns |left - right| / (left + right) of the oval's halves.

    NaN when one of them is out of the frame.
    """
    half = face.luma.shape[1] // 2
    sides = [
        (
            cv2.mean(
                np.ascontiguousarray(face.luma[:, side]),
                mask=np.ascontiguousarray(face.face[:, side]),
            )[0]
            if face.face[:, side].any()
            else float("nan")
        )
        for side in (slice(0, half), slice(half, None))
    ]
    # + 1 level, so that two black halves are even.
    return abs(sides[0] - sides[1]) / (sides[0] + sides[1] + 1.0)


def terms(m: Measures) -> Terms:
    """Returns the quality of each reason.

    What is clipped counts against glare on a face of ordinary brightness, against exposure on a
    bright one.

    Args:
        m: the measures of UNITS.
    """
    clipped = falls(m["bright_share"], 0.12, 0.03) * falls(m["glare_share"], 0.12, 0.03)
    everywhere = rises(m["luminance_mean"], 200.0, 8.0)
    return {
        "underexposed": rises(m["luminance_mean"], 45.0, 9.0) * falls(m["dark_share"], 0.5, 0.1),
        "overexposed": falls(m["luminance_mean"], 225.0, 8.0) * clipped**everywhere,
        "uneven_light": falls(m["light_imbalance"], 0.4, 0.08),
        "glare": clipped ** (1 - everywhere),
        "low_contrast": rises(m["luminance_range"], 48.0, 8.0),
    }
