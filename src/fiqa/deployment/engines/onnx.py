"""ONNX by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fiqa.deployment.engines.engine import Call, Engine, rows
from fiqa.extras import require
from fiqa.runtime.onnx import open_session, runtime_version
from fiqa.types import FloatArray

__all__ = ["ENGINE", "fixed"]


class Onnx(Engine):
    """onnxruntime on the CPU."""

    name, suffix = "onnx", ".onnx"

    def version(self) -> str:
        """Returns the version of onnxruntime."""
        return f"onnxruntime {runtime_version()}"

    def convert(self, model: bytes, path: Path, shape: Sequence[int], *, static: bool) -> None:
        """Writes the file; see Engine.convert."""
        path.write_bytes(fixed(model, shape) if static else model)

    def open(self, path: Path, outputs: Sequence[str], *, threads: int = 1) -> Call:
        """Returns what runs the file; see Engine.open."""
        session = open_session(path.read_bytes(), str(path), threads=threads)
        name, names = session.get_inputs()[0].name, list(outputs)

        def call(values: FloatArray) -> list[FloatArray]:
            return rows(session.run(names, {name: values}), len(values))

        return call


ENGINE = Onnx()


def fixed(model: bytes, shape: Sequence[int]) -> bytes:
    """Returns an ONNX file that takes inputs of one shape only.

    Args:
        model: an ONNX file with one input.
        shape: of the input.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
    """
    onnx = require("onnx", extra="train")
    parsed = onnx.load_from_string(model)
    del parsed.graph.value_info[:]
    (given,) = parsed.graph.input
    for axis, length in zip(given.type.tensor_type.shape.dim, shape, strict=True):
        axis.Clear()
        axis.dim_value = length
    for output in parsed.graph.output:
        first = output.type.tensor_type.shape.dim[0]
        first.Clear()
        first.dim_value = shape[0]
    return bytes(parsed.SerializeToString())
