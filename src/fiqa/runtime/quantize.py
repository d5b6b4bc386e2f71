"""int8 models: weights and activations of an ONNX file as bytes, from the ranges that real crops
give (static, QDQ)."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.extras import require
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.preprocess import prepare

__all__ = ["preprocessed", "quantized"]

_BATCH = 16


def preprocessed(model: bytes) -> bytes:
    """Returns the model as quantization takes it: shapes inferred, constants folded.

    Args:
        model: an ONNX file.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
    """
    require("onnx", extra="train")
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with _quiet_folder() as folder:
        first, plain = folder / "first.onnx", folder / "plain.onnx"
        first.write_bytes(model)
        quant_pre_process(str(first), str(plain), skip_symbolic_shape=True)
        return plain.read_bytes()


def quantized(
    model: bytes,
    crops: NDArray[np.uint8],
    spec: ModelInput,
    *,
    leave: Sequence[str] = (),
    per_channel: bool = True,
) -> bytes:
    """Returns the model in int8: per-channel weights, activations in the range that `crops` give
    them; inputs and outputs stay float32.

    Args:
        model: an ONNX file, as `preprocessed` gives it.
        crops: (N,S,S,3) uint8 RGB, at least 1; faces as the model will meet them.
        spec: the `input` of the model's card.
        leave: names of the nodes that stay in float32.
        per_channel: one scale for each channel of the weights; False: one for all.

    Raises:
        MissingExtraError: onnx comes with fiqa[train].
        EvidenceError: no crop.
    """
    if not len(crops):
        raise EvidenceError("int8 needs at least one crop to take ranges from, got none.")
    require("onnx", extra="train")
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with _quiet_folder() as folder:
        plain, small = folder / "plain.onnx", folder / "small.onnx"
        plain.write_bytes(model)
        quantize_static(
            str(plain),
            str(small),
            _Reader(crops, spec, _input_name(model)),  # pyright: ignore[reportArgumentType]
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(leave),
            # The mean of the batches' ranges: one odd crop would widen that of all together.
            # _Reader makes the batches alike.
            extra_options={"CalibMovingAverage": True},
        )
        return small.read_bytes()


@contextmanager
def _quiet_folder() -> Iterator[Path]:
    """A folder for what onnxruntime reads and writes, while it says nothing."""
    logger = logging.getLogger()
    level = logger.level
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnxruntime's own deprecations
        logger.setLevel(logging.ERROR)
        try:
            yield Path(folder)
        finally:
            logger.setLevel(level)


def _input_name(model: bytes) -> str:
    from fiqa.runtime.onnx import open_session

    return str(open_session(model, "the model", threads=1).get_inputs()[0].name)


class _Reader:
    """Hands out the prepared crops batch by batch: what onnxruntime.quantization calls a
    calibration data reader.

    Every batch counts as much, so they are of one size, but for one crop, and drawn from all crops:
    a last batch of few, or dark crops that stand together, would narrow the mean of the ranges.
    """

    def __init__(self, crops: NDArray[np.uint8], spec: ModelInput, name: str) -> None:
        order = np.random.default_rng(0).permutation(len(crops))
        self._parts: Iterator[NDArray[np.float32]] = (
            prepare(crops[rows], spec) for rows in np.array_split(order, -(-len(crops) // _BATCH))
        )
        self._name = name

    def get_next(self) -> dict[str, Any] | None:
        """Returns the next batch by input name, None at the end."""
        part = next(self._parts, None)
        return None if part is None else {self._name: part}
