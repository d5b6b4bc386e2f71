"""eDifFIQA's student: the teacher's quality and a recognizer's vector, from one network; see fiqa.methods.ediffiqa."""

from __future__ import annotations

from torch import Tensor

from fiqa.errors import InputError
from fiqa.methods.ediffiqa import student_loss
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.mates import recognizer_vectors
from fiqa.training.objectives.recognition import embedding_net, vector_length

__all__ = ["OBJECTIVE", "EDifFIQA"]


class EDifFIQA(Objective):
    """The labels are those of `fiqa label ediffiqa`; the network gives (N, 1 + D), D that of the recognizer.

    Raises: InputError (vectors of another length than the network's, or that lack an image to train on), ReadError.
    """

    TERMS = ("loss_embedding", "loss_quality")
    vectors: Tensor

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        own = recipe.own(settings.EDifFIQA)
        found, dim = recognizer_vectors(own.embeddings, data), vector_length(recipe, own.dim)
        if found.shape[1] != dim:
            raise InputError(
                f"ediffiqa.dim (or model.embedding where it is 0) must be the length of the vectors in {own.embeddings!r}, {found.shape[1]}, got {dim}."
            )
        self.register_buffer("vectors", found, persistent=False)

    @classmethod
    def network(cls, recipe: Recipe) -> EmbeddingNet:
        """Returns an EmbeddingNet with a quality."""
        return embedding_net(recipe, recipe.own(settings.EDifFIQA).dim)

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns the quality."""
        return output[:, :1]

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns both terms, each with its share in it."""
        terms = student_loss(
            output[:, 0],
            batch.label,
            output[:, 1:],
            self.vectors[batch.row],
            share=self.recipe.own(settings.EDifFIQA).share,
        )
        loss = terms["embedding"] + terms["quality"]
        return {"loss": loss, "loss_embedding": terms["embedding"], "loss_quality": terms["quality"]}


OBJECTIVE = EDifFIQA
