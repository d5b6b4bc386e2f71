"""From a torch network to the bytes of an ONNX file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import torch
from torch import nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from fiqa.errors import WeightsError

__all__ = ["onnx_bytes"]

_OPSET = 17


def onnx_bytes(net: nn.Module, *, size: int, outputs: Sequence[str]) -> bytes:
    """Returns `net` as ONNX: one input `crops` (N,3,size,size) float32, any N, and named outputs.

    Every tensor is inside.

    It is traced (torch's TorchScript exporter): these networks have no branches, and the exporter
    that captures them would take forty times as long. A branch that depends on the data is an
    error, not a file that is wrong.

    Args:
        net: gives a tuple of tensors, one per name; it is exported as it is in evaluation mode.
        size: side of the input in pixels.
        outputs: names of what it gives.

    Raises:
        WeightsError: torch cannot export this network.
    """
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.onnx.export(
                net.eval(),
                # Two rows: a trace with one may take the number of rows for a constant.
                (torch.zeros(2, 3, size, size),),
                file,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=_OPSET,
                input_names=["crops"],
                output_names=list(outputs),
                dynamic_axes={name: {0: "N"} for name in ("crops", *outputs)},
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise WeightsError(f"{type(net).__name__} cannot be exported to ONNX: {error}.") from error
    # Of the warnings only these say that the file is wrong; the others are what torch deprecates
    # inside its own exporter.
    for warning in told:
        if issubclass(warning.category, TracerWarning):
            raise WeightsError(
                f"{type(net).__name__} cannot be exported to ONNX: {warning.message}"
            )
    return file.getvalue()
