"""PCNet: a quality such that the lower one of two mates is their similarity.

See fiqa.methods.pcnet.
"""

from __future__ import annotations

from torch import Tensor

from fiqa.methods.pcnet import squared_loss
from fiqa.nets.heads import QualityNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.mates import mated_pairs, recognizer_vectors, require_mates

__all__ = ["OBJECTIVE", "MatedQuality", "PCNet"]


class MatedQuality(Objective):
    """A quality per face, learned from all mated pairs inside a batch and their similarity.

    The similarity is a recognizer's.

    Raises:
        InputError: no mates in a batch, or embeddings that lack an image to train on.
        ReadError: the embeddings cannot be read.
    """

    vectors: Tensor

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        require_mates(recipe)
        self.register_buffer(
            "vectors",
            recognizer_vectors(recipe.own(settings.PCNet).embeddings, data),
            persistent=False,
        )

    @classmethod
    def network(cls, recipe: Recipe) -> QualityNet:
        """Returns a QualityNet without factors."""
        model, hidden = recipe.model, recipe.own(settings.PCNet).hidden
        return QualityNet(model.backbone, embedding=model.embedding, hidden=hidden)

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns the loss over the mated pairs of the batch; 0 where there is none."""
        first, second = mated_pairs(batch.identity)
        rows = self.vectors[batch.row]
        similarity = (rows[first] * rows[second]).sum(dim=1)
        return {"loss": self.pair_loss(similarity, output[first, 0], output[second, 0])}

    def pair_loss(self, similarity: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns the loss of (P,) similarities and the network's outputs for both faces."""
        raise NotImplementedError


class PCNet(MatedQuality):
    """The squared difference between similarity and lower quality."""

    def pair_loss(self, similarity: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns squared_loss."""
        return squared_loss(similarity, first, second)


OBJECTIVE = PCNet
