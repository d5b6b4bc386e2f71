"""Degradations applied on purpose: known damage to a known face, for tests, ladders, factor labels
and training augmentation.

    degrade(faces, "mask", 0.6)                  one kind, one strength
    ladder(faces, "blur", steps=6)               one kind, from clean to worst
    random_degradation(faces, "cabin", seed=7)   several kinds, as such a camera would meet them

Randomness is drawn per face from (seed, kind, the crop's own pixels): a face is degraded alike in
any batch and place, two copies of a crop alike. Draws do not depend on the strength: along a ladder
only the strength changes.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.faces.degrade import cover, light, place, sensor
from fiqa.faces.degrade.face import Face, Operation
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces

__all__ = ["KINDS", "PRESETS", "Kind", "degrade", "ladder", "random_degradation"]


@dataclass(frozen=True)
class Kind:
    """A kind of degradation.

    Attributes:
        name: what it is called by.
        lowers: the factor that it must lower.
        sentence: what happens.
        reason: the reason code to expect.
        operation: what it does to one face.
        decides: the fields of Faces that it decides.
    """

    name: str
    lowers: str
    sentence: str
    reason: str
    operation: Operation
    decides: tuple[str, ...] = ()


_ALL = (
    Kind("rotation", "pose", "The head tilts sideways.", "extreme_roll", place.rotation),
    Kind("mask", "occlusion", "A surgical mask covers mouth and nose.",
         "occluded_mouth", cover.mask),
    Kind("hand", "occlusion", "A hand covers mouth and nose.", "occluded_mouth", cover.hand),
    Kind("sunglasses", "occlusion", "Sunglasses cover the eyes.",
         "occluded_eyes", cover.sunglasses),
    Kind("nir", "illumination", "A near-infrared lamp flattens the face.",
         "low_contrast", light.nir, ("grey",)),
    Kind("side_light", "illumination", "The light comes from one side.",
         "uneven_light", light.side_light),
    Kind("glare", "illumination", "A light shines into the lens.", "glare", light.glare),
    Kind("over_exposure", "illumination", "There is too much light.",
         "overexposed", light.over_exposure),
    Kind("low_light", "illumination", "There is too little light.",
         "underexposed", light.low_light),
    Kind("defocus", "blur", "The lens is out of focus.", "blurry", sensor.defocus),
    Kind("blur", "blur", "The image is smoothed.", "blurry", sensor.blur),
    Kind("motion", "blur", "The head or the camera moves.", "motion_blur", sensor.motion),
    Kind("low_resolution", "visibility", "The face is far away.",
         "face_too_small", sensor.low_resolution, ("eye_distance",)),
    Kind("noise", "visibility", "The sensor's gain is high.", "noisy", sensor.noise),
    Kind("shift", "crop", "The face leaves the crop.", "cropped", place.shift, ("inside",)),
    Kind("truncation", "crop", "The edge of the frame cuts the face.",
         "cropped", place.truncation, ("inside",)),
    Kind("jpeg", "visibility", "The file is compressed too hard.", "compression", sensor.jpeg),
)  # fmt: skip

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every kind by name, in the order in which they happen to a real image: scene, light, lens,
sensor, frame, file."""

PRESETS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "web": MappingProxyType(
            {
                "rotation": 0.08, "mask": 0.06, "hand": 0.05, "sunglasses": 0.08,
                "side_light": 0.10, "glare": 0.04, "over_exposure": 0.10, "low_light": 0.10,
                "defocus": 0.12, "blur": 0.10, "motion": 0.05, "low_resolution": 0.20,
                "noise": 0.12, "truncation": 0.08, "jpeg": 0.30,
            }
        ),
        "cabin": MappingProxyType(
            {
                "rotation": 0.10, "mask": 0.10, "hand": 0.12, "sunglasses": 0.12, "nir": 0.60,
                "side_light": 0.20, "glare": 0.12, "over_exposure": 0.10, "low_light": 0.15,
                "defocus": 0.08, "motion": 0.15, "low_resolution": 0.10, "noise": 0.15,
                "shift": 0.05, "truncation": 0.10,
            }
        ),
    }
)  # fmt: skip
"""Per preset, the probability with which each kind befalls a face, independently: pictures from the
web; a camera that watches a driver."""


def _generator(seed: int, crop: NDArray[np.uint8], purpose: str) -> np.random.Generator:
    # By the pixels and not by the place in the batch, so that a face is degraded alike anywhere.
    content = zlib.crc32(np.ascontiguousarray(crop).data)
    return np.random.default_rng(
        np.random.SeedSequence([seed, content, zlib.crc32(purpose.encode())])
    )


def _check_side(faces: Faces) -> None:
    checks.in_range(faces.crops.shape[1], "side of the crops", 16, 4096)


def _row(faces: Faces, i: int) -> Face:
    crop = faces.crops[i]
    size = crop.shape[0]
    points = None if faces.landmarks is None else faces.landmarks[i]
    if points is None or not np.all(np.isfinite(points)):
        points = np.asarray(TEMPLATE, np.float32) * np.float32(size / 112)
    return Face(
        crop=crop,
        points=points,
        inside=np.ones((size, size), bool) if faces.inside is None else faces.inside[i],
        eye_distance=float("nan") if faces.eye_distance is None else float(faces.eye_distance[i]),
        grey=bool(faces.grey[i]) if faces.grey is not None else bool(np.all(crop == crop[..., :1])),
    )


