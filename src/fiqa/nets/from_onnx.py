"""From the bytes of an ONNX file to a torch network: for converters that start at torch.

It knows the operators of the networks that fiqa exports; another one is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fiqa.errors import WeightsError
from fiqa.extras import require

__all__ = ["OnnxNet"]

Operator = Callable[[Sequence[Any], Mapping[str, Any]], Tensor]


class OnnxNet(nn.Module):
    """A network that computes what an ONNX file does.

    Args:
        model: an ONNX file with one input.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
        WeightsError: an operator that is not known here.
    """

    def __init__(self, model: bytes) -> None:
        super().__init__()
        onnx = require("onnx", extra="train")
        graph = onnx.load_from_string(model).graph
        unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys() - {"Constant"})
        if unknown:
            raise WeightsError(f"A model must be of known operators, it has {', '.join(unknown)}.")
        fixed = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        fixed |= {
            node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t)
            for node in graph.node
            if node.op_type == "Constant"
        }
        self.given = next(value.name for value in graph.input if value.name not in fixed)
        self.made = [value.name for value in graph.output]
        self.steps: list[tuple[str, list[str], dict[str, Any], str]] = []
        for node in graph.node:
            if node.op_type == "Constant":
                continue
            how = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            self.steps.append((node.op_type, list(node.input), how, node.output[0]))
        # Whole numbers and single ones are shapes, axes and limits, which a trace must know.
        self.numbers = {
            name: value if value.ndim else value.item()
            for name, value in fixed.items()
            if not value.ndim or not np.issubdtype(value.dtype, np.floating)
        }
        self.weights: dict[str, str] = {}
        for count, (name, value) in enumerate(fixed.items()):
            if name not in self.numbers:
                self.weights[name] = f"w{count}"
                self.register_buffer(f"w{count}", torch.from_numpy(value.copy()))

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Returns the outputs, in the order of the file.

        Args:
            crops: the input.
        """
        values: dict[str, Any] = {self.given: crops, "": None, **self.numbers}
        values |= {name: getattr(self, place) for name, place in self.weights.items()}
        for kind, inputs, how, output in self.steps:
            values[output] = OPERATORS[kind]([values[name] for name in inputs], how)
        return tuple(values[name] for name in self.made)


def _conv(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    top, left, bottom, right = how.get("pads", (0, 0, 0, 0))
    bias = x[2] if len(x) > 2 else None
    steps, holes, groups = (
        tuple(how.get("strides", (1, 1))),
        tuple(how.get("dilations", (1, 1))),
        how.get("group", 1),
    )
    same = (top, left) == (bottom, right)
    image = x[0] if same else functional.pad(x[0], (left, right, top, bottom))
    around = (top, left) if same else (0, 0)
    return functional.conv2d(image, x[1], bias, steps, around, holes, groups)


def _gemm(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    left = x[0].T if how.get("transA") else x[0]
    weight = x[1] if how.get("transB") else x[1].T
    bias = x[2] * how.get("beta", 1.0) if len(x) > 2 else None
    return functional.linear(left * how.get("alpha", 1.0), weight, bias)


def _clip(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    low, high = (*x[1:], None, None)[:2]
    return torch.clamp(x[0], low, high)


def _slice(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    value, starts, ends = x[0], x[1], x[2]
    axes = x[3] if len(x) > 3 else range(len(starts))
    for start, end, axis in zip(starts, ends, axes, strict=True):
        length = value.shape[int(axis)]
        stop = min(int(end), length) if end >= 0 else length + int(end)
        value = value.narrow(int(axis), int(start), stop - int(start))
    return value


def _mean(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    axes = how["axes"] if "axes" in how else x[1].tolist()
    return x[0].mean(dim=tuple(axes), keepdim=bool(how.get("keepdims", 1)))


def _norm(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    return functional.batch_norm(x[0], x[3], x[4], x[1], x[2], eps=how.get("epsilon", 1e-5))


def _prelu(x: Sequence[Any], how: Mapping[str, Any]) -> Tensor:
    return torch.where(x[0] >= 0, x[0], x[0] * x[1])


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "Add": lambda x, how: x[0] + x[1],
        "BatchNormalization": _norm,
        "Clip": _clip,
        "Concat": lambda x, how: torch.cat(list(x), dim=how["axis"]),
        "Conv": _conv,
        "Div": lambda x, how: x[0] / x[1],
        "Flatten": lambda x, how: x[0].flatten(how.get("axis", 1)),
        "Gemm": _gemm,
        "GlobalAveragePool": lambda x, how: x[0].mean(dim=(2, 3), keepdim=True),
        "HardSigmoid": lambda x, how: torch.clamp(
            x[0] * how.get("alpha", 0.2) + how.get("beta", 0.5), 0, 1
        ),
        "HardSwish": lambda x, how: functional.hardswish(x[0]),
        "Identity": lambda x, how: x[0],
        "Mul": lambda x, how: x[0] * x[1],
        "PRelu": _prelu,
        "ReduceMean": _mean,
        "Relu": lambda x, how: functional.relu(x[0]),
        "Reshape": lambda x, how: x[0].reshape([int(v) for v in x[1]]),
        "Sigmoid": lambda x, how: torch.sigmoid(x[0]),
        "Slice": _slice,
        "Sub": lambda x, how: x[0] - x[1],
    }
)
"""Operator of ONNX -> what computes it from its inputs and attributes."""
