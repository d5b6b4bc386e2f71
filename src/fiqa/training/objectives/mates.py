"""What several objectives need: mated pairs inside a batch, and a recognizer's vectors by row."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from fiqa.data.embeddings import read_embeddings
from fiqa.errors import InputError
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples
from fiqa.types import PathLike

__all__ = ["mated_pairs", "recognizer_vectors", "require_mates"]


def mated_pairs(identity: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the rows (P,) and (P,) of every two faces of one person, the first before the second.

    `identity` below 0 is nobody's.

    Args:
        identity: (N,) int; below 0 is nobody's.
    """
    first, second = torch.triu_indices(
        len(identity), len(identity), offset=1, device=identity.device
    )
    same = (identity[first] == identity[second]) & (identity[first] >= 0)
    return first[same], second[same]


def require_mates(recipe: Recipe) -> None:
    """Refuses a recipe that does not bring mates together in a batch.

    Raises:
        InputError: data.per_identity is below 2.
    """
    if recipe.data.per_identity < 2:
        raise InputError(
            f"data.per_identity must be at least 2 for {recipe.loss.objective}, which compares"
            " images of one person, got 1."
        )


def recognizer_vectors(path: PathLike, data: Examples) -> Tensor:
    """Returns the unit vectors (N,D) float32 of the rows of `data`, joined by id.

    Args:
        path: a file of embeddings.
        data: what is learned from.

    Raises:
        ReadError, InputError: the file cannot be used, or lacks an image to train on.
    """
    embeddings = read_embeddings(path)
    order = np.argsort(embeddings.id)
    # An id beyond the last one is looked up at the last and then found to differ.
    place = order[
        np.searchsorted(embeddings.id, data.ids, sorter=order).clip(max=max(len(embeddings) - 1, 0))
    ]
    here = embeddings.id[place] == data.ids if len(embeddings) else np.zeros(len(data.ids), bool)
    missing = data.training[~here[data.training]]
    if len(missing):
        raise InputError(
            f"embeddings must have every image to train on; {len(missing)} of {len(data.training)}"
            f" are not in {os.fspath(path)!r}, the first is {str(data.ids[missing[0]])!r}."
        )
    return torch.from_numpy(np.where(here[:, None], embeddings.vector[place], np.float32(0)))
