"""Variance of the Laplacian: the classic sharpness measure, the baseline to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.functional.calibration import Calibration
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces, FloatArray, MethodCard, Scorer

__all__ = ["CARD", "Laplacian", "scorer"]

CARD = MethodCard(
    name="laplacian",
    paper=(
        "Pech-Pacheco, Cristobal, Chamorro-Martinez, Fernandez-Valdivia: Diatom autofocusing in"
        " brightfield microscopy (ICPR 2000)"
    ),
    year=2000,
    family="classic",
    needs=("crops",),
    gives=("score",),
    preprocess="luminance of the aligned crop at its own size",
    weights="none",
    summary="Natural logarithm of 1 + the variance of the 4-neighbor Laplacian of the luminance.",
    equation="q = ln(1 + var(Laplacian(Y)))",
    use=(
        "It is the baseline that every other method must beat, and a check of the focus where"
        " everything else is fixed."
    ),
    limits="It sees sharpness only, and noise counts as sharpness.",
    cost="under a tenth of a millisecond",
)

X0, W = 5.0, 0.9
"""So that 50 is a variance of 147 and a median face of LFW's development set (197) gets about
58."""


class Laplacian(Scorer):
    """Scores by the variance of the Laplacian: one number and no factors."""

    name = CARD.name
    version = f"fiqa {fiqa.__version__}"
    preprocess = CARD.preprocess
    calibration = Calibration(X0, W)

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 ln(1 + variance in levels^2), at least 0, for uint8 crops or Faces.

        Crops are (N,112,112,3).
        """
        import cv2

        images = as_faces(crops, color=color, resize=resize).crops
        deviation = [
            cv2.meanStdDev(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_16S))[1][
                0, 0
            ]
            for image in images
        ]
        return np.log1p(np.square(np.array(deviation, np.float64))).astype(np.float32)


def scorer() -> Laplacian:
    """Returns the scorer."""
    return Laplacian()
