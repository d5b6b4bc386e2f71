"""Quality networks: a backbone, one quality and, where wanted, factor qualities from the same features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fiqa import checks
from fiqa.errors import InputError
from fiqa.nets.catalog import backbone
from fiqa.vocabulary import FACTORS

__all__ = ["QualityNet"]


class QualityNet(nn.Module):
    """(N,3,S,S) float -> (N, 1 + F): column 0 the quality (a plain linear output), the others the factor qualities in 0..1, all from one pass.

    Args:
        name: of the backbone, see fiqa.nets.catalog.
        embedding: length of the backbone's own vector to stand on, or 0 for its pooled features.
        factors: names from fiqa.vocabulary.FACTORS, each at most once; none is allowed.

    Raises: UnknownNameError (backbone, factor), InputError (a factor twice, or an embedding that the backbone cannot have).
    """

    def __init__(self, name: str, *, embedding: int = 0, factors: Sequence[str] = ()) -> None:
        super().__init__()
        for factor in factors:
            checks.choice(factor, "factor", FACTORS)
        if len(set(factors)) != len(factors):
            raise InputError(f"factors must be named at most once, got {', '.join(factors)}.")
        self.factor_names = tuple(factors)
        self.backbone, width = backbone(name, embedding)
        self.quality = _linear(width, 1, bias=0.5)
        self.factors = _linear(width, len(factors), bias=0.0) if factors else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, 1 + F) for (N,3,S,S) preprocessed crops."""
        features = self.backbone(x)
        quality = self.quality(features)
        if self.factors is None:
            return quality
        return torch.cat([quality, torch.sigmoid(self.factors(features))], dim=1)


def _linear(width: int, outputs: int, *, bias: float) -> nn.Linear:
    """A layer that starts near the middle of the labels."""
    layer = nn.Linear(width, outputs)
    nn.init.normal_(layer.weight, std=0.1 / width**0.5)
    nn.init.constant_(layer.bias, bias)
    return layer
