"""CR-FIQA: a recognizer, and a quality learned from how classifiable each face is at the moment.

See fiqa.methods.cr_fiqa.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from fiqa.methods.cr_fiqa import batch_classifiability
from fiqa.nets.margin import margin_loss
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.recognition import class_centers, embedding_net

__all__ = ["CRFIQA", "OBJECTIVE"]


class CRFIQA(Objective):
    """ArcFace over the people to train on, and a quality that learns their classifiability.

    The quality's smooth L1 counts `weight` times; the network gives (N, 1 + D).
    """

    TERMS = ("loss_arcface", "loss_quality")

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        own = recipe.own(settings.CRFIQA)
        self.centers = class_centers(recipe, data, own.dim, own.embeddings)

    @classmethod
    def network(cls, recipe: Recipe) -> EmbeddingNet:
        """Returns an EmbeddingNet with a quality."""
        return embedding_net(recipe, recipe.own(settings.CRFIQA).dim)

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns the quality."""
        return output[:, :1]

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns both terms."""
        own = self.recipe.own(settings.CRFIQA)
        cosine = self.centers(output[:, 1:])
        arcface = margin_loss(cosine, batch.identity, margin=own.margin, scale=own.scale)
        ratio = batch_classifiability(cosine, batch.identity)
        quality = functional.smooth_l1_loss(output[:, 0], ratio, beta=own.beta)
        return {
            "loss": arcface + own.weight * quality,
            "loss_arcface": arcface,
            "loss_quality": quality,
        }


OBJECTIVE = CRFIQA
