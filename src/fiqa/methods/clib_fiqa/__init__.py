"""CLIB-FIQA: quality and five quality factors learned together, with the confidence of each label calibrated.

    [1] Ou, Li, Wang, Kwong: CLIB-FIQA: Face Image Quality Assessment with Confidence Calibration, CVPR 2024.

This room holds what the labels need: the prompt grid, the quality anchors, the factor labels and the confidence.
"""

from __future__ import annotations

from fiqa.methods.clib_fiqa.confidence import confidence, jensen_shannon
from fiqa.methods.clib_fiqa.labels import FactorLabels, factor_labels, quality_anchors
from fiqa.methods.clib_fiqa.prompts import GRID, PROMPTS
from fiqa.types import MethodCard

__all__ = [
    "CARD",
    "GRID",
    "PROMPTS",
    "FactorLabels",
    "confidence",
    "factor_labels",
    "jensen_shannon",
    "quality_anchors",
]

CARD = MethodCard(
    name="clib_fiqa",
    paper="Ou, Li, Wang, Kwong: CLIB-FIQA (CVPR 2024)",
    year=2024,
    family="label",
    needs=("crops", "embeddings", "identities"),
    gives=("label",),
    summary="Quality anchors from class centers and five factor labels, as the inputs of joint vision-language learning.",
    limits="Labels only so far; the two-stage training is not in this version.",
)
