"""What the objectives that train a vector have in common: its layers and its length."""

from __future__ import annotations

from fiqa.errors import InputError
from fiqa.nets.recognition import EmbeddingNet
from fiqa.training.config import Recipe

__all__ = ["embedding_net", "vector_length"]


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
