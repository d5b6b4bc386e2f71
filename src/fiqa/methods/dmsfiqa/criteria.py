"""What a template should be, by the paper's five criteria, and how it stands to the rest of its
person."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks

__all__ = ["CRITERIA", "FRONTAL", "MET", "Criterion", "conflicts", "criteria", "likeness_to_rest"]

CRITERIA = ("unoccluded", "near frontal", "lit", "whole", "sharp")
"""The paper's five, in its order (section 3.4)."""

MET = 0.5
"""Quality of a factor from which its criterion is met: below it a reason is named. The paper leaves
the criteria to the eye and has no numbers."""

FRONTAL = 15.0
"""Degrees of yaw and of pitch up to which a face is near frontal: a little more than an alignment
by five points can tell, far less than where pose loses half of its quality (40 and 28)."""

_FACTORS = {"unoccluded": "occlusion", "lit": "illumination", "whole": "crop", "sharp": "blur"}
_APART = 0.5


@dataclass(frozen=True)
class Criterion:
    """One criterion of one face.

    Attributes:
        name: of CRITERIA.
        met: whether it is; None where it cannot be measured.
        measure: what was measured, in words, "" where nothing was.
    """

    name: str
    met: bool | None
    measure: str


def criteria(
    factors: Mapping[str, float | None], measures: Mapping[str, float | None]
) -> list[Criterion]:
    """Returns the five criteria of a face.

    Unoccluded, lit, whole and sharp are met where the quality of occlusion, illumination, crop and
    blur is at least MET; near frontal where neither yaw nor pitch is beyond FRONTAL.

    Args:
        factors: quality in 0..1 of the six; None or NaN where it cannot be measured.
        measures: yaw and pitch in degrees, likewise; others are passed over.

    >>> [c.met for c in criteria({"occlusion": 0.9, "blur": 0.2}, {"yaw": 20.0, "pitch": 1.0})]
    [True, False, None, None, False]
    """
    found = []
    for name in CRITERIA:
        if name == "near frontal":
            found.append(_frontal(_known(measures.get("yaw")), _known(measures.get("pitch"))))
            continue
        factor = _FACTORS[name]
        value = _known(factors.get(factor))
        told = "" if value is None else f"{factor} {value:.2f}, wanted {MET:.2f} or more"
        found.append(Criterion(name, None if value is None else value >= MET, told))
    return found


def _frontal(yaw: float | None, pitch: float | None) -> Criterion:
    if yaw is None or pitch is None:
        return Criterion("near frontal", None, "")
    met = abs(yaw) <= FRONTAL and abs(pitch) <= FRONTAL
    told = f"yaw {yaw:.0f}°, pitch {pitch:.0f}°, wanted {FRONTAL:.0f}° or less"
    return Criterion("near frontal", met, told)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def likeness_to_rest(
    vectors: ArrayLike, *, segments: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Returns the mean cosine of each image of a person to the person's others, (n,) float64; NaN
    where there is no other.

    Args:
        vectors: (n,D) unit vectors, NaN where an image has none.
        segments: (n,) code of the segment of each image: one's own segment counts as oneself;
            None: each image is its own.

    Raises:
        ShapeError: shapes that do not fit.

    >>> likeness_to_rest([[1.0, 0], [0, 1.0], [0.6, 0.8]]).round(2).tolist()
    [0.3, 0.4, 0.7]
    """
    unit = checks.array(vectors, "vectors", shape=("n", "D"), dtype=np.float64)
    n = len(unit)
    code = np.arange(n) if segments is None else checks.array(segments, "segments", shape=(n,))
    known = np.asarray(np.isfinite(unit).all(axis=1))
    filled = np.where(known[:, None], unit, 0.0)
    names, place = np.unique(code, return_inverse=True)
    own, count = np.zeros((len(names), unit.shape[1])), np.zeros(len(names))
    np.add.at(own, place, filled)
    np.add.at(count, place, known)
    rest, others = filled.sum(axis=0) - own[place], known.sum() - count[place]
    told = known & (others > 0)
    result = np.full(n, np.nan)
    result[told] = np.einsum("nd,nd->n", filled, rest)[told] / others[told]
    return result


def conflicts(likeness: Sequence[ArrayLike]) -> NDArray[np.bool_]:
    """Returns for each image of a person whether recognizers disagree about it, (n,).

    Each recognizer ranks the images by their likeness to the rest, from 0 (the least) to 1 (the
    most); two disagree on an image where their ranks are at least half of that apart. With fewer
    than two recognizers, or images, nobody disagrees.

    Args:
        likeness: (R,n), of each recognizer; NaN where it cannot tell.

    >>> conflicts([[0.1, 0.5, 0.9], [0.8, 0.5, 0.1]]).tolist()
    [True, False, True]
    """
    table = np.array([np.asarray(row, np.float64) for row in likeness])
    if len(table) < 2 or table.shape[1] < 2:
        return np.zeros(table.shape[1] if table.ndim == 2 else 0, bool)
    ranks = np.full(table.shape, np.nan)
    for row, out in zip(table, ranks, strict=True):
        known = np.flatnonzero(np.isfinite(row))
        if len(known) > 1:
            values = row[known]
            below = np.searchsorted(np.sort(values), values, side="left")
            out[known] = below / (len(known) - 1)
    told = np.isfinite(ranks).sum(axis=0) > 1
    result = np.zeros(table.shape[1], bool)
    spread = np.nanmax(ranks[:, told], axis=0) - np.nanmin(ranks[:, told], axis=0)
    result[told] = spread >= _APART
    return result
