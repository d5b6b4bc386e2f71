"""Crop: how much of the alignment square lay outside the frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.planes import Planes, oval
from fiqa.faces.factors.terms import Measures, Terms, falls

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "outside_share": "share of the alignment square outside the frame",
    "face_outside_share": "share of the face oval outside the frame",
}


_OVAL = oval()


def measure(face: Planes) -> dict[str, float]:
    """Returns the measures of UNITS for one face.

    Where the frame's mask is not known, they are of the flat fill that alignment leaves
    (`flat_fill`).

    Args:
        face: the face.
    """
    outside = ~face.inside if face.inside is not None else flat_fill(face)
    return {
        "outside_share": float(outside.mean()),
        "face_outside_share": float(outside[_OVAL].mean()),
    }


def flat_fill(face: Planes) -> NDArray[np.bool_]:
    """Returns (112,112) bool, True on what looks like the fill of an alignment.

    Where alignment runs out of the frame it leaves a constant area from border to face oval.

    Constant means within 2 levels in every 3x3 pixels and within 4 over all. A constant area that
    stays outside the oval is taken to be a background, so this finds less than the frame's mask
    knows.

    Args:
        face: the face.
    """
    kernel = np.ones((3, 3), np.uint8)
    flat = (
        np.asarray(cv2.subtract(cv2.dilate(face.luma, kernel), cv2.erode(face.luma, kernel))) <= 2
    )
    border = np.concatenate([flat[0], flat[-1], flat[1:-1, 0], flat[1:-1, -1]])
    nothing = np.zeros(flat.shape, np.bool_)
    if np.count_nonzero(border) < _SHORTEST:
        return nothing
    _, labels = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
    at_border = np.bincount(
        np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]]),
        minlength=labels.max() + 1,
    )
    in_oval = np.bincount(labels[_OVAL], minlength=labels.max() + 1)
    fills = (at_border >= _SHORTEST) & (in_oval >= _SMALLEST)
    # Label 0 is what is not flat.
    fills[0] = False
    for label in np.flatnonzero(fills):
        fills[label] = np.ptp(face.luma[labels == label]) <= 4
    if not fills.any():
        return nothing
    filled = fills[np.asarray(labels, np.int64)].astype(np.uint8)
    return np.asarray(cv2.dilate(filled, kernel), bool)


_SHORTEST, _SMALLEST = 16, 60
"""Pixels of the border that a fill touches, and of the oval that it covers, at least."""


def terms(m: Measures) -> Terms:
    """Returns the quality of `cropped`.

    Half is lost when a tenth of the face oval or a third of the square is missing.

    Args:
        m: the measures of UNITS.
    """
    quality = falls(m["face_outside_share"], 0.1, 0.02) * falls(m["outside_share"], 0.3, 0.06)
    return {"cropped": quality}
