"""What every objective has: a network, losses, scores; and what its losses are told of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from fiqa.nets.catalog import BACKBONES
from fiqa.runtime.cards import ModelOutput
from fiqa.training.batches import Batch
from fiqa.training.config import Recipe
from fiqa.training.dataset import Examples, Rows

__all__ = ["Deployed", "Objective", "Served", "Targets"]

_REASONS = MappingProxyType(
    {
        "visibility": "noisy",
        "pose": "extreme_yaw",
        "illumination": "uneven_light",
        "blur": "blurry",
        "crop": "cropped",
    }
)


class Deployed(NamedTuple):
    """What becomes of a trained network in a model file.

    Attributes:
        net: (N,3,S,S) -> one tensor (N,K) for each of `outputs`.
        outputs: the quality first.
        about: what it is, in a few words for its card.
        any_size: whether it takes other sizes of crops than it was trained with.
    """

    net: nn.Module
    outputs: tuple[ModelOutput, ...]
    about: str
    any_size: bool


@dataclass(frozen=True, eq=False)
class Targets:
    """What is known of the B rows of a batch, as tensors on the device of training.

    Attributes:
        label: (B,) float.
        factors: (B,F) float, NaN where unknown.
        weight: (B,) float, 0 where an augmentation has made the label void.
        confidence: (B,) float in the label, 1 unless the recipe has data.confidence.
        identity: (B,) int64, 0..C-1 over the people to train on.
        group: (B,) int64, the person and level inside which labels have an order, -1 in none.
        order: (B,) float, that order.
        row: (B,) int64, the row in Examples.
    """

    label: Tensor
    factors: Tensor
    weight: Tensor
    confidence: Tensor
    identity: Tensor
    group: Tensor
    order: Tensor
    row: Tensor

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Self:
        """The targets of a batch, on a device."""
        return cls(
            **{
                name: torch.from_numpy(getattr(batch, name)).to(device)
                for name in cls.__dataclass_fields__
            }
        )


class Objective(nn.Module):
    """What is minimized.

    Parameters and buffers are checkpointed with the run and are no part of the exported weights.

    Args:
        recipe: of the run.
        data: what it learns from.
    """

    TERMS: ClassVar[tuple[str, ...]] = ()
    """Names of the terms beside "loss", each beginning with loss_, in the order of the columns in
    metrics.csv."""

    LABEL_SCALE: ClassVar[bool] = False
    """Whether the quality is a guess of the labels, on their scale: its spread is then compared
    with theirs."""

    def __init__(self, recipe: Recipe, data: Examples) -> None:
        super().__init__()
        self.recipe, self.data = recipe, data

    # On the class: what is needed after training, when there is no instance and no data.
    @classmethod
    def network(cls, recipe: Recipe) -> nn.Module:
        """Returns the network with random weights: (N,3,S,S) float -> (N,K) float.

        Its `backbone` takes `model.weights`.
        """
        raise NotImplementedError

    @classmethod
    def scores(cls, output: Tensor) -> Tensor:
        """Returns quality and factors (N, 1 + F) in what the network gave, F the recipe's."""
        return output

    @classmethod
    def deployed(cls, recipe: Recipe, net: nn.Module, folder: Path) -> Deployed:
        """Returns what `fiqa export` writes of the trained network; `folder` is the run's.

        Here: the `scores`, quality and factors apart.
        """
        outputs, factors = [ModelOutput(name="quality", role="quality")], recipe.model.factors
        if factors:
            reasons = {factor: _REASONS[factor] for factor in factors if factor in _REASONS}
            outputs.append(
                ModelOutput(name="factors", role="factors", factors=factors, reasons=reasons)
            )
        served = Served(net, cls, factors=bool(factors))
        return Deployed(
            served,
            tuple(outputs),
            recipe.model.backbone,
            BACKBONES[recipe.model.backbone].size is None,
        )

    def losses(self, output: Tensor, batch: Targets) -> Mapping[str, Tensor]:
        """Returns "loss", which is minimized, and the TERMS of this step it is made of; scalars."""
        raise NotImplementedError

    def end_epoch(self, epoch: int, give: Callable[[Rows], Iterator[Tensor]], folder: Path) -> None:
        """Called after the last step of `epoch` (from 0) and before it is evaluated and saved.

        With several processes each calls it, and all then go on with the buffers of the first.

        Args:
            epoch: which one is done.
            give: yields what the network in evaluation mode gives for some rows of the data, as
                they are, a batch (n,K) at a time.
            folder: the run's.
        """


class Served(nn.Module):
    """A trained network as a model file has it: quality (N,1), and factors where there are some."""

    def __init__(self, net: nn.Module, kind: type[Objective], *, factors: bool) -> None:
        super().__init__()
        self.net, self.kind, self.factors = net, kind, factors

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Returns (quality,) or (quality, factors) of (N,3,S,S) preprocessed crops."""
        result = self.kind.scores(self.net(x))
        return (result[:, :1], result[:, 1:]) if self.factors else (result,)
