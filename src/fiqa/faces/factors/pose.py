"""Pose: yaw, pitch and roll in degrees from the five landmarks; unknown without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.terms import Measures, Terms, falls
from fiqa.functional.pose import pose_from_points

__all__ = ["LYING", "UNITS", "cause_first", "measure", "terms"]

UNITS = {
    "yaw": "degrees, positive when the nose points to image right",
    "pitch": "degrees, positive when the face looks up; coarse",
    "roll": "degrees, positive when the head is tilted clockwise in the crop",
    "photo_roll": "degrees, positive when the head was tilted clockwise in the photograph",
}

LYING = 60.0
"""Degrees of roll in the photograph from which a head lies rather than stands."""


def cause_first(reasons: tuple[str, ...], roll: float) -> tuple[str, ...]:
    """Returns the reasons of a face, `extreme_roll` first where the head lay in the photograph.

    Its points are misplaced then, and the other reasons follow from that.

    Args:
        reasons: in any order.
        roll: in the photograph, degrees; NaN where unknown.

    >>> cause_first(("blurry",), 90.0), cause_first(("blurry",), 10.0)
    (('extreme_roll', 'blurry'), ('blurry',))
    """
    # Written so that NaN is no lying head.
    if not abs(roll) >= LYING:
        return reasons
    return ("extreme_roll", *(code for code in reasons if code != "extreme_roll"))


def measure(
    landmarks: NDArray[np.float32] | None, count: int, roll: NDArray[np.float32] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Returns yaw, pitch, roll, and the roll in the photograph, (N,) each; NaN where unknown.

    Args:
        landmarks: (N,5,2), or None.
        count: N.
        roll: (N,) in the photograph, or None.
    """
    angles = (
        np.full((count, 3), np.nan)
        if landmarks is None
        else pose_from_points(landmarks).astype(np.float64)
    )
    before = np.full(count, np.nan) if roll is None else roll.astype(np.float64)
    return dict(zip(UNITS, [*angles.T, before], strict=True))


def terms(m: Measures) -> Terms:
    """Returns the qualities of the three angles.

    Half is lost at 40 degrees of yaw, 28 of pitch and 25 of roll.

    Alignment turns a head upright, so a tilt in the photograph counts only where it is so large
    that detectors misplace the points: half is lost at 60 degrees.

    Args:
        m: the measures of UNITS.
    """
    before = np.abs(m["photo_roll"])
    # alone, a head that is not turned says nothing of the pose
    before = np.where(np.isnan(m["roll"]) & (before < LYING), np.nan, before)
    return {
        "extreme_yaw": falls(np.abs(m["yaw"]), 40.0, 8.0),
        "extreme_pitch": falls(np.abs(m["pitch"]), 28.0, 6.0),
        "extreme_roll": np.fmin(falls(np.abs(m["roll"]), 25.0, 6.0), falls(before, LYING, 3.0)),
    }
