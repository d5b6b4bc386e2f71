"""Face structure: whether what lies in the square is arranged as a face is.

No trained weights: the pattern is drawn.

A face in the alignment square has dark brows and eyes, a nose that catches light with dark nostrils
under it, and a dark mouth; its edges run across at brows, eyes and mouth, and upright along the
nose. How bright the skin is beside hair and background is left out: that differs between people.
The drawing, reduced to 28x28 cells, is correlated with the crop twice: its luminance (less the slow
part that light makes) and its edge directions. A car, a wall and noise have no such arrangement.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.planes import CELLS, SIZE, Planes, cell_oval, detrended

__all__ = ["UNITS", "drawing", "measure"]

UNITS = {
    "face_structure": "-1..1, mean correlation of luminance and edge directions with a drawn face",
    "coarse_share": (
        "share of the luminance's variance that 4x4 averages keep; a face about .9, white noise"
        " 1/16"
    ),
}


def drawing() -> NDArray[np.float32]:
    """Returns the drawn face, (112,112) float32, 0 on skin, down to -1 where a face is darker.

    Features are at the template's points, their sizes by eye.
    """
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)

    def spot(cx: float, cy: float, width: float, height: float) -> NDArray[np.float64]:
        return np.exp(-0.5 * (((x - cx) / width) ** 2 + ((y - cy) / height) ** 2))

    face = 0.25 * spot(56, 62, 4, 14) - 0.5 * spot(56, 78, 8, 2.5)
    for eye, brow in ((38, 39), (74, 73)):
        face -= spot(eye, 52, 8, 3.5) + 0.7 * spot(brow, 43, 10, 2.5)
    face -= 0.8 * spot(56, 92, 13, 3) + 0.25 * spot(56, 104, 10, 3)
    return face.astype(np.float32)


def measure(face: Planes) -> dict[str, float]:
    """Returns the measures of UNITS for one face.

    Args:
        face: the face.
    """
    shape = _correlation(detrended(face.cells).ravel()[_OVAL], _LUMINANCE)
    direction = _correlation(_directions(*face.gradient, floor=4.0).ravel()[_OVAL], _DIRECTION)
    spread = float(np.var(face.luma, dtype=np.float64))
    return {
        "face_structure": (shape + direction) / 2,
        "coarse_share": float(np.var(face.cells, dtype=np.float64)) / (spread + 1.0),
    }


def _directions(
    dx: NDArray[np.generic], dy: NDArray[np.generic], *, floor: float
) -> NDArray[np.float32]:
    """Returns (28,28) in -1..1; edges that run across are positive.

    (|dy| - |dx|) / (|dy| + |dx| + floor) of the mean slopes in each cell.
    """
    x = cv2.resize(np.abs(dx), (CELLS, CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    y = cv2.resize(np.abs(dy), (CELLS, CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray((y - x) / (y + x + np.float32(floor)), np.float32)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float64]:
    centered = values.astype(np.float64) - values.mean(dtype=np.float64)
    # A constant has no pattern: it becomes 0 instead of NaN.
    return centered / max(float(np.sqrt(centered @ centered)), 1e-12)


def _correlation(values: NDArray[np.float32], unit: NDArray[np.float64]) -> float:
    """Returns the correlation with a centered unit pattern; 0 for a constant."""
    return float(_unit(values) @ unit)


_OVAL = cell_oval()
_FACE = drawing()
_CELLS = np.asarray(cv2.resize(_FACE, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)
_LUMINANCE = _unit(detrended(_CELLS).ravel()[_OVAL])
_DIRECTION = _unit(
    _directions(
        cv2.Sobel(_FACE, cv2.CV_32F, 1, 0), cv2.Sobel(_FACE, cv2.CV_32F, 0, 1), floor=0.4
    ).ravel()[_OVAL]
)
