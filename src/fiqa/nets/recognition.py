"""Networks around a recognizer: a vector with a quality on it, and the variances of a vector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fiqa import checks
from fiqa.nets.catalog import backbone
from fiqa.nets.heads import BackboneNet, output_layers

__all__ = ["EmbeddingNet", "VarianceNet"]


class EmbeddingNet(BackboneNet):
    """(N,3,S,S) float -> (N,D) vectors of any length, or (N, 1 + D) with a quality before them.

    The quality is a plain linear output of the vector.

    Args:
        name: of the backbone, see fiqa.nets.catalog.
        embedding: length of the backbone's own vector, or 0 for its pooled features.
        dim: length of a new last layer (linear, then batch normalization) on what the backbone
            gives, or 0 for none: then that is the vector.
        quality: whether there is one.

    Raises:
        UnknownNameError: backbone.
        InputError: dim below 0, or an embedding that the backbone cannot have.
    """

    def __init__(
        self, name: str, *, embedding: int = 0, dim: int = 0, quality: bool = True
    ) -> None:
        super().__init__()
        checks.in_range(dim, "dim", 0, float("inf"))
        self.backbone, width = backbone(name, embedding)
        self.width = dim or width
        new = (
            nn.Sequential(nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim))
            if dim
            else nn.Identity()
        )
        self.vector: nn.Module = new
        self.quality = output_layers(self.width, 1, bias=0.5) if quality else None

    def from_features(self, features: Tensor) -> Tensor:
        """Returns (N,D) or (N, 1 + D) for what the backbone gives."""
        vector: Tensor = self.vector(features)
        return vector if self.quality is None else torch.cat([self.quality(vector), vector], dim=1)


class VarianceNet(BackboneNet):
    """(N,3,S,S) float -> (N,dim) logarithms of variances.

    They start near that of unit vectors in any direction, 1 / dim.

    Args:
        name: of the backbone, see fiqa.nets.catalog.
        embedding: length of the backbone's own vector to stand on, or 0 for its pooled features.
        dim: how many variances.
        hidden: width of a layer between, 0 for none.

    Raises:
        UnknownNameError: backbone.
        InputError: dim below 1, hidden below 0, or an embedding that the backbone cannot have.
    """

    def __init__(self, name: str, *, embedding: int = 0, dim: int, hidden: int = 0) -> None:
        super().__init__()
        checks.in_range(dim, "dim", 1, float("inf"))
        self.backbone, width = backbone(name, embedding)
        self.quality = output_layers(width, dim, bias=-math.log(dim), hidden=hidden)

    def from_features(self, features: Tensor) -> Tensor:
        """Returns (N,dim) for what the backbone gives."""
        result: Tensor = self.quality(features)
        return result
