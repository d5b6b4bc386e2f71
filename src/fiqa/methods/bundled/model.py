"""The bundled network as a scorer that says why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.factors import factor_of_reason, measure
from fiqa.runtime.cards import ModelOutput
from fiqa.runtime.onnx import OnnxScorer
from fiqa.stages import stage
from fiqa.types import Faces, Factors, FloatArray

__all__ = ["Bundled"]

DETECTED = ("pose", "crop")
"""Factors that follow from where the detector found the face; where it is known, the measure is
exact and the network's estimate is not asked."""


class Bundled(OnnxScorer):
    """Scores by the bundled network and explains by its factor outputs.

    Attributes:
        measured: which measures it takes of a face.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """

    measured = "bad_factors"

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors]:
        """Returns the raw quality (N,), and the factors with their measures and reasons.

        The reasons of the costliest factor come first.

        Whether a factor is bad is what the network says (pose and crop: what the detection
        measured, where there is one). Why it is bad is the reason whose measured term is the lowest
        in that factor, or the card's own reason where no measure is conspicuous. So only the
        factors that are bad are measured, and what tells the crop where the frame's mask is known;
        the measures of the others are NaN.
        """
        raw, own = super().assess(faces)
        output = self.model.card.output("factors")
        below = 0.0 if output is None else output.reason_below
        with stage("explain"):
            only = None if own is None else _asked(own.quality, faces, below)
            return raw, self._explained_by(faces, own, measure(faces, only=only))

    def _explained_by(self, faces: Faces, own: Factors | None, measured: Factors) -> Factors:
        quality = dict(measured.quality if own is None else own.quality)
        for name, picture in zip(DETECTED, (faces.landmarks, faces.inside), strict=True):
            if picture is not None:
                # A face of a batch may have been given without landmarks: then the network decides.
                quality[name] = np.where(
                    np.isnan(measured.quality[name]), quality[name], measured.quality[name]
                )
        output = self.model.card.output("factors")
        reasons = [
            _reasons(
                {name: float(quality[name][i]) for name in quality}, measured.reasons[i], output
            )
            for i in range(len(faces))
        ]
        return Factors(quality, measured.measures, reasons)


def _asked(
    quality: Mapping[str, FloatArray], faces: Faces, below: float
) -> dict[str, NDArray[np.bool_]]:
    """Returns factor -> (N,): whether its measures can change or explain what is said of the
    face."""
    asked = {name: value.astype(np.float64) < below for name, value in quality.items()}
    if faces.inside is not None:
        asked["crop"] = np.ones(len(faces), np.bool_)
    return asked


def _reasons(
    quality: Mapping[str, float], measured: tuple[str, ...], output: ModelOutput | None
) -> tuple[str, ...]:
    """The reasons of one face: for each factor under the card's `reason_below`, the lowest first,
    its measured reasons, else the card's own."""
    factor_of = factor_of_reason()
    below, general = (0.0, {}) if output is None else (output.reason_below, output.reasons)
    reasons: list[str] = []
    for name in sorted(
        (name for name in quality if quality[name] < below), key=lambda name: quality[name]
    ):
        own = [code for code in measured if factor_of[code] == name]
        reasons += own or ([general[name]] if name in general else [])
    return tuple(dict.fromkeys(reasons))
