"""TFLite by LiteRT, in float32; converted by litert-torch, one crop at a time."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path

import numpy as np

from fiqa.deployment.engines.engine import Call, Engine, failed, rows
from fiqa.extras import require
from fiqa.types import FloatArray

__all__ = ["ENGINE"]


class TfLite(Engine):
    """LiteRT on the CPU."""

    name, suffix, only_static = "tflite", ".tflite", True

    def version(self) -> str:
        """Returns the version of LiteRT."""
        require("ai_edge_litert.interpreter", extra="tflite")
        return f"ai-edge-litert {metadata.version('ai-edge-litert')}"

    def convert(self, model: bytes, path: Path, shape: Sequence[int], *, static: bool) -> None:
        """Writes the file; see Engine.convert."""
        torch = require("torch", extra="train")
        logging.disable(logging.WARNING)
        try:
            # the converter tells its progress on standard output, and warns of its own parts
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                litert_torch = require("litert_torch", extra="tflite")
                from fiqa.nets.from_onnx import OnnxNet

                net = OnnxNet(model).eval()
                litert_torch.convert(net, (torch.zeros(tuple(shape)),)).export(str(path))
        except (RuntimeError, ValueError, TypeError) as error:
            raise failed("litert-torch", error) from error
        finally:
            logging.disable(logging.NOTSET)

    def open(self, path: Path, outputs: Sequence[str], *, threads: int = 1) -> Call:
        """Returns what runs the file; see Engine.open. litert-torch names the outputs output_0,
        output_1, ..."""
        litert = require("ai_edge_litert.interpreter", extra="tflite")
        try:
            interpreter = litert.Interpreter(model_path=str(path), num_threads=threads)
            runner = interpreter.get_signature_runner()
        except (RuntimeError, ValueError) as error:
            raise failed("tflite", error) from error
        (name,) = runner.get_input_details()

        def call(values: FloatArray) -> list[FloatArray]:
            parts = [runner(**{name: values[k : k + 1]}) for k in range(len(values))]
            columns = [[part[f"output_{k}"] for part in parts] for k in range(len(outputs))]
            return rows([np.concatenate(column) for column in columns], len(values))

        return call


ENGINE = TfLite()
