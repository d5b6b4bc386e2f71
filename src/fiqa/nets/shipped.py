"""The model that comes with fiqa as a network to train: rebuilt from what its ONNX file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fiqa.errors import WeightsError
from fiqa.runtime.onnx import read_model
from fiqa.types import PathLike

__all__ = ["load_shipped"]


def load_shipped(net: nn.Module, path: PathLike) -> None:
    """Gives a network the numbers of an exported one, so that it computes what the file does.

    The exporter multiplies each BatchNorm into the convolution before it, and its statistics are
    lost. Here the convolution gets the product, and its BatchNorm the statistics 0 and 1, with the
    file's bias. In evaluation mode that computes the same; in training mode only if BatchNorm's
    statistics are frozen.

    Args:
        net: a QualityNet of the backbone that the file was exported from. It may lack the factors.
        path: the ONNX file.

    Raises:
        WeightsError: the file holds another network.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(read_model(path)).graph
    tensors = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    own = ("net.quality.", "net.factors.")[: 1 if getattr(net, "factors", None) is None else 2]
    state: dict[str, Any] = {
        name.removeprefix("net."): value for name, value in tensors.items() if name.startswith(own)
    }
    inputs = [node.input for node in graph.node if node.op_type == "Conv"]
    # Both in the order of the pass: each convolution of these networks has a BatchNorm after it.
    convs = _named(net, nn.Conv2d)
    norms = _named(net, nn.BatchNorm2d)
    if not len(inputs) == len(convs) == len(norms):
        raise WeightsError(
            f"{path} must have {len(convs)} convolutions as {type(net).__name__} has, it has"
            f" {len(inputs)}."
        )
    for (conv, _), (norm, layer), (_, weight, bias) in zip(convs, norms, inputs, strict=True):
        state[f"{conv}.weight"], state[f"{norm}.bias"] = tensors[weight], tensors[bias]
        count = len(tensors[bias])
        state[f"{norm}.weight"] = torch.ones(count)
        state[f"{norm}.running_mean"] = torch.zeros(count)
        state[f"{norm}.running_var"] = torch.full((count,), 1.0 - layer.eps)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
    _load(net, state, path)


def _named(net: nn.Module, kind: type[nn.Module]) -> list[tuple[str, Any]]:
    return [(name, layer) for name, layer in net.named_modules() if isinstance(layer, kind)]


def _load(net: nn.Module, state: dict[str, Any], path: PathLike) -> None:
    from fiqa.nets.catalog import check_state

    found: dict[str, Tensor] = {
        name: torch.tensor(np.asarray(value)) for name, value in state.items()
    }
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    what = f"{path} must hold the network that it is loaded into"
    check_state(found, shapes, what, hint="the backbone and factors of the model's card")
    net.load_state_dict(found)
