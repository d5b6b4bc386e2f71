"""What every objective has: a network, losses, scores; and what its losses are told of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from fiqa.training.batches import Batch
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples

__all__ = ["Objective", "Served", "Targets"]


@dataclass(frozen=True, eq=False)
class Targets:
    """What is known of the B rows of a batch, as tensors on the device of training.

    `label` (B,) float; `factors` (B,F) float, NaN where unknown; `weight` (B,) float, 0 where an augmentation has made the label void; `confidence` (B,) float
    in the label, 1 unless the recipe has data.confidence; `identity` (B,) int64, 0..C-1 over the people to train on; `group` (B,) int64, the person and level
    inside which labels have an order, -1 in none; `row` (B,) int64, the row in Examples.
    """

    label: Tensor
    factors: Tensor
    weight: Tensor
    confidence: Tensor
    identity: Tensor
    group: Tensor
    row: Tensor

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Self:
        """The targets of a batch, on a device."""
        return cls(**{name: torch.from_numpy(getattr(batch, name)).to(device) for name in cls.__dataclass_fields__})


class Objective(nn.Module):
    """What is minimized. Parameters and buffers are checkpointed with the run and are no part of the exported weights.

    Args:
        recipe: of the run.
        data: what it learns from.
    """

    TERMS: ClassVar[tuple[str, ...]] = ()
    """Names of the terms beside "loss", each beginning with loss_, in the order of the columns in metrics.csv."""

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__()
        self.recipe, self.data = recipe, data

    @classmethod
    def network(cls, recipe: Recipe) -> nn.Module:
        """Returns the network with random weights: (N,3,S,S) float -> (N,K) float; its `backbone` takes `model.weights`."""
        raise NotImplementedError

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns the quality and the factors (N, 1 + F) in what the network gave, F the factors of `model.factors`."""
        return output

    def losses(self, output: Tensor, batch: Targets) -> Mapping[str, Tensor]:
        """Returns "loss", which is minimized, and the TERMS it is made of that apply at this step; each a scalar."""
        raise NotImplementedError

    def end_epoch(self, epoch: int, net: nn.Module, folder: Path) -> None:
        """Called after the last step of `epoch` (from 0) and before it is evaluated and saved, with the network and the run's folder.

        With several processes each calls it, and all then go on with the buffers of the first.
        """


class Served(nn.Module):
    """A trained network as a model file has it: (quality (N,1), factors (N,F)), quality alone where there are no factors."""

    def __init__(self, net: nn.Module, kind: type[Objective], *, factors: bool) -> None:
        super().__init__()
        self.net, self.kind, self.factors = net, kind, factors

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns (quality,) or (quality, factors) of (N,3,S,S) preprocessed crops."""
        result = self.kind.scores(self.net(x))
        return (result[:, :1], result[:, 1:]) if self.factors else (result,)
