"""Analytic quality: the mean of six measured factors, next to nothing for what is no face.

No weights, no training, every number has a reason.

X0 and W: the median of 800 faces of LFW's development set (peopleDevTrain) has .930 and gets 75,
its lowest hundredth 16 and less. A face that is perfect but for one factor that is lost has about
.79 and gets 35; one that lost two gets 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.functional.calibration import Calibration
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces, Factors, FloatArray, MethodCard, Scorer

__all__ = ["CARD", "Analytic", "quality", "scorer"]

CARD = MethodCard(
    name="analytic",
    paper="fiqa (this project); the six factors are those of DmsFIQA",
    year=2026,
    family="analytic",
    needs=("crops", "landmarks"),
    gives=("score", "label"),
    preprocess="aligned crop 112x112 RGB uint8; landmarks, frame mask and eye distance where known",
    weights="none but the package's own five-point network, for crops without landmarks",
    summary=(
        "Mean of six factors that are measured from landmarks and image statistics. A crop that is"
        " no face gets nearly 0."
    ),
    equation=(
        "q = mean of the known factors * g(coarse_share; .45, .08) * face, g the rising logistic"
        " step"
    ),
    use=(
        "Take it when no weights may be used, or when the person in front of the camera must be"
        " told what to do: this method says why."
    ),
    cost="about 2 ms on a core",
    limits=(
        "It gives some clear dark-skinned faces too low a score (docs/concepts/factors.md has the"
        " numbers). It knows nothing of identity: it does not see what hurts recognition without a"
        " trace in these statistics. The pose of a crop without landmarks is read from points that"
        " a network sees in it, which are off by 2 pixels in the mean."
    ),
    points=True,
)

X0, W = 0.84, 0.08

STRUCTURE_HALF, STRUCTURE_WIDTH = 0.12, 0.02
COARSE_HALF, COARSE_WIDTH = 0.45, 0.08


def quality(factors: Factors) -> FloatArray:
    """Returns the analytic quality: mean of the known factors * g(coarse_share; .45, .08) * face.

    g is the rising logistic step.

    `face` is 1 where a detector found the face, which is when the eye distance in the source is
    known, and g(face_structure; .12, .02) for a crop that came without: a face of LFW's development
    set has a structure above .17 in 99.5 of 100 cases, a corner of its photographs below .11 in 90.
    The few faces under it (heavy glasses, hard shadows, profiles) lose only a part of their
    visibility when they were detected, with a reason. White noise has a coarse share of .06, a face
    of .93.

    Args:
        factors: as fiqa.faces.factors.measure gives them.

    Returns:
        (N,) float32 in 0..1; NaN only where no factor could be measured.
    """
    from fiqa.faces.factors.terms import rises

    # The mean of what is known: a factor that cannot be measured must not count as a bad one.
    table = factors.matrix.astype(np.float64)
    measured = ~np.isnan(table)
    count = measured.sum(axis=1)
    mean = np.where(measured, table, 0.0).sum(axis=1) / np.where(count, count, np.nan)
    measures = {
        name: factors.measures[name].astype(np.float64)
        for name in ("eye_distance", "face_structure", "coarse_share")
    }
    arranged = rises(measures["face_structure"], STRUCTURE_HALF, STRUCTURE_WIDTH)
    face = np.where(np.isnan(measures["eye_distance"]), arranged, 1.0)
    coarse = rises(measures["coarse_share"], COARSE_HALF, COARSE_WIDTH)
    result: FloatArray = (mean * face * coarse).astype(np.float32)
    return result


class Analytic(Scorer):
    """Scores faces by `quality` and explains them by their factors."""

    name = CARD.name
    # factors 2: noise no longer reads as sharpness; 3: crops without landmarks have a pose
    version = f"fiqa {fiqa.__version__}, factors 3"
    preprocess = CARD.preprocess
    calibration = Calibration(X0, W)
    raw_range = (0.0, 1.0)

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 in 0..1 for (N,112,112,3) uint8 crops, or for Faces.

        Of Faces their landmarks, frame mask and eye distance count too. A face gets the same
        number, to the bit, in any batch.

        Raises:
            ShapeError: these are no crops.
        """
        return self.assess(as_faces(crops, color=color, resize=resize))[0]

    def assess(self, faces: Faces) -> tuple[FloatArray, Factors]:
        """Returns the quality (N,) and the six factors, their measures and the reasons."""
        from fiqa.faces.factors import measure
        from fiqa.faces.points import pointed

        factors = measure(pointed(as_faces(faces)))
        return quality(factors), factors


def scorer() -> Analytic:
    """Returns the scorer."""
    return Analytic()
