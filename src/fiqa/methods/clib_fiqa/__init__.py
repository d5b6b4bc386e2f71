"""CLIB-FIQA: quality and five factors learned together, the confidence of each label calibrated.

    [1] Ou, Li, Wang, Kwong: CLIB-FIQA: Face Image Quality Assessment with Confidence Calibration,
        CVPR 2024.

Here, without torch, is what the labels need: the prompt grid, the quality anchors, the factor
labels and the confidence. The other modules of the room (joint, losses, merged, table; towers,
clip_state, graph, convert) import torch: training learns with them, export and `fiqa convert` make
model files.
"""

from __future__ import annotations

from fiqa.methods.clib_fiqa.confidence import confidence, jensen_shannon
from fiqa.methods.clib_fiqa.labels import FactorLabels, factor_labels, quality_anchors
from fiqa.methods.clib_fiqa.prompts import GRID, PROMPTS
from fiqa.methods.labeler import Labeler, needs_of, options_of
from fiqa.types import MethodCard

__all__ = [
    "CARD",
    "GRID",
    "PROMPTS",
    "FactorLabels",
    "confidence",
    "factor_labels",
    "jensen_shannon",
    "labeler",
    "quality_anchors",
]

CARD = MethodCard(
    name="clib_fiqa",
    paper="Ou, Li, Wang, Kwong: CLIB-FIQA (CVPR 2024)",
    year=2024,
    family="label",
    needs=("crops", "landmarks", "embeddings", "identities"),
    gives=("label", "train"),
    extras=("train", "vlm"),
    preprocess=(
        "aligned crop; with a CLIP the whole crop resized to 224x224 RGB, CLIP's mean and std"
    ),
    weights=(
        "train (recipes/clib_fiqa.toml, any backbone or a CLIP), or fiqa convert a file of the"
        " authors' (github.com/oufuzhao/CLIB-FIQA, MIT)"
    ),
    summary=(
        "Quality and five factors as marginals of one joint distribution over 360 prompts, each"
        " label weighed by its confidence."
    ),
    equation="P = softmax(scale cos(image, prompts)); quality = sum_n P(n) a_n, a = .1 .3 .5 .7 .9",
    use=(
        "Take it for a quality that gives its own reasons, with probabilities, from labels that a"
        " recognizer and measures make."
    ),
    limits=(
        "The offline form learns its prompts as a table and is no CLIP. The factors are as good as"
        " the measures that labeled them."
    ),
    cost="one pass of the image tower; the prompts are a constant matrix",
)


def labeler() -> Labeler:
    """Returns how `fiqa label clib_fiqa` works: each image is left out of its own class center."""
    from fiqa.methods.clib_fiqa.labeling import anchors_and_factors

    options = options_of(quality_anchors, factor_labels) | {"leave_out": True}
    return Labeler(anchors_and_factors, options, needs_of(CARD), centers=True)
