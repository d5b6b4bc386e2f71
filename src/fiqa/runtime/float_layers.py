"""int8 that passes: the first, the last and the squeeze-and-excitation layers are left in float32,
one more at a time, until a gate holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.extras import require
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.quantize import preprocessed, quantized

__all__ = ["Quantized", "candidates", "passing_int8"]

_LAYERS = ("Conv", "Gemm", "MatMul")
_POOLS = ("GlobalAveragePool", "ReduceMean", "AveragePool")
Judge = Callable[[bytes], dict[str, Any]]


@dataclass(frozen=True)
class Quantized:
    """An int8 model that passed.

    Attributes:
        content: the ONNX file.
        report: what the gate measured.
        left: names of the layers in float32.
        refused: what the gate said of each model before, with fewer of them.
    """

    content: bytes
    report: dict[str, Any]
    left: tuple[str, ...]
    refused: tuple[str, ...]

    def told(self, report: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
        """Returns the bytes, and a report with what was found about them.

        Args:
            report: of the fp32 model.
        """
        numbers = {f"int8 against fp32, {name}": value for name, value in self.report.items()}
        left = ", ".join(self.left)
        return self.content, report | {
            "bytes_int8": len(self.content),
            "gate": self.report,
            "float_layers": list(self.left),
            "refused": list(self.refused),
            "numbers": numbers | ({"int8, layers in float32": left} if left else {}),
        }


def passing_int8(
    model: bytes, crops: NDArray[np.uint8], spec: ModelInput, judge: Judge
) -> Quantized:
    """Returns the first int8 model that a gate lets pass: all layers in int8, else with one more
    layer in float32 each time.

    Args:
        model: an ONNX file in float32.
        crops: (N,S,S,3) that the ranges are taken from.
        spec: the input of its card.
        judge: from an int8 file to what it measured; raises EvidenceError where that is too little.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
        EvidenceError: none passes, with what the gate said of each.
    """
    plain = preprocessed(model)
    left: list[str] = []
    refused: list[str] = []
    for name in (None, *candidates(plain)):
        left += [name] if name else []
        content = quantized(plain, crops, spec, leave=left)
        try:
            report = judge(content)
        except EvidenceError as error:
            refused.append(f"{', '.join(left) or 'no layer'} in float32: {error.message}")
            continue
        return Quantized(content, report, tuple(left), tuple(refused))
    raise EvidenceError(
        "int8 is refused, with first, last and squeeze-and-excitation layers in float32 too.\n"
        + "\n".join(refused),
        hint="export without int8, or allow more if the numbers are good enough for you",
    )


def candidates(model: bytes) -> tuple[str, ...]:
    """Returns the layers that may stay in float32, in the order in which they are tried: the first,
    the last, then those of squeeze and excitation.

    Args:
        model: an ONNX file whose nodes have names.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
    """
    graph = require("onnx", extra="train").load_from_string(model).graph
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    layers = [node for node in graph.node if node.op_type in _LAYERS]
    last = [node for node in layers if not any(n.op_type in _LAYERS for n in _after(node, takers))]
    squeezed = [
        node
        for pool in graph.node
        if pool.op_type in _POOLS and any(n.op_type == "Mul" for n in _after(pool, takers))
        for node in _until_mul(pool, takers)
    ]
    names = [node.name for node in (*layers[:1], *last, *squeezed)]
    return tuple(dict.fromkeys(name for name in names if name))


def _after(node: Any, takers: dict[str, list[Any]]) -> Iterator[Any]:
    """All nodes that use what a node gives, directly or through others."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        for name in waiting.pop().output:
            for taker in takers.get(name, ()):
                if id(taker) not in seen:
                    seen.add(id(taker))
                    waiting.append(taker)
                    yield taker


def _until_mul(pool: Any, takers: dict[str, list[Any]]) -> Iterator[Any]:
    """The layers between a pool and the product that it gates."""
    node = pool
    while len(following := takers.get(node.output[0], [])) >= 1:
        node = following[0]
        if node.op_type == "Mul" and len(following) == 1:
            return
        if node.op_type in _LAYERS:
            yield node
