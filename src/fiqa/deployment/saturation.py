"""A model whose layers can be made to saturate, one at a time: what a chip with too few bits
computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fiqa.extras import require
from fiqa.runtime.onnx import open_session
from fiqa.types import FloatArray

__all__ = ["Saturating"]

_LAYERS = ("Conv", "Gemm", "MatMul", "Add")
_BATCH = 32


class Saturating:
    """The model, with a limit for each layer.

    Args:
        model: an ONNX file.
        outputs: the ones to read, in order.

    Attributes:
        layers: names of what can saturate, in the order of the file.
        largest: name -> the largest value of the layer on what was run with `measure`.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
    """

    def __init__(self, model: bytes, outputs: Sequence[str]) -> None:
        onnx = require("onnx", extra="train")
        parsed = onnx.load_from_string(model)
        del parsed.graph.value_info[:]
        nodes, given = list(parsed.graph.node), parsed.graph.input[0].name
        fixed = {value.name for value in parsed.graph.initializer}
        names = {f"layer{k}": node for k, node in enumerate(nodes) if node.op_type in _LAYERS}
        del parsed.graph.node[:]
        for k, node in enumerate(nodes):
            parsed.graph.node.append(node)
            if f"layer{k}" not in names:
                continue
            made = node.output[0]
            parsed.graph.node[-1].output[0] = f"{made}:free"
            limits = (f"low:{k}", f"high:{k}")
            clip = onnx.helper.make_node("Clip", [f"{made}:free", *limits], [made])
            parsed.graph.node.append(clip)
            for limit in limits:
                value = onnx.helper.make_tensor_value_info(limit, onnx.TensorProto.FLOAT, [])
                parsed.graph.input.append(value)
            free = onnx.helper.make_empty_tensor_value_info(f"{made}:free")
            parsed.graph.output.append(free)
        self._session = open_session(parsed.SerializeToString(), "the model", threads=None)
        self._given, self._outputs, self._fixed = given, list(outputs), fixed
        self._free = {key: f"{node.output[0]}:free" for key, node in names.items()}
        self.layers = {key: node.name or node.output[0] for key, node in names.items()}
        self.largest: dict[str, float] = {}

    def measure(self, inputs: FloatArray) -> None:
        """Notes the largest value of each layer.

        Args:
            inputs: of the network.
        """
        self.largest = dict.fromkeys(self.layers, 0.0)
        for start in range(0, len(inputs), _BATCH):
            found = self._session.run(
                list(self._free.values()), self._feed(inputs[start : start + _BATCH])
            )
            for key, values in zip(self._free, found, strict=True):
                self.largest[key] = max(self.largest[key], float(np.abs(values).max(initial=0.0)))

    def run(self, inputs: FloatArray, layer: str, limit: float) -> FloatArray:
        """Returns (N,K) outputs where a layer gives nothing beyond a limit, on either side.

        Args:
            inputs: of the network.
            layer: a key of `layers`.
            limit: the largest size of its values.
        """
        parts = [
            np.concatenate(
                [
                    value.reshape(len(rows), -1)
                    for value in self._session.run(self._outputs, self._feed(rows, layer, limit))
                ],
                axis=1,
            )
            for rows in (inputs[k : k + _BATCH] for k in range(0, len(inputs), _BATCH))
        ]
        return np.concatenate(parts)

    def _feed(
        self, inputs: FloatArray, layer: str = "", limit: float = 0.0
    ) -> dict[str, FloatArray]:
        feed: dict[str, FloatArray] = {self._given: inputs}
        far = np.finfo(np.float32).max
        for key in self.layers:
            size = np.float32(limit if key == layer else far)
            number = key.removeprefix("layer")
            feed |= {f"low:{number}": np.array(-size), f"high:{number}": np.array(size)}
        return feed
