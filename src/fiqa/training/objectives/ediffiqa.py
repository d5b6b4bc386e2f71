"""eDifFIQA's student: the teacher's quality and a recognizer's vector, from one network; see
fiqa.methods.ediffiqa."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fiqa.errors import EvidenceError, InputError
from fiqa.methods.ediffiqa import best_rows, student_loss
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training import settings
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.base import Objective, Targets
from fiqa.training.objectives.mates import recognizer_vectors
from fiqa.training.objectives.recognition import embedding_net, vector_length

__all__ = ["OBJECTIVE", "EDifFIQA"]


class EDifFIQA(Objective):
    """The labels are those of `fiqa label ediffiqa`; the network gives (N, 1 + D), D that of the
    recognizer.

    Raises: InputError (vectors of another length than the network's, or that lack an image to train
    on), ReadError.
    """

    TERMS = ("loss_embedding", "loss_quality")
    LABEL_SCALE = True
    vectors: Tensor
    centers: Tensor

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__(recipe, data)
        own = recipe.own(settings.EDifFIQA)
        vectors, dim = recognizer_vectors(own.embeddings, data), vector_length(recipe, own.dim)
        if vectors.shape[1] != dim:
            raise InputError(
                "ediffiqa.dim (or model.embedding where it is 0) must be the length of the vectors"
                f" in {own.embeddings!r}, {vectors.shape[1]}, got {dim}."
            )
        self.register_buffer("vectors", vectors, persistent=False)
        self.register_buffer("centers", _centers(own, data, vectors), persistent=False)

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
        own = self.recipe.own(settings.EDifFIQA)
        quality, embedding, rows = output[:, 0], output[:, 1:], batch.row
        target = batch.label
        if own.rule == "published":
            center = self.centers[batch.identity]
            counts = center.any(dim=1)
            quality, embedding, center = quality[counts], embedding[counts], center[counts]
            far = 1 - functional.cosine_similarity(embedding.detach(), center)
            target, rows = (target[counts] - own.strength * far).clamp(0, 1), rows[counts]
        terms = student_loss(quality, target, embedding, self.vectors[rows], share=own.share)
        loss = terms["embedding"] + terms["quality"]
        return {
            "loss": loss,
            "loss_embedding": terms["embedding"],
            "loss_quality": terms["quality"],
        }


OBJECTIVE = EDifFIQA


def _centers(own: settings.EDifFIQA, data: Examples, vectors: Tensor) -> Tensor:
    """Returns (C,D) the sum of the best training images of each person, 0 where there are too
    few."""
    people = int(data.classes.max(initial=-1)) + 1
    total = torch.zeros(people, vectors.shape[1])
    if own.rule != "published":
        return total
    rows = data.training
    label = data.label[rows].astype(np.float64)
    if len(label) and (label.min() < 0 or label.max() > 1):
        raise InputError(f"the prior must lie in 0..1, got {label.min():.4g}..{label.max():.4g}.")
    chosen = best_rows(label, data.classes[rows], best=own.best, rule="published", least=own.least)
    if not len(chosen):
        raise EvidenceError(
            f"no person has {own.least} images among the best {own.best:.0%} of {len(rows)}.",
            hint="ediffiqa.least, ediffiqa.best",
        )
    top = rows[chosen]
    return total.index_add(0, torch.from_numpy(data.classes[top]), vectors[torch.from_numpy(top)])
