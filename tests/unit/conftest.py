"""Tiny ONNX models with their cards, made in the test that asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.functional.calibration import Calibration
from fiqa.runtime.cards import ModelCard, ModelInput, ModelOutput, card_path, write_card

Maker = Callable[..., Path]


def _save(
    path: Path,
    nodes: list[Any],
    outputs: list[Any],
    weights: dict[str, np.ndarray],
    batch: int | str,
    size: int,
) -> None:
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def _card(
    path: Path, kind: str, outputs: tuple[ModelOutput, ...], size: int, changes: dict[str, Any]
) -> None:
    card = {
        "name": path.stem,
        "kind": kind,
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input": ModelInput(
            size=size, color="RGB", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3
        ),
        "outputs": outputs,
        "embedding_dim": 8 if kind == "recognizer" else None,
        "calibration": Calibration(x0=0.1, w=0.05) if kind == "quality" else None,
    }
    write_card(ModelCard(**(card | changes)), card_path(path))


@pytest.fixture
def tiny_recognizer(tmp_path: Path) -> Maker:
    """Makes a recognizer with a card: pooled pixels times a random (147,8) matrix; fields of the
    card can be changed."""

    def make(
        name: str = "tiny", *, batch: int | str = "N", size: int = 112, **changes: Any
    ) -> Path:
        from onnx import helper

        path = tmp_path / f"{name}.onnx"
        nodes = [
            helper.make_node(
                "AveragePool", ["x"], ["p"], kernel_shape=[size // 7] * 2, strides=[size // 7] * 2
            ),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["e"]),
        ]
        matrix = np.random.default_rng(7).normal(size=(147, 8)).astype(np.float32)
        _save(path, nodes, [("e", [batch, 8])], {"w": matrix}, batch, size)
        _card(path, "recognizer", (ModelOutput(name="e", role="embedding"),), size, changes)
        return path

    return make


@pytest.fixture
def tiny_quality(tmp_path: Path) -> Maker:
    """Makes a quality model with a card: mean absolute difference of neighboring green pixels, its
    negative when `sign` is -1, and two factors."""

    def make(
        name: str = "sharp",
        *,
        sign: float = 1.0,
        higher: bool = True,
        batch: int | str = "N",
        **changes: Any,
    ) -> Path:
        from onnx import helper

        path = tmp_path / f"{name}.onnx"
        nodes = [
            helper.make_node("Conv", ["x", "k"], ["d"]),
            helper.make_node("Abs", ["d"], ["a"]),
            helper.make_node("ReduceMean", ["a"], ["m"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Mul", ["m", "sign"], ["q"]),
            helper.make_node("ReduceMean", ["x"], ["r"], axes=[2, 3], keepdims=0),
            helper.make_node("Slice", ["r", "from", "to", "axis"], ["f"]),
        ]
        kernel = np.zeros((1, 3, 1, 2), np.float32)
        kernel[0, 1, 0] = (1, -1)
        weights = {"k": kernel, "sign": np.array(sign, np.float32)}
        weights |= {"from": np.array([0]), "to": np.array([2]), "axis": np.array([1])}
        _save(path, nodes, [("q", [batch]), ("f", [batch, 2])], weights, batch, 112)
        outputs = (
            ModelOutput(name="q", role="quality", higher_is_better=higher),
            ModelOutput(
                name="f", role="factors", factors=("blur", "pose"), reasons={"blur": "blurry"}
            ),
        )
        _card(path, "quality", outputs, 112, changes)
        return path

    return make


@pytest.fixture
def tiny_shaped(tmp_path: Path) -> Maker:
    """Makes a quality model with a card of given nodes, each (op, inputs, outputs, attributes),
    that lead from "m", the mean of each channel (N,3), to "q"; whose shape the file leaves open
    unless `shape` says it. `weights` are more constants."""

    def make(
        *nodes: tuple[str, list[str], list[str], dict[str, Any]],
        shape: list[int | str] | None = None,
        weights: dict[str, np.ndarray] | None = None,
        name: str = "shaped",
        batch: int | str = "N",
        **changes: Any,
    ) -> Path:
        from onnx import helper

        path = tmp_path / f"{name}.onnx"
        mean = helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0)
        rest = [helper.make_node(op, given, made, **more) for op, given, made, more in nodes]
        constants = {"one": np.array([1]), "two": np.array([2]), "zero": np.array([0])}
        _save(path, [mean, *rest], [("q", shape)], constants | (weights or {}), batch, 112)
        _card(path, "quality", (ModelOutput(name="q", role="quality"),), 112, changes)
        return path

    return make


@pytest.fixture(scope="session")
def shrink() -> Callable[[pytest.MonkeyPatch], None]:
    """Makes mobilenet_v3_small three blocks deep instead of eleven, in this process and until the
    patch is undone: its kinds of layer, its names of parameters and its width of 576 stay, a step
    costs a third."""

    def make(patch: pytest.MonkeyPatch) -> None:
        from fiqa.nets import mobilenetv3

        rows = (*mobilenetv3._SMALL[:2], mobilenetv3._SMALL[3]._replace(outputs=96))
        patch.setitem(mobilenetv3._VARIANTS, "small", (rows, mobilenetv3._VARIANTS["small"][1]))

    return make


@pytest.fixture
def trainable(
    trainable_in: Callable[..., dict[str, Any]],
    shrink: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., dict[str, Any]]:
    """`trainable_in` the test's own folder, with the backbone shrunk; `whole` leaves it as it is,
    for what other processes train."""

    def make(*counts: int, whole: bool = False, **changes: Any) -> dict[str, Any]:
        if not whole:
            shrink(monkeypatch)
        return trainable_in(tmp_path, *counts, **changes)

    return make


@pytest.fixture(scope="session")
def trainable_in() -> Callable[..., dict[str, Any]]:
    """Makes crops of `people` x `images` drawn faces of falling sharpness, their labels and factors
    in a folder; returns a recipe for a small, quick network, as TOML has it: tables of values, with
    `changes` (table__key=value) over them."""

    def make(home: Path, people: int = 4, images: int = 6, **changes: Any) -> dict[str, Any]:
        import cv2
        import polars as pl

        rng = np.random.default_rng(3)
        folder = home / "faces"
        rows = []
        for person in range(people):
            base = cv2.resize(
                rng.integers(0, 256, (8, 8, 3), np.uint8), (32, 32), interpolation=cv2.INTER_NEAREST
            )
            (folder / f"p{person}").mkdir(parents=True, exist_ok=True)
            for k in range(images):
                crop = cv2.GaussianBlur(base, (0, 0), 0.3 + 0.9 * k)
                cv2.imwrite(str(folder / f"p{person}" / f"{k}.png"), crop)
                value = 0.85 - 0.6 * k / max(images - 1, 1) - 0.01 * person
                rows.append(
                    {
                        "id": f"p{person}/{k}",
                        "value": value,
                        "factors": {"blur": value, "pose": None},
                    }
                )
        frame = pl.DataFrame(rows)
        frame.select("id", "value").write_csv(home / "labels.csv")
        frame.select("id", "factors").write_parquet(home / "factors.parquet")
        recipe: dict[str, Any] = {
            "data": {
                "faces": str(folder),
                "labels": str(home / "labels.csv"),
                "size": 32,
                "validation": 0.25,
            },
            "model": {"backbone": "mobilenet_v3_small"},
            "optim": {"lr": 1e-3, "batch": 6, "epochs": 2},
            "run": {"device": "cpu", "threads": 1, "workers": 1},
        }
        for name, value in changes.items():
            table, _, key = name.partition("__")
            recipe.setdefault(table, {})[key] = value
        return recipe

    return make
