"""PFE: the variance of each dimension of an embedding, from mated pairs; see fiqa.methods.pfe."""

from __future__ import annotations

from torch import Tensor

from fiqa.errors import InputError
from fiqa.methods.pfe import mutual_loss, negative_variance
from fiqa.nets.recognition import VarianceNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.mates import mated_pairs, recognizer_vectors, require_mates

__all__ = ["OBJECTIVE", "PFE"]


class PFE(Objective):
    """The network gives (N,D) logarithms of variances; the means are a recognizer's vectors.

    Raises:
        InputError: no mates in a batch, vectors of another length than pfe.dim, or that lack an
            image to train on.
        ReadError: the file of vectors cannot be read.
    """

    vectors: Tensor

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        require_mates(recipe)
        own = recipe.own(settings.PFE)
        vectors = recognizer_vectors(own.embeddings, data)
        if vectors.shape[1] != own.dim:
            raise InputError(
                f"pfe.dim must be the length of the vectors in {own.embeddings!r},"
                f" {vectors.shape[1]}, got {own.dim}."
            )
        self.register_buffer("vectors", vectors, persistent=False)

    @classmethod
    def network(cls, recipe: Recipe) -> VarianceNet:
        """Returns a VarianceNet."""
        model, own = recipe.model, recipe.own(settings.PFE)
        return VarianceNet(
            model.backbone, embedding=model.embedding, dim=own.dim, hidden=own.hidden
        )

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns minus the harmonic mean of the variances."""
        return negative_variance(output)[:, None]

    def losses(self, output: Tensor, batch: Targets) -> dict[str, Tensor]:
        """Returns the loss over the mated pairs of the batch; 0 where there is none."""
        first, second = mated_pairs(batch.identity)
        rows = self.vectors[batch.row]
        return {"loss": mutual_loss(rows[first], rows[second], output[first], output[second])}


OBJECTIVE = PFE
