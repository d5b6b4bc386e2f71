"""Which way a head looks, from five points and a rigid generic head seen from afar."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks

__all__ = ["HEAD", "pose_from_points"]

HEAD: NDArray[np.float64] = np.array(
    [
        [-0.5, 0.0, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.60, 0.62],
        [-0.414, 1.155, 0.10],
        [0.414, 1.155, 0.10],
    ]
)
"""(5,3) the five points of a generic head looking into the camera: x to image right, y down, z
toward the camera; unit: the distance between the eyes.

x and y of eyes and mouth are the alignment template's proportions. The nose's height and depth were
fitted to the pose of the FSA-Net ensemble on the photographs of 105 people of Labeled Faces in the
Wild (the mouth's depth hardly matters and was set); the other 105 people are the ones reported on.
"""
HEAD.setflags(write=False)


def pose_from_points(points: ArrayLike) -> NDArray[np.float32]:
    """Returns yaw, pitch and roll of each face in degrees.

    The head is seen in scaled orthographic projection, p = s R[:2] X + t. M = (centered p)
    pinv(centered X) is s R[:2] in least squares, and (M M')^(-1/2) M the nearest pair of
    orthonormal rows (Schoenemann 1966); R = Rz(roll) Ry(yaw) Rx(pitch) gives the angles. Exact for
    a head of HEAD's shape seen from afar; another nose tilts the pitch by some degrees, so read
    pitch as coarse.

    Args:
        points: (N,5,2) pixels, image-left first: left eye, right eye, nose, left mouth corner,
            right mouth corner. NaN where unknown.

    Returns:
        yaw: in [-90, 90], positive when the nose points to image right.
        pitch: positive when the face looks up.
        roll: in (-180, 180], positive when the head is tilted clockwise as seen in the image (the
            right eye is lower).

        They are the columns of (N,3) float32; a row is NaN where a point is NaN or the points lie
        on one line.

    Raises:
        ShapeError: other than (N,5,2).

    >>> from fiqa.functional.geometry import TEMPLATE
    >>> abs(pose_from_points(TEMPLATE[None])[0, 0].item()) < 1
    True
    """
    p = checks.array(points, "points", shape=("N", 5, 2), dtype=np.float64)
    # One unknown coordinate makes the whole face unknown, never a pose from four points.
    p = np.where(np.isfinite(p).all(axis=(1, 2), keepdims=True), p, np.nan)
    weights = np.linalg.pinv(HEAD - HEAD.mean(axis=0))
    rows = _orthonormal(np.einsum("jk,nki->nij", weights, p - p.mean(axis=1, keepdims=True)))
    third = np.cross(rows[:, 0], rows[:, 1])
    yaw = np.arcsin(np.clip(-third[:, 0], -1.0, 1.0))
    pitch = np.arctan2(third[:, 1], third[:, 2])
    roll = np.arctan2(rows[:, 1, 0], rows[:, 0, 0])
    angles: NDArray[np.float32] = np.degrees(np.stack([yaw, pitch, roll], axis=1)).astype(
        np.float32
    )
    return angles


def _orthonormal(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the (N,2,3) orthonormal rows nearest to `m`; NaN where its rows are parallel or zero.

    The square root of the 2x2 Gram matrix G is (G + d I) / t with d = sqrt(det G), t = sqrt(trace G
    + 2 d), and its inverse (adj G + d I) / (d t).
    """
    gram = m @ np.swapaxes(m, 1, 2)
    a, b, c = gram[:, 0, 0], gram[:, 0, 1], gram[:, 1, 1]
    d = np.sqrt(np.maximum(a * c - b * b, 0.0))
    t = np.sqrt(a + c + 2.0 * d)
    # Parallel rows have no determinant, and no orthonormal rows are nearest to them.
    d = np.where(d > 1e-9 * (a + c), d, np.nan)
    with np.errstate(invalid="ignore"):
        root = (
            np.stack([np.stack([c + d, -b], -1), np.stack([-b, a + d], -1)], axis=-2)
            / (d * t)[:, None, None]
        )
    rows: NDArray[np.float64] = root @ m
    return rows
