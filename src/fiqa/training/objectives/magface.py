"""MagFace: a recognizer whose vector is the longer the easier the face.

See fiqa.methods.magface.
"""

from __future__ import annotations

from torch import Tensor

from fiqa.methods.magface import length_penalty, margin
from fiqa.nets.margin import margin_loss
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.recognition import class_centers, embedding_net

__all__ = ["OBJECTIVE", "MagFace"]


class MagFace(Objective):
    """The margin softmax with a margin that grows with the length, plus a penalty of short vectors.

    The penalty counts `weight` times; the network gives (N,D) vectors.
    """

    TERMS = ("loss_margin", "loss_length")

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        own = recipe.own(settings.MagFace)
        self.centers = class_centers(recipe, data, own.dim, own.embeddings)

    @classmethod
    def network(cls, recipe: Recipe) -> EmbeddingNet:
        """Returns an EmbeddingNet without a quality."""
        return embedding_net(recipe, recipe.own(settings.MagFace).dim, quality=False)

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns the length of each vector."""
        return output.square().sum(dim=1, keepdim=True).sqrt()

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns both terms."""
        own = self.recipe.own(settings.MagFace)
        length = self.scores(output)[:, 0]
        softmax = margin_loss(
            self.centers(output), batch.identity, margin=margin(length), scale=own.scale
        )
        penalty = length_penalty(length)
        return {
            "loss": softmax + own.weight * penalty,
            "loss_margin": softmax,
            "loss_length": penalty,
        }


OBJECTIVE = MagFace
