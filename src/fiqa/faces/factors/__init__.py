"""The six factors of an aligned face, measured: `measure(faces)` says why a face is good or bad, in
physical units.

Each factor is a file with UNITS (what it measures, in what), `measure` (one face) and `terms` (a
quality in 0..1 per reason). A factor's quality is the product of its terms, a reason is named when
its term is under 0.5. The steps' constants stand in `terms`; where they come from is told in
docs/concepts/factors.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.faces.factors import blur, crop, illumination, occlusion, pose, structure, visibility
from fiqa.faces.factors.cpbd import cpbd
from fiqa.faces.factors.planes import Planes
from fiqa.faces.factors.terms import NAMELESS, Terms, joined
from fiqa.types import Faces, Factors
from fiqa.vocabulary import FACTORS

__all__ = ["MEASURES", "cpbd", "factor_of_reason", "measure", "term_table"]

_FACTORS = {
    "visibility": visibility,
    "occlusion": occlusion,
    "pose": pose,
    "illumination": illumination,
    "blur": blur,
    "crop": crop,
}
_OF_PIXELS = frozenset(_FACTORS) - {"pose"}

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        name: unit
        for module in (*_FACTORS.values(), structure)
        for name, unit in module.UNITS.items()
    }
)
"""Every measure and its unit, in the order in which `Factors.measures` has them."""

REASON_BELOW = 0.5
"""Quality under which a term names its reason."""

SYMPTOMS = ("low_contrast", "unclear_features")
"""Reasons that others often cause (darkness, blur, a mask): they are named after those."""


LEARNED = MappingProxyType({"mask": "occlusion", "hand_on_face": "occlusion"})
"""Reason -> factor, of those that no measure tells: a trained model names them."""


def measure(faces: Faces, *, only: Mapping[str, NDArray[np.bool_]] | None = None) -> Factors:
    """Returns the six factors of each face with the measures behind them and the reasons.

    Args:
        faces: (N,S,S,3) aligned crops, measured at 112x112. `landmarks` and `roll` give the pose,
            `inside` the crop, `eye_distance` a part of visibility; what is None or NaN is left out,
            and a factor with nothing left is NaN. Where `inside` is None, a constant fill that
            reaches the face counts as outside.
        only: factor -> (N,) True where its pixels are measured; what is False, and a factor that is
            not named, is NaN and has no reason. None: all six of all faces. What needs no pixels
            (pose, the distance of the eyes) is told anyway.

    Returns:
        Factors (N): quality in 0..1, measures as in MEASURES, reasons with the costliest first and
        SYMPTOMS last. A face gets the same numbers in any batch.

    >>> grey = Faces(np.full((1, 112, 112, 3), 128, np.uint8))
    >>> result = measure(grey)
    >>> bool(np.isnan(result.quality["pose"][0])), result.measures["luminance_mean"].tolist()
    (True, [128.0])
    """
    wanted = _wanted(only, len(faces))
    table = _measures(faces, wanted)
    terms = {name: _known(name, module.terms(table), wanted) for name, module in _FACTORS.items()}
    return Factors(
        quality={name: joined(terms[name].values()).astype(np.float32) for name in FACTORS},
        measures={name: table[name].astype(np.float32) for name in MEASURES},
        reasons=[
            pose.cause_first(codes, roll)
            for codes, roll in zip(
                _reasons(
                    {
                        code: term
                        for group in terms.values()
                        for code, term in group.items()
                        if code != NAMELESS
                    },
                    len(faces),
                ),
                table["photo_roll"],
                strict=True,
            )
        ],
    )


def term_table(factors: Factors) -> dict[str, NDArray[np.float64]]:
    """Returns reason code -> (N,) quality in 0..1 of that one reason, NaN where it is not known.

    Args:
        factors: as `measure` returns them.

    >>> grey = Faces(np.full((1, 112, 112, 3), 128, np.uint8))
    >>> bool(term_table(measure(grey))["low_contrast"][0] < 0.5)
    True
    """
    table = {name: value.astype(np.float64) for name, value in factors.measures.items()}
    return {
        code: term
        for module in _FACTORS.values()
        for code, term in module.terms(table).items()
        if code != NAMELESS
    }


@cache
def factor_of_reason() -> Mapping[str, str]:
    """Returns reason code -> the factor that it belongs to.

    >>> factor_of_reason()["glare"]
    'illumination'
    """
    # Which reasons a factor has shows in its terms, for no face at all too.
    nobody = {name: np.empty(0) for name in MEASURES}
    return MappingProxyType(
        {
            code: name
            for name, module in _FACTORS.items()
            for code in module.terms(nobody)
            if code != NAMELESS
        }
        | dict(LEARNED)
    )


def _wanted(only: Mapping[str, NDArray[np.bool_]] | None, count: int) -> Sequence[frozenset[str]]:
    """Returns the factors to measure of each face."""
    if only is None:
        return [_OF_PIXELS] * count
    for name in only:
        checks.choice(name, "factor", FACTORS)
    return [
        frozenset(name for name in _OF_PIXELS & only.keys() if only[name][i]) for i in range(count)
    ]


def _known(name: str, terms: Terms, wanted: Sequence[frozenset[str]]) -> Terms:
    """Returns the terms of a factor, NaN where it was not asked for: another one may have left a
    part of what they need."""
    asked = np.array([name == "pose" or name in names for names in wanted], np.bool_)
    return {code: np.where(asked, term, np.nan) for code, term in terms.items()}


def _measures(faces: Faces, wanted: Sequence[frozenset[str]]) -> dict[str, NDArray[np.float64]]:
    rows = [_of_pixels(faces, i, names) if names else {} for i, names in enumerate(wanted)]
    table = {
        name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in MEASURES
    }
    table |= pose.measure(faces.landmarks, len(faces), faces.roll)
    if faces.eye_distance is not None:
        table["eye_distance"] = faces.eye_distance.astype(np.float64)
    return table


def _of_pixels(faces: Faces, i: int, names: frozenset[str]) -> dict[str, float]:
    """Returns what the pixels of face `i` say of the named factors."""
    face = Planes.of(
        faces.crops[i],
        None if faces.inside is None else faces.inside[i],
        None if faces.grey is None else bool(faces.grey[i]),
    )
    noise = visibility.noise_sigma(face) if names & {"visibility", "blur"} else 0.0
    told: dict[str, float] = {}
    if "visibility" in names:
        told |= visibility.measure(face, noise) | structure.measure(face)
    if "occlusion" in names:
        told |= occlusion.measure(face)
    if "illumination" in names:
        told |= illumination.measure(face)
    if "blur" in names:
        told |= blur.measure(face, noise, visibility.whole_noise_sigma(face, noise))
        # its terms weigh what the noise hides
        told["noise_sigma"] = noise
    if "crop" in names:
        told |= crop.measure(face)
    return told


def _reasons(terms: Mapping[str, NDArray[np.float64]], count: int) -> list[tuple[str, ...]]:
    codes = np.array(list(terms))
    table = np.stack(list(terms.values()), axis=1) if count else np.empty((0, len(codes)))
    # lexsort takes its last key first: symptoms after all others, then the lowest quality first.
    order = np.lexsort((table, np.broadcast_to(np.isin(codes, SYMPTOMS), table.shape)), axis=1)
    return [
        tuple(str(codes[j]) for j in row if values[j] < REASON_BELOW)
        for row, values in zip(order, table, strict=True)
    ]
