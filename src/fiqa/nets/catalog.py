"""The backbones by name, and loading published weights into them from a local file."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fiqa import checks
from fiqa.data.reading import reader
from fiqa.errors import InputError, UnsafeFileError, WeightsError
from fiqa.nets.iresnet import IResNet
from fiqa.nets.mobilefacenet import MobileFaceNet
from fiqa.nets.mobilenetv3 import MobileNetV3
from fiqa.types import PathLike

__all__ = ["BACKBONES", "Backbone", "backbone", "check_state", "load_weights", "read_state"]

_SHOWN = 3


class Backbone(NamedTuple):
    """A line of the catalog.

    Attributes:
        net: name of the class.
        size: of its input in pixels; None for any of at least 32.
        pooled: whether it can stand without its last layers.
    """

    net: str
    size: int | None
    pooled: bool


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "mobilenet_v3_small": Backbone("MobileNetV3", None, True),
        "mobilenet_v3_large": Backbone("MobileNetV3", None, True),
        "mobilefacenet": Backbone("MobileFaceNet", 112, True),
        "mobilefacenet_half": Backbone("MobileFaceNet", 112, True),
        "iresnet18": Backbone("IResNet", 112, False),
        "iresnet50": Backbone("IResNet", 112, False),
        "iresnet100": Backbone("IResNet", 112, False),
    }
)
"""Name -> what it is."""


def backbone(name: str, embedding: int = 0) -> tuple[nn.Module, int]:
    """Returns a network with random weights and the width of what it gives.

    Args:
        name: one of BACKBONES.
        embedding: length of its own last layer (a recognizer's vector, a classifier's outputs); 0
            gives the pooled features before it.

    Raises:
        UnknownNameError: name.
        InputError: below 0, or 0 where the backbone has no pooled features of its own.
    """
    line = BACKBONES[checks.choice(name, "backbone", BACKBONES)]
    checks.in_range(embedding, "embedding", 0, float("inf"))
    if not embedding and not line.pooled:
        raise InputError(
            f"embedding must be at least 1 for {name}, got 0.",
            hint="its published weights have 512",
        )
    net: MobileNetV3 | MobileFaceNet | IResNet
    if line.net == "MobileNetV3":
        net = MobileNetV3("small" if name.endswith("small") else "large", classes=embedding)
    elif line.net == "MobileFaceNet":
        net = MobileFaceNet(embedding, variant="half" if name.endswith("half") else "full")
    else:
        net = IResNet(int(name.removeprefix("iresnet")), dim=embedding)
    return net, net.width


def load_weights(net: nn.Module, path: PathLike) -> None:
    """Loads a state dict from a local file into `net`.

    Every key must be there, in its shape, and no other.

    Keys of the last layers that `net` was built without (its LAST) are passed over.

    Args:
        net: a network of fiqa.nets.
        path: .safetensors, or .pt / .pth, which is read with weights_only: nothing in it runs.

    Raises:
        WeightsError: no such file, not a state dict, or one of another network (the first keys that
            differ are named).
        UnsafeFileError: a .pt or .pth that holds more than tensors.
        UnknownNameError: another suffix.
    """
    state = read_state(path)
    own = net.state_dict()
    # Published weights have their last layers, which a backbone for features does not.
    spare = tuple(
        prefix
        for prefix in getattr(net, "LAST", ())
        if not any(key.startswith(prefix) for key in own)
    )
    state = {key: value for key, value in state.items() if not (spare and key.startswith(spare))}
    shapes = {key: tuple(value.shape) for key, value in own.items()}
    hint = "is it the weights of another backbone or embedding length?"
    check_state(
        state,
        shapes,
        f"{os.fspath(path)!r} must hold the weights of {type(net).__name__}",
        hint=hint,
    )
    net.load_state_dict(state)


def check_state(
    state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], what: str, *, hint: str
) -> None:
    """Refuses a state that does not have exactly these keys with these shapes.

    Args:
        state: name -> tensor.
        shapes: name -> shape.
        what: how the message begins.
        hint: of the message.

    Raises:
        WeightsError: `what`, and the first keys that differ.
    """
    other = [k for k, shape in shapes.items() if k in state and tuple(state[k].shape) != shape]
    faults = [
        _listed("missing", [key for key in shapes if key not in state]),
        _listed("unexpected", [key for key in state if key not in shapes]),
        _listed(
            "of another shape", [f"{k} {tuple(state[k].shape)} for {shapes[k]}" for k in other]
        ),
    ]
    if any(faults):
        raise WeightsError(f"{what}; {'; '.join(filter(None, faults))}.", hint=hint)


def _listed(what: str, keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{what}: {', '.join(keys[:_SHOWN])}{more}" if keys else ""


@reader
def read_state(path: PathLike) -> dict[str, Tensor]:
    """Returns the names and tensors of a file, .safetensors or .pt / .pth; nothing in it runs.

    Raises: as load_weights.
    """
    path = Path(path)
    suffix = checks.choice(
        path.suffix.lower(), "suffix of weights", (".safetensors", ".pt", ".pth")
    )
    if not path.is_file():
        raise WeightsError(f"Weights must be a file, and there is none at {str(path)!r}.")
    try:
        state: Any = load_file(path) if suffix == ".safetensors" else _load_pt(path)
    except pickle.UnpicklingError as error:
        raise UnsafeFileError(
            f"{str(path)!r} must hold tensors only, it holds something that could run code.",
            hint="save net.state_dict(), best as .safetensors",
        ) from error
    # torch reads what torch of old wrote with unchecked steps: any error means a bad file.
    except Exception as error:
        raise WeightsError(
            f"{str(path)!r} must be a state dict, it cannot be read: {error}."
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise WeightsError(
            f"{str(path)!r} must be a state dict: names and tensors, nothing around it."
        )
    return cast("dict[str, Tensor]", state)


def _load_pt(path: Path) -> Any:
    with warnings.catch_warnings():  # torch warns of pickle protocols that it then reads or refuses
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)
