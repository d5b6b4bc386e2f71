"""Which parameters train, with which rate, and how the rate moves over the run."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from fiqa.errors import InputError
from fiqa.training.config import Optim

__all__ = ["objective_group", "optimizer", "parameter_groups", "rate"]


def parameter_groups(net: nn.Module, optim: Optim) -> list[dict[str, Any]]:
    """Returns the groups of an optimizer in the recipe's order, then the rest.

    What no group holds is frozen (requires_grad off).

    "The last so many" counts parameter tensors in the order of `net.named_parameters()` among those
    that no earlier group took and that can train.

    Raises:
        InputError: a group that takes nothing, or more than there is.
    """
    free = {name: value for name, value in net.named_parameters() if value.requires_grad}
    groups = []
    for group in optim.groups:
        if group.prefix:
            names = [name for name in free if name.startswith(group.prefix)]
        else:
            names = list(free)[-group.last :] if group.last <= len(free) else []
        if not names:
            condition = (
                f"names that begin with {group.prefix!r}"
                if group.prefix
                else f"{group.last} tensors that are left"
            )
            raise InputError(
                f"a group of [optim] must find {condition}; the network has {len(free)} left, the"
                f" first {next(iter(free), None)!r}."
            )
        groups.append(_group([free.pop(name) for name in names], group.lr, group.weight_decay))
    if optim.rest == "freeze":
        for value in free.values():
            value.requires_grad = False
    elif free:
        groups.append(_group(list(free.values()), optim.lr, optim.weight_decay))
    if not groups:
        raise InputError("optim must train something: rest is freeze and there are no groups.")
    return groups


def objective_group(objective: nn.Module, optim: Optim) -> list[dict[str, Any]]:
    """Returns the group of what an objective learns for itself, none where it learns nothing."""
    params = list(objective.parameters())
    return (
        [_group(params, optim.objective_lr or optim.lr, optim.objective_weight_decay)]
        if params
        else []
    )


def _group(params: list[nn.Parameter], lr: float, weight_decay: float) -> dict[str, Any]:
    # `lr` moves with the schedule; `base_lr` is what it moves from.
    return {"params": params, "lr": lr, "base_lr": lr, "weight_decay": weight_decay}


def optimizer(groups: list[dict[str, Any]], optim: Optim) -> torch.optim.Optimizer:
    """Returns the optimizer that `optim.name` names over the groups."""
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum)
    kind = torch.optim.AdamW if optim.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=optim.lr, betas=optim.betas)


def rate(step: int, *, total: int, warmup: int, schedule: str) -> float:
    """Returns the factor on every group's rate at `step` (from 0).

    Linear warm-up over `warmup` steps, then cosine to 0 at `total`, or constant.

    >>> [round(rate(s, total=6, warmup=2, schedule="cosine"), 3) for s in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))
