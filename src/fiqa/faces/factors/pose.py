"""Pose: yaw, pitch and roll in degrees from the five landmarks; unknown without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.terms import Measures, Terms, falls
from fiqa.functional.pose import pose_from_points

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "yaw": "degrees, positive when the nose points to image right",
    "pitch": "degrees, positive when the face looks up; coarse",
    "roll": "degrees, positive when the head is tilted clockwise in the crop",
}


def measure(landmarks: NDArray[np.float32] | None, count: int) -> dict[str, NDArray[np.float64]]:
    """Returns (N,) yaw, pitch and roll of (N,5,2) landmarks; NaN where a landmark is, everywhere when there are none."""
    angles = np.full((count, 3), np.nan) if landmarks is None else pose_from_points(landmarks).astype(np.float64)
    return dict(zip(UNITS, angles.T, strict=True))


def terms(m: Measures) -> Terms:
    """Returns the qualities of the three angles. Half is lost at 40 degrees of yaw, 28 of pitch and 25 of roll."""
    return {
        "extreme_yaw": falls(np.abs(m["yaw"]), 40.0, 8.0),
        "extreme_pitch": falls(np.abs(m["pitch"]), 28.0, 6.0),
        "extreme_roll": falls(np.abs(m["roll"]), 25.0, 6.0),
    }
