"""The readers that take torch, as fiqa/tests/fuzz/targets.py has the others; they live in a process
of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from targets import Target
from torch import nn

from fiqa.nets.catalog import read_state
from fiqa.training import checkpoint

NAMES = {"a.weight": (3, 4), "a.bias": (3,), "b.running_mean": (2,)}


def _state() -> dict[str, torch.Tensor]:
    return {
        name: torch.arange(float(np.prod(shape))).reshape(shape) for name, shape in NAMES.items()
    }


def _saved(suffix: str, **options: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        if suffix == ".safetensors":
            save_file(_state(), folder / f"net{suffix}")
        else:
            torch.save(_state(), folder / f"net{suffix}", **options)

    return make


def _net() -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    net, own = nn.Linear(3, 2), nn.Linear(1, 1)
    optimizer = torch.optim.AdamW([*net.parameters(), *own.parameters()])
    return net, own, optimizer


def _run(folder: Path) -> None:
    net, own, optimizer = _net()
    (net(torch.ones(1, 3)).sum() + own(torch.ones(1, 1)).sum()).backward()
    optimizer.step()
    checkpoint.save_state(
        folder, net, own, optimizer, {"key": "k", "epoch": 1, "history": [{"mae": 0.5}]}
    )


def _read_run(path: Path) -> None:
    from fiqa.errors import InputError, ReadError

    try:
        checkpoint.load_state(path.parent, *_net(), key="k")
    except InputError as error:  # the key is another: a state of another run
        if isinstance(error, ReadError) or "of this recipe and data" not in str(error):
            raise
    checkpoint.objective_state(path.parent)


TORCH_TARGETS: dict[str, Target] = {
    "state .safetensors": Target("net.safetensors", _saved(".safetensors"), read_state),
    "state .pt": Target("net.pt", _saved(".pt"), read_state),
    "state .pth of old": Target(
        "net.pth", _saved(".pth", _use_new_zipfile_serialization=False), read_state
    ),
    "run of torch": Target("state.safetensors", _run, _read_run),
}
