"""The bundled network as a scorer that says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors import factor_of_reason, measure
from fiqa.methods.bundled.unusual import unusual
from fiqa.runtime.onnx import OnnxScorer
from fiqa.stages import stage
from fiqa.types import Faces, Factors, FloatArray
from fiqa.vocabulary import FACTORS

__all__ = ["COULD_BE", "DOUBTFUL", "NO_FACE", "WITHOUT", "Bundled", "reasons_of"]

DETECTED = ("pose", "crop")
"""Factors that follow from where the detector found the face; where it is known, the measure is
exact and the network's estimate is not asked."""
DOUBTFUL = 60
"""A score under this has a reason in any case: what is a little wrong counts too, and where nothing
is, the region that costs most."""
LIKELY = 0.35
"""The probability from which a reason is named on a doubtful face; .5 on any other."""
TURNED: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {"extreme_yaw": ("yaw", 0.0, 18.0), "extreme_pitch": ("pitch", -5.0, 10.0)}
)
"""On a doubtful face: reason -> measure, its usual value, and degrees from there on that count.

The five points' pitch of most faces is a little under 0 (docs/concepts/factors.md), and about a
third of the true one where the network of fiqa.faces.points sees them.
"""
NO_FACE = "unclear_features"
"""Where this holds on a doubtful face there may be none, and what only a face has is not told."""
ONLY_OF_A_FACE = frozenset(
    code
    for code, name in factor_of_reason().items()
    if name in ("occlusion", "pose") or code in ("uneven_light", "face_too_small")
) | {"mouth_open", "exaggerated_expression", "headwear", "cropped"}
EDGE = 0.05
"""More of the square than this outside of the frame, and its edge may look like a hat."""
WITHOUT = "quality_without_"
"""Before a reason: the card's name of the raw quality that the face would have without it."""
COULD_BE = "score_could_be"
"""The measure that says what the score would be, 0..100, if the first reason were put right."""
Floats = Mapping[str, float]


class Bundled(OnnxScorer):
    """Scores by the bundled network and explains by its factor and reason outputs.

    Attributes:
        measured: which measures it takes of a face.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """

    measured = "bad_factors"

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors]:
        """Returns the raw quality (N,), and the factors with their measures and reasons.

        The reason that, put right, would raise the score most comes first, and the measure COULD_BE
        says to what; then those of the lowest factor.

        Whether a factor is bad is what the network says (pose and crop: what the detection
        measured, where there is one), and so is which of its reasons hold. What has no factor of
        the six (the mouth open) comes after these. A face whose score is under DOUBTFUL has a
        reason in any case: where no factor of the six tells, the region that costs it most, which
        takes one more batch of six crops (`fiqa.methods.bundled.unusual`). Only the factors that
        are bad are measured, and what tells the crop where the frame's mask is known; the measures
        of the others are NaN.
        """
        faces = _of_detection(faces)
        crops = self._faces(faces).crops
        result = self.model.run(crops)
        raw, own = self._quality(result), self._explained(result)
        output, said = self.model.card.output("factors"), self.model.card.output("reasons")
        if own is None or output is None or said is None:  # this is for the type checker
            raise TypeError(f"{self.model.path} must have outputs of factors and of reasons.")
        with stage("explain"):
            below = output.reason_below
            measured = measure(faces, only=_asked(own.quality, faces, below))
            quality = _with_detection(own.quality, measured.quality, faces)
            doubtful = self.unified(np.nan_to_num(raw)) < DOUBTFUL
            reasons = [
                reasons_of(
                    {name: float(quality[name][i]) for name in FACTORS},
                    dict(zip(said.codes, result["reasons"][i].tolist(), strict=True)),
                    _by_detection(measured, faces, i),
                    below,
                    {name: float(measured.measures[name][i]) for name in ("yaw", "pitch")}
                    if doubtful[i]
                    else None,
                )
                for i in range(len(faces))
            ]
            reasons = _without_edge(reasons, measured.measures["outside_share"])
            could = self._costliest_first(reasons, own.measures, raw)
            factor_of = factor_of_reason()
            rows = [
                i
                for i, codes in enumerate(reasons)
                if doubtful[i]
                and np.isfinite(raw[i])
                and not any(code in factor_of for code in codes)
            ]
            found = unusual(crops[rows], raw[rows], self.score, model=self.name)
            for i, (code, won) in zip(rows, found, strict=True):
                reasons[i], could[i] = (code, *reasons[i]), raw[i] + max(won, 0.0)
            told = self.unified(np.nan_to_num(could).astype(np.float32)).astype(np.float32)
            told[np.isnan(could)] = np.nan
        return raw, Factors(quality, {**measured.measures, COULD_BE: told}, reasons)

    def _costliest_first(
        self, reasons: list[tuple[str, ...]], without: Mapping[str, FloatArray], raw: FloatArray
    ) -> NDArray[np.float64]:
        """Puts the reason first that, put right, would raise the quality most, and returns to what,
        (N,); NaN where it cannot be told."""
        could = np.full(len(reasons), np.nan)
        for i, codes in enumerate(reasons):
            if NO_FACE in codes[:1]:
                continue
            known = {
                code: float(without[WITHOUT + code][i])
                for code in codes
                if WITHOUT + code in without
            }
            if known:
                best = max(known, key=known.__getitem__)
                reasons[i] = (best, *(code for code in codes if code != best))
                could[i] = max(known[best], float(raw[i]))
        return could