def _apply(face: Face, kind: Kind, strength: float, seed: int) -> Face:
    """One kind on one face; what lies outside the frame stays black.

    A grey face stays grey. The green channel serves for all three: a mean would halve its noise.
    """
    result = kind.operation(face, strength, _generator(seed, face.crop, kind.name))
    crop = result.crop
    if result.grey and kind.name != "nir":
        crop = np.repeat(crop[..., 1:2], 3, axis=2)
    crop = np.where(result.inside[..., None], crop, np.uint8(0))
    return Face(crop, result.points, result.inside, result.eye_distance, result.grey)


_KEPT = ("roll", "seen")
"""Fields of Faces that no damage to a crop changes."""


def _table(faces: Faces, rows: list[Face], decided: set[str]) -> Faces:
    """The rows as Faces.

    A field that was unknown stays unknown unless a kind decides it; unknown landmarks of a row stay
    NaN.
    """
    values: dict[str, Any] = {"crops": np.stack([row.crop for row in rows])}
    values |= {name: getattr(faces, name) for name in _KEPT}
    # After crops and landmarks, which are treated apart.
    for field in fields(Faces)[2:]:
        if field.name not in _KEPT and (
            getattr(faces, field.name) is not None or field.name in decided
        ):
            values[field.name] = np.array([getattr(row, field.name) for row in rows])
    if faces.landmarks is not None:
        measured = np.isfinite(faces.landmarks).all(axis=(1, 2), keepdims=True)
        values["landmarks"] = np.where(
            measured, np.stack([row.points for row in rows]), np.float32(np.nan)
        )
    return Faces(**values)


def degrade(faces: Faces, kind: str, strength: float, *, seed: int = 0) -> Faces:
    """Returns the faces with one kind of damage, and all that Faces knows kept true.

    Landmarks move with the pixels, `inside` shrinks with the frame.

    Args:
        faces: (N,S,S,3) crops of any side; unknown landmarks are taken to be the template's, and
            stay unknown.
        kind: a name in KINDS.
        strength: 0 (the very same faces) .. 1 (worst).
        seed: same seed, same damage; see the module's text for what it is combined with.

    Returns:
        New Faces (N); the input is not changed. nir decides `grey`, low_resolution `eye_distance`,
        truncation and shift `inside`, also where it was unknown.

    Raises:
        UnknownNameError: no such kind.
        InputError: strength outside 0..1, a negative seed, crops under 16 or over 4096 pixels.

    >>> faces = Faces(np.full((1, 112, 112, 3), 128, np.uint8))
    >>> float(degrade(faces, "low_light", 1.0).crops.mean()) < 40
    True
    """
    chosen = KINDS[checks.choice(kind, "degradation", KINDS)]
    checks.in_range(strength, "strength", 0, 1)
    checks.in_range(seed, "seed", 0, 2**63)
    if strength == 0 or len(faces) == 0:
        return faces
    _check_side(faces)
    rows = [_apply(_row(faces, i), chosen, strength, seed) for i in range(len(faces))]
    return _table(faces, rows, set(chosen.decides))


def ladder(faces: Faces, kind: str, *, steps: int = 6, seed: int = 0) -> list[Faces]:
    """Returns `steps` copies of the faces, strengths evenly from 0 (clean) to 1 (worst).

    Args:
        faces: (N,S,S,3) crops, the clean ones.
        kind: a name in KINDS.
        steps: how many copies, at least 2.
        seed: as degrade.

    Raises:
        UnknownNameError: kind.
        InputError: fewer than 2 steps.

    >>> len(ladder(Faces(np.zeros((2, 112, 112, 3), np.uint8)), "blur", steps=4))
    4
    """
    checks.in_range(steps, "steps", 2, 1000)
    return [
        degrade(faces, kind, float(strength), seed=seed) for strength in np.linspace(0, 1, steps)
    ]


def random_degradation(
    faces: Faces, preset: str, *, seed: int = 0, without: Collection[str] = ()
) -> Faces:
    """Returns the faces as a camera of that sort might deliver them.

    Each kind of the preset befalls a face with its probability, in KINDS' order.

    The strength is u^2 with u uniform in (0, 1): mild more often than severe, a third on average.

    Args:
        faces: (N,S,S,3) crops, the clean ones.
        preset: a name in PRESETS.
        seed: as degrade.
        without: names in KINDS that befall no face; all others come as they would with them.

    Raises:
        UnknownNameError: preset, without.
        InputError: as degrade.

    >>> clean = Faces(np.full((1, 112, 112, 3), 128, np.uint8))
    >>> random_degradation(clean, "web", seed=3).crops.shape
    (1, 112, 112, 3)
    """
    chances = PRESETS[checks.choice(preset, "preset", PRESETS)]
    left_out = {checks.choice(kind, "without", KINDS) for kind in without}
    checks.in_range(seed, "seed", 0, 2**63)
    if len(faces) == 0:
        return faces
    _check_side(faces)
    kinds = [kind for kind in KINDS.values() if kind.name in chances]
    rows = []
    for i in range(len(faces)):
        face = _row(faces, i)
        draws = _generator(seed, face.crop, preset).random((len(kinds), 2))
        for kind, (chance, strength) in zip(kinds, draws, strict=True):
            if chance < chances[kind.name] and strength > 0 and kind.name not in left_out:
                # Squared: mild more often than severe.
                face = _apply(face, kind, float(strength**2), seed)
        rows.append(face)
    met = [kind for kind in kinds if kind.name not in left_out]
    return _table(faces, rows, {field for kind in met for field in kind.decides})
