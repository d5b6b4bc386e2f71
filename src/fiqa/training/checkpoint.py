"""Checkpoints: a file from which a run goes on bit for bit, and the best weights by each metric.

The file to go on from holds the network, what the objective has of its own, the optimizer, the
state of the random generators and, as JSON in its header, the position and the history. It is
written aside, synced and renamed, so a kill leaves the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fiqa.data.store import atomic_path
from fiqa.data.texts import write_text
from fiqa.errors import InputError, WeightsError
from fiqa.types import PathLike

__all__ = ["best_path", "load_state", "objective_state", "save_best", "save_state", "state_path"]

_NET, _OBJECTIVE, _OPTIM, _RNG = "net.", "objective.", "optim.", "rng."


def state_path(folder: PathLike) -> Path:
    """Returns where the file to go on from is."""
    return Path(folder) / "state.safetensors"


def best_path(folder: PathLike, metric: str) -> Path:
    """Returns where the best weights by `metric` are; a file beside them, .json, says more."""
    return Path(folder) / f"best_{metric}.safetensors"


def save_state(
    folder: PathLike,
    net: nn.Module,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    position: Mapping[str, Any],
) -> None:
    """Writes the file to go on from; `position` is JSON values.

    Raises:
        WriteError: the disk refused.
    """
    tensors = {_NET + name: value for name, value in net.state_dict().items()}
    tensors |= {_OBJECTIVE + name: value for name, value in objective.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {
            f"{_OPTIM}{index}.{name}": value
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
    tensors[f"{_RNG}cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors[f"{_RNG}cuda"] = torch.cuda.get_rng_state()
    _write(state_path(folder), tensors, {"position": json.dumps(position, allow_nan=False)})


def load_state(
    folder: PathLike,
    net: nn.Module,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    key: str,
) -> dict[str, Any] | None:
    """Returns the position of the run in `folder`, None where it has not begun.

    Network, objective, optimizer and random generators are put where the run stood.

    Raises:
        InputError: the position's `key` is another.
        WeightsError: the file is no such state.
    """
    file = state_path(folder)
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            position: dict[str, Any] = json.loads(opened.metadata()["position"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is no mapping)
        # Another run's state must not be half inside this one when it is refused below.
        if position["key"] == key:
            net.load_state_dict(_part(tensors, _NET))
            objective.load_state_dict(_part(tensors, _OBJECTIVE))
            _restore(optimizer, _part(tensors, _OPTIM))
            torch.set_rng_state(tensors[f"{_RNG}cpu"])
            if f"{_RNG}cuda" in tensors and torch.cuda.is_available():
                torch.cuda.set_rng_state(tensors[f"{_RNG}cuda"])
    except Exception as error:
        raise WeightsError(
            f"{str(file)!r} must be the state of this run, it cannot be used: {error}.",
            hint="--force begins again",
        ) from error
    if position["key"] != key:
        raise InputError(
            f"{os.fspath(folder)!r} must be empty or hold a run of this recipe and data; it holds"
            " another.",
            hint="choose another folder with -o, or use --force to begin again",
        )
    return position


def objective_state(folder: PathLike) -> dict[str, Tensor]:
    """Returns what the objective of a run had of its own when it was saved last: name -> tensor.

    Raises:
        WeightsError: there is no such state.
    """
    file = state_path(folder)
    try:
        with safe_open(file, framework="pt") as opened:
            names = [name for name in opened.keys() if name.startswith(_OBJECTIVE)]  # noqa: SIM118 (it is no mapping)
            return {name.removeprefix(_OBJECTIVE): opened.get_tensor(name) for name in names}
    except Exception as error:
        raise WeightsError(
            f"{str(file)!r} must be the state of a run, it cannot be read: {error}."
        ) from error


def save_best(folder: PathLike, metric: str, net: nn.Module, row: Mapping[str, Any]) -> None:
    """Writes the network as the best by `metric`, and the row of the history behind it as JSON.

    Raises:
        WriteError: the disk refused.
    """
    file = best_path(folder, metric)
    _write(file, net.state_dict(), {})
    write_text(file.with_suffix(".json"), json.dumps(row, indent=1, allow_nan=False) + "\n")


def _write(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    # safetensors refuses tensors that share memory, as tied weights do.
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with atomic_path(file) as aside:
        save_file(plain, aside, metadata={"format": "pt", **metadata})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    # The groups are the recipe's, which the key covers; only the state is from the file.
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
