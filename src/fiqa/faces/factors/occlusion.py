"""Occlusion: whether the eyes and the mouth show the structure that eyes and mouths have.

Something that covers them is smoother than the face, or of another color. So each region is compared with the whole oval of the same face: the structure of
its luminance at 4 pixels, its texture at one, and (where there is color) how far its color is from the forehead's.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.planes import CELLS, Planes, cell_box, cell_oval, detrended
from fiqa.faces.factors.terms import Measures, Terms, falls, rises

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "eyes_structure": "bits, log2 of structure and of texture at the lesser eye over that of its side of the face oval, summed",
    "mouth_structure": "bits, the same of the mouth over the whole oval",
    "eyes_darkness": "bits, log2 of the mean luminance of the cheeks over that of the eyes",
    "mouth_chroma": "levels, distance of mean (Cr,Cb) between mouth and forehead; color only",
}

_EYES = (cell_box((0,), 11, 7), cell_box((1,), 11, 7))
_MOUTH = cell_box((3, 4), 18, 9)
_CHEEKS = np.concatenate([cell_box((0,), 9, 8, down=22), cell_box((1,), 9, 8, down=22)])
_FOREHEAD = cell_box((0, 1), 18, 8, down=-24)
_OVAL = cell_oval()
_SIDES = (_OVAL[_OVAL % CELLS < CELLS // 2], _OVAL[_OVAL % CELLS >= CELLS // 2])


def measure(face: Planes) -> dict[str, float]:
    """Returns the measures of UNITS for one face."""
    structure = detrended(face.cells).ravel()
    texture = cv2.resize(np.abs(face.laplacian), (28, 28), interpolation=cv2.INTER_AREA).ravel()
    known = face.known_cells
    result = {
        "eyes_structure": min(
            _relative(structure, texture, eye, side, known) for eye, side in zip(_EYES, _SIDES, strict=True)
        ),
        "mouth_structure": _relative(structure, texture, _MOUTH, _OVAL, known),
        "eyes_darkness": _darkness(face.cells.ravel(), known),
        "mouth_chroma": float("nan"),
    }
    if not face.grey and _visible(_MOUTH, known) and _visible(_FOREHEAD, known):
        result["mouth_chroma"] = _chroma(face)
    return result


def _visible(box: NDArray[np.int64], known: NDArray[np.bool_] | None) -> bool:
    return known is None or bool(known[box].mean() > 0.8)


def _relative(
    structure: NDArray[np.float32],
    texture: NDArray[np.float32],
    box: NDArray[np.int64],
    around: NDArray[np.int64],
    known: NDArray[np.bool_] | None,
) -> float:
    """Returns log2(deviation of the structure in the box / around it) + log2(mean texture likewise); NaN when the box is out of the frame."""
    if not _visible(box, known):
        return float("nan")
    if known is not None:
        around = around[known[around]]
    shape = (structure[box].std() + 0.3) / (structure[around].std() + 0.3)
    fine = (texture[box].mean() + 0.3) / (texture[around].mean() + 0.3)
    return float(np.log2(shape * fine))


def _darkness(cells: NDArray[np.float32], known: NDArray[np.bool_] | None) -> float:
    eyes = np.concatenate(_EYES)
    if not (_visible(eyes, known) and _visible(_CHEEKS, known)):
        return float("nan")
    return float(np.log2((cells[_CHEEKS].mean() + 3.0) / (cells[eyes].mean() + 3.0)))


def _chroma(face: Planes) -> float:
    small = cv2.cvtColor(cv2.resize(face.rgb, (28, 28), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YCrCb)
    colors = small.reshape(-1, 3)[:, 1:].astype(np.float32)
    return float(np.hypot(*(colors[_MOUTH].mean(0) - colors[_FOREHEAD].mean(0))))


def terms(m: Measures) -> Terms:
    """Returns the qualities of `occluded_eyes` and `occluded_mouth`; a color that is unknown says nothing against the face."""
    color = falls(m["mouth_chroma"], 30.0, 6.0)
    return {
        "occluded_eyes": rises(m["eyes_structure"], -1.3, 0.4) * falls(np.nan_to_num(m["eyes_darkness"]), 1.6, 0.2),
        "occluded_mouth": rises(m["mouth_structure"], -1.5, 0.35) * np.where(np.isnan(color), 1.0, color),
    }
