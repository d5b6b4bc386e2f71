"""Quality networks: a backbone, one quality and, where wanted, factor qualities of one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from fiqa import checks
from fiqa.errors import InputError
from fiqa.nets.catalog import backbone
from fiqa.vocabulary import FACTORS

__all__ = ["BackboneNet", "QualityNet", "output_layers"]


class BackboneNet(nn.Module):
    """A `backbone` and what stands on it; what derives from this says how to go on from there."""

    backbone: nn.Module

    def from_features(self, features: Tensor) -> Tensor:
        """Returns what `forward` does, from what the backbone gives."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Returns one row per image for (N,3,S,S) preprocessed crops."""
        return self.from_features(self.backbone(x))


class QualityNet(BackboneNet):
    """(N,3,S,S) float -> (N, 1 + F): the quality, then the factor qualities in 0..1, of one pass.

    Args:
        name: of the backbone, see fiqa.nets.catalog.
        embedding: length of the backbone's own vector to stand on, or 0 for its pooled features.
        factors: names from fiqa.vocabulary.FACTORS, each at most once; none is allowed.
        hidden: width of a layer between the features and each output, 0 for none.
        factor_hidden: the same for the factors alone, where it is more than `hidden`.
        output: how the quality ends: "linear"; "sigmoid" in 0..1; "clip" linear in training and
            clipped to 0..1 in evaluation.

    Raises:
        UnknownNameError: backbone, factor.
        InputError: a factor twice, hidden below 0, or an embedding that the backbone cannot have.
    """

    def __init__(
        self,
        name: str,
        *,
        embedding: int = 0,
        factors: Sequence[str] = (),
        hidden: int = 0,
        factor_hidden: int = 0,
        output: Literal["linear", "sigmoid", "clip"] = "linear",
    ) -> None:
        super().__init__()
        for factor in factors:
            checks.choice(factor, "factor", FACTORS)
        if len(set(factors)) != len(factors):
            raise InputError(f"factors must be named at most once, got {', '.join(factors)}.")
        self.factor_names, self.output = tuple(factors), output
        self.backbone, width = backbone(name, embedding)
        # Each starts at .5, the middle of the labels: sigmoid(0) is .5.
        self.quality = output_layers(
            width, 1, bias=0.0 if output == "sigmoid" else 0.5, hidden=hidden
        )
        between = max(hidden, factor_hidden)
        self.factors = (
            output_layers(width, len(factors), bias=0.0, hidden=between) if factors else None
        )

    def from_features(self, features: Tensor) -> Tensor:
        """Returns (N, 1 + F) for what the backbone gives."""
        quality = self.quality(features)
        if self.output == "sigmoid":
            quality = torch.sigmoid(quality)
        # Not in training: beyond the ends a clipped output has no gradient to come back by.
        elif self.output == "clip" and not self.training:
            quality = quality.clamp(0.0, 1.0)
        if self.factors is None:
            return quality
        return torch.cat([quality, torch.sigmoid(self.factors(features))], dim=1)


def output_layers(width: int, outputs: int, *, bias: float, hidden: int = 0) -> nn.Module:
    """Returns a linear layer that starts near `bias` whatever comes in.

    Args:
        width: of what comes in.
        outputs: of what goes out.
        bias: near which it starts.
        hidden: width of a layer with ReLU before it, 0 for none.

    Raises:
        InputError: `hidden` below 0.
    """
    checks.in_range(hidden, "hidden", 0, float("inf"))
    layer = nn.Linear(hidden or width, outputs)
    # So small that the bias alone decides at the start, whatever the scale of the features.
    nn.init.normal_(layer.weight, std=0.1 / layer.in_features**0.5)
    nn.init.constant_(layer.bias, bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), layer) if hidden else layer
