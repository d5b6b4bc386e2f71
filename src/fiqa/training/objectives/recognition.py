"""What the objectives that train a vector have in common: its layers and its length."""

from __future__ import annotations

import torch
from torch.nn import functional

from fiqa.errors import InputError
from fiqa.nets.margin import ClassCenters
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.training.objectives.mates import recognizer_vectors

__all__ = ["class_centers", "embedding_net", "vector_length"]


def vector_length(recipe: Recipe, dim: int) -> int:
    """Returns the length of the vector: `dim` of a new last layer, or where 0 the backbone's own.

    Raises:
        InputError: both are 0.
    """
    if not dim and not recipe.model.embedding:
        raise InputError(
            f"{recipe.loss.objective}.dim must be at least 1 where model.embedding is 0, got 0.",
            hint=(
                "dim is the length of a new last layer, model.embedding that of the backbone's own"
                " vector"
            ),
        )
    return dim or recipe.model.embedding


def embedding_net(recipe: Recipe, dim: int, *, quality: bool = True) -> EmbeddingNet:
    """Returns the network of the recipe with a vector of `vector_length` and, if wanted, a quality.

    Raises: as vector_length.
    """
    vector_length(recipe, dim)
    return EmbeddingNet(
        recipe.model.backbone, embedding=recipe.model.embedding, dim=dim, quality=quality
    )


def class_centers(recipe: Recipe, data: Examples, dim: int, embeddings: str) -> ClassCenters:
    """Returns the centers of the people to train on: at random, or at the means of their vectors.

    Args:
        recipe: of the run.
        data: what is learned from.
        dim: length of a new last layer, 0 for none.
        embeddings: a file of the recognizer's vectors, "" for random centers.

    Raises:
        InputError: as vector_length; vectors beside a new last layer, or of another length than the
            backbone's; an image to train on that has none.
        ReadError: the file cannot be used.
    """
    length, classes = vector_length(recipe, dim), int(data.classes.max()) + 1
    if not embeddings:
        return ClassCenters(classes, length)
    name = recipe.loss.objective
    if dim:
        raise InputError(
            f"{name}.embeddings starts the centers of the backbone's own vector; with a new last"
            f" layer ({name}.dim = {dim}) there is nothing to start from.",
            hint=f"--set {name}.dim=0",
        )
    vectors = recognizer_vectors(embeddings, data)
    if vectors.shape[1] != length:
        raise InputError(
            f"{name}.embeddings must have vectors of {length} numbers as the backbone, got"
            f" {vectors.shape[1]}.",
            hint="embed with the recognizer whose weights the recipe starts from",
        )
    rows = torch.from_numpy(data.training)
    code = torch.from_numpy(data.classes)[rows]
    total = torch.zeros(classes, length).index_add_(0, code, vectors[rows])
    return ClassCenters(classes, length, functional.normalize(total))
