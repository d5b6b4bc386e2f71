"""The bundled model: one small network that gives quality and the six factors in one pass.

It was trained by this project's own recipe (recipes/bundled.sh). Its larger sister is
fiqa.methods.bundled.large.

Its card beside the weights (fiqa/weights/fiqa.json) says what it was trained on, under which terms,
and what was measured.
"""

from __future__ import annotations

from pathlib import Path

from fiqa.types import MethodCard, Scorer

__all__ = ["CARD", "WEIGHTS", "scorer"]

CARD = MethodCard(
    name="fiqa",
    paper=(
        "fiqa (this project): the mated similarities of two recognizers taught three networks,"
        " which taught this one"
    ),
    year=2026,
    family="trained",
    needs=("crops", "landmarks"),
    gives=("score", "label"),
    preprocess="aligned crop 112x112 RGB, x/255 by mean .485 .456 .406 and std .229 .224 .225",
    weights="in the package (Apache-2.0); trained on research data, see its card",
    summary=(
        "The bundled network: how useful a face is for recognition, and the six factors, from one"
        " pass."
    ),
    equation=(
        "q = mean rank by three networks, on the scale of similarities to the person's center: one"
        " of such similarities, two of LightQNet's loss, under two recognizers"
    ),
    use="Take it unless there is a reason for another method: it is the default.",
    limits=(
        "The model was trained on public photographs of well-known adults. The training had no"
        " children, no infrared cameras and no faces far from these. Dark faces are discarded more"
        " often than bright ones (docs/concepts/bundled.md); skin tone itself was not known."
    ),
    cost=(
        "one pass of a network of 0.7 million parameters; with the reasons also the measures of the"
        " six factors"
    ),
)

WEIGHTS = Path(__file__).parents[2] / "weights" / "fiqa.onnx"
"""The model file; its card is beside it."""


def scorer() -> Scorer:
    """Returns the scorer.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """
    from fiqa.methods.bundled.model import Bundled

    return Bundled(WEIGHTS)
