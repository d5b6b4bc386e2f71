"""Occlusion: whether the eyes and the mouth show the structure that eyes and mouths have.

Something that covers them is smoother than the face, or of another color. So each region is
compared with the whole oval of the same face: the structure of its luminance at 4 pixels, its
texture at one, and (where there is color) how far its color is from the forehead's.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors.planes import CELLS, Planes, cell_box, cell_oval, detrended
from fiqa.faces.factors.terms import Measures, Terms, falls, rises

__all__ = ["UNITS", "measure", "terms"]

UNITS = {
    "eyes_structure": (
        "bits, log2 of structure and of texture at the lesser eye over that of its side of the face"
        " oval, summed"
    ),
    "mouth_structure": "bits, the same of the mouth over the whole oval",
    "eyes_darkness": "bits, log2 of the mean luminance of the cheeks over that of the eyes",
    "mouth_chroma": "levels, distance of mean (Cr,Cb) between mouth and forehead; color only",
}

_OVAL = cell_oval()
_BOXES = (
    cell_box((0,), 11, 7),
    cell_box((1,), 11, 7),
    cell_box((3, 4), 18, 9),
    _OVAL[_OVAL % CELLS < CELLS // 2],
    _OVAL[_OVAL % CELLS >= CELLS // 2],
    _OVAL,
    np.concatenate([cell_box((0,), 9, 8, down=22), cell_box((1,), 9, 8, down=22)]),
    cell_box((0, 1), 18, 8, down=-24),
)
_EYES, _MOUTH, _SIDES, _FACE, _CHEEKS, _FOREHEAD = (0, 1), 2, (3, 4), 5, 6, 7
# A row for each region, so that all means are one matrix product.
_MEMBERS = np.zeros((len(_BOXES), CELLS * CELLS))
for _row, _box in zip(_MEMBERS, _BOXES, strict=True):
    _row[_box] = 1.0


def measure(face: Planes) -> dict[str, float]:
    """Returns the measures of UNITS for one face.

    They are NaN where a fifth of a region that they need is out of the frame.

    Args:
        face: the face.
    """
    mean = _means(face)
    # + 0.3 and + 3: levels of noise, so that a flat or black region has no infinite ratio.
    shape = np.sqrt(np.maximum(mean[:, 1] - mean[:, 0] ** 2, 0.0)) + 0.3
    texture, light = mean[:, 2] + 0.3, mean[:, 3] + 3.0
    bits = np.log2(shape * texture)
    eyes = [bits[eye] - bits[side] for eye, side in zip(_EYES, _SIDES, strict=True)]
    chroma = (
        float("nan") if face.grey else float(np.hypot(*(mean[_MOUTH, 4:] - mean[_FOREHEAD, 4:])))
    )
    return {
        "eyes_structure": float(min(eyes)) if np.isfinite(eyes).all() else float("nan"),
        "mouth_structure": float(bits[_MOUTH] - bits[_FACE]),
        "eyes_darkness": float(np.log2(2 * light[_CHEEKS] / light[list(_EYES)].sum())),
        "mouth_chroma": chroma,
    }


def _means(face: Planes) -> NDArray[np.float64]:
    """Returns (8,6): means of structure, structure^2, texture, luminance, Cr, Cb per region.

    NaN in a region that is mostly out of the frame.
    """
    structure = detrended(face.cells).ravel().astype(np.float64)
    texture = cv2.resize(
        np.abs(face.laplacian), (CELLS, CELLS), interpolation=cv2.INTER_AREA
    ).ravel()
    small = cv2.resize(face.rgb, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    color = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).reshape(-1, 3)[:, 1:]
    planes = np.column_stack([structure, structure**2, texture, face.cells.ravel(), color])
    members = _MEMBERS if face.known_cells is None else _MEMBERS * face.known_cells
    counts = members.sum(axis=1)
    counts[counts < 0.8 * _MEMBERS.sum(axis=1)] = np.nan
    counts[[*_SIDES, _FACE]] = np.maximum(members.sum(axis=1), 1.0)[[*_SIDES, _FACE]]
    result: NDArray[np.float64] = (members @ planes) / counts[:, None]
    return result


def terms(m: Measures) -> Terms:
    """Returns the qualities of `occluded_eyes` and `occluded_mouth`.

    A color that is unknown says nothing against the face.

    Args:
        m: the measures of UNITS.
    """
    color = falls(m["mouth_chroma"], 30.0, 6.0)
    return {
        "occluded_eyes": (
            rises(m["eyes_structure"], -2.0, 0.4)
            * falls(np.nan_to_num(m["eyes_darkness"]), 1.6, 0.2)
        ),
        "occluded_mouth": (
            rises(m["mouth_structure"], -1.5, 0.35) * np.where(np.isnan(color), 1.0, color)
        ),
    }