def _of_detection(faces: Faces) -> Faces:
    """Faces without points that a network saw in the crop: this one tells the pose of those itself,
    and under side light it turns fewer frontal heads."""
    if faces.seen is None or faces.landmarks is None:
        return faces
    landmarks = np.where(faces.seen[:, None, None], np.float32(np.nan), faces.landmarks)
    return replace(faces, landmarks=landmarks, seen=None)


def _asked(
    quality: Mapping[str, FloatArray], faces: Faces, below: float
) -> dict[str, NDArray[np.bool_]]:
    """Returns factor -> (N,): whether its measures can change or explain what is said of the
    face."""
    asked = {name: value.astype(np.float64) < below for name, value in quality.items()}
    if faces.inside is not None:
        asked["crop"] = np.ones(len(faces), np.bool_)
    return asked


def _with_detection(
    own: Mapping[str, FloatArray], measured: Mapping[str, FloatArray], faces: Faces
) -> dict[str, FloatArray]:
    quality = dict(own)
    for name, picture in zip(DETECTED, (faces.landmarks, faces.inside), strict=True):
        if picture is not None:
            # A face of a batch may have been given without landmarks: then the network decides.
            quality[name] = np.where(np.isnan(measured[name]), quality[name], measured[name])
    return quality


def _by_detection(measured: Factors, faces: Faces, i: int) -> dict[str, tuple[str, ...]]:
    """Factor -> the reasons of face `i` that its detection measured, of those that it knows."""
    known = {
        "pose": faces.landmarks is not None and bool(np.isfinite(measured.measures["yaw"][i])),
        "crop": faces.inside is not None,
    }
    factor_of = factor_of_reason()
    return {
        name: tuple(code for code in measured.reasons[i] if factor_of[code] == name)
        for name, is_known in known.items()
        if is_known
    }


def _without_edge(reasons: list[tuple[str, ...]], outside: FloatArray) -> list[tuple[str, ...]]:
    """Takes `headwear` from faces that the frame cuts off, as far as that is known."""
    return [
        tuple(code for code in codes if code != "headwear" or not share > EDGE)
        for codes, share in zip(reasons, outside.tolist(), strict=True)
    ]


def reasons_of(
    quality: Floats,
    likely: Floats,
    detected: Mapping[str, tuple[str, ...]],
    below: float,
    angles: Floats | None,
) -> tuple[str, ...]:
    """Returns the reasons of one face, those of the lowest factor first.

    Of a bad factor: what its detection measured, or the reasons that hold, at least the likeliest.
    Then what holds beside the six factors. Where that is nothing and the face is doubtful: a head
    that is somewhat turned, and what is likely of the six. A doubtful face that nothing detected
    and whose features are not clear (NO_FACE) may be none: then nothing is told that only a face
    has.

    Args:
        quality: of the six factors.
        likely: reason -> the probability that it holds.
        detected: factor -> its measured reasons, for those that a detection knows.
        below: the quality under which a factor is bad.
        angles: yaw and pitch in degrees, NaN where unknown; None for a face that is not doubtful.
    """
    factor_of = factor_of_reason()
    own: dict[str, list[str]] = {}
    for code in sorted(likely, key=lambda code: -likely[code]):
        own.setdefault(factor_of.get(code, ""), []).append(code)
    reasons: list[str] = []
    for name in sorted(
        (name for name in quality if quality[name] < below), key=quality.__getitem__
    ):
        if name in detected:
            reasons += detected[name]
        elif name in own:
            held = [code for code in own[name] if likely[code] >= 0.5]
            reasons += held or own[name][:1]
    reasons += [code for code in own.get("", ()) if likely[code] >= 0.5]
    if angles is None:
        return tuple(code for code in reasons if code != NO_FACE)
    # A mask hides features too: then it is likelier than that there is no face.
    covered = max(likely.get(code, 0.0) for code in ("mask", "hand_on_face", "occluded_mouth"))
    if not detected and likely.get(NO_FACE, 0.0) >= max(0.5, covered):
        physical = (code for code in reasons if code not in {*ONLY_OF_A_FACE, NO_FACE})
        return (NO_FACE, *physical)
    turned = [
        code
        for code, (name, usual, least) in TURNED.items()
        if abs(angles[name] - usual) >= least and code not in reasons
    ]
    if turned or reasons:
        return (*reasons, *turned)
    known = {code for name in detected for code in own.get(name, ())}
    return tuple(
        code
        for code in sorted(likely, key=lambda code: -likely[code])
        if likely[code] >= LIKELY and code in factor_of and code not in known
    )
