"""A small network that sees everything: where pixels are, which channel, how bright."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fiqa.functional.calibration import Calibration
from fiqa.runtime.cards import ModelCard, ModelInput, ModelOutput, card_path, write_card

Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Makes a network of two convolutions and a last layer with random weights, with its card; with
    `gates`, squeeze and excitation between them."""

    def make(name: str = "small", *, gates: bool = False) -> Path:
        from onnx import TensorProto, helper, numpy_helper

        draw = np.random.default_rng(3)
        weights = {
            "w1": draw.normal(size=(8, 3, 5, 5)) / 9,
            "w2": draw.normal(size=(16, 8, 3, 3)) / 9,
            "w3": draw.normal(size=(3, 1296)) / 36,
            "b3": draw.normal(size=3) / 9,
        }
        nodes = [
            helper.make_node("Conv", ["x", "w1"], ["a"], name="first", strides=[4, 4]),
            helper.make_node("Relu", ["a"], ["b"], name="relu1"),
        ]
        last = "b"
        if gates:
            weights["w4"] = draw.normal(size=(8, 8, 1, 1))
            nodes += [
                helper.make_node("GlobalAveragePool", ["b"], ["p"], name="pool"),
                helper.make_node("Conv", ["p", "w4"], ["s"], name="squeeze"),
                helper.make_node("Sigmoid", ["s"], ["g"], name="gate"),
                helper.make_node("Mul", ["b", "g"], ["m"], name="product"),
            ]
            last = "m"
        nodes += [
            helper.make_node("Conv", [last, "w2"], ["c"], name="second", strides=[3, 3]),
            helper.make_node("Relu", ["c"], ["d"], name="relu2"),
            helper.make_node("Flatten", ["d"], ["e"], name="flat"),
            helper.make_node("Gemm", ["e", "w3", "b3"], ["z"], name="last", transB=1),
            helper.make_node("Slice", ["z", "n0", "n1", "n1"], ["quality"], name="q"),
            helper.make_node("Slice", ["z", "n1", "n3", "n1"], ["raw"], name="r"),
            helper.make_node("Sigmoid", ["raw"], ["factors"], name="f"),
        ]
        numbers = {"n0": [0], "n1": [1], "n3": [3]}
        side = TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("x", side, ["N", 3, 112, 112])],
            # the quality is not the first in the file: outputs go by name
            [
                helper.make_tensor_value_info("factors", side, ["N", 2]),
                helper.make_tensor_value_info("quality", side, ["N", 1]),
            ],
            [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
            + [numpy_helper.from_array(np.array(v), k) for k, v in numbers.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path_factory.mktemp("small") / f"{name}.onnx"
        path.write_bytes(made.SerializeToString())
        card = ModelCard(
            name=name,
            kind="quality",
            file=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            input=ModelInput(
                size=112, color="RGB", layout="NCHW", scale=255,
                mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
            ),
            outputs=(
                ModelOutput(name="factors", role="factors", factors=("blur", "crop")),
                ModelOutput(name="quality", role="quality"),
            ),
            calibration=Calibration(x0=0.0, w=1.0),
        )  # fmt: skip
        write_card(card, card_path(path))
        return path

    return make
