"""The larger of the two bundled models, for servers: the same outputs, four times the time.

recipes/bundled.sh trains both sizes from the same labels; this one's card is
fiqa/weights/fiqa-large.json.
"""

from __future__ import annotations

from dataclasses import replace

from fiqa.methods import bundled
from fiqa.types import MethodCard, Scorer

__all__ = ["CARD", "WEIGHTS", "scorer"]

CARD: MethodCard = replace(
    bundled.CARD,
    name="fiqa-large",
    summary="The larger bundled network: the same outputs, more exact, four times the time.",
    use=(
        "Take it on a server, where four milliseconds a face are no matter; its scores are not"
        " those of fiqa, so do not mix them in one table."
    ),
    cost=(
        "one pass of a network of 1 million parameters; with the reasons also the measures of the"
        " six factors"
    ),
)

WEIGHTS = bundled.WEIGHTS.with_name("fiqa-large.onnx")
"""The model file; its card is beside it."""


def scorer() -> Scorer:
    """Returns the scorer.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """
    from fiqa.methods.bundled.model import Bundled

    return Bundled(WEIGHTS)
