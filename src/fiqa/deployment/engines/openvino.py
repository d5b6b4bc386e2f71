"""OpenVINO: NAME.xml and NAME.bin, in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fiqa.deployment.engines.engine import Call, Engine, failed, rows
from fiqa.extras import require
from fiqa.types import FloatArray

__all__ = ["ENGINE"]


class OpenVino(Engine):
    """OpenVINO on the CPU."""

    name, suffix = "openvino", ".xml"

    def files(self, path: Path) -> tuple[Path, ...]:
        """Returns the graph and the weights."""
        return path, path.with_suffix(".bin")

    def version(self) -> str:
        """Returns the version of OpenVINO."""
        return f"openvino {require('openvino', extra='openvino').__version__.partition('-')[0]}"

    def convert(self, model: bytes, path: Path, shape: Sequence[int], *, static: bool) -> None:
        """Writes both files; see Engine.convert."""
        openvino = require("openvino", extra="openvino")
        try:
            graph = openvino.Core().read_model(model)
            if static:
                graph.reshape(list(shape))
            openvino.save_model(graph, str(path), compress_to_fp16=False)
        except RuntimeError as error:
            raise failed("openvino", error) from error

    def open(self, path: Path, outputs: Sequence[str], *, threads: int = 1) -> Call:
        """Returns what runs them; see Engine.open."""
        openvino = require("openvino", extra="openvino")
        # float32 as it is written: on some processors OpenVINO would compute in bfloat16
        how = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        try:
            compiled = openvino.Core().compile_model(str(path), "CPU", how)
        except RuntimeError as error:
            raise failed("openvino", error) from error
        request, names = compiled.create_infer_request(), list(outputs)

        def call(values: FloatArray) -> list[FloatArray]:
            found = request.infer({0: values})
            return rows([found[name].copy() for name in names], len(values))

        return call


ENGINE = OpenVino()
