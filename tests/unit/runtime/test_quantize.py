"""int8 keeps a simple model's order, takes its ranges from the crops, and takes less room."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import EvidenceError
from fiqa.functional.agreement import spearman
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.latency import latency
from fiqa.runtime.onnx import open_session
from fiqa.runtime.preprocess import prepare
from fiqa.runtime.quantize import quantized

onnx = pytest.importorskip("onnx")

pytestmark = pytest.mark.numeric

SPEC = ModelInput(size=16, color="RGB", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def model(rng) -> bytes:
    """Two convolutions with a ReLU between, then a mean: 3 -> 32 -> 1 channels."""
    from onnx import TensorProto, helper, numpy_helper

    weights = {"a": rng.normal(size=(32, 3, 3, 3)) / 5, "b": rng.normal(size=(1, 32, 3, 3)) / 15}
    nodes = [
        helper.make_node("Conv", ["crops", "a"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "b"], ["o"]),
        helper.make_node("ReduceMean", ["o"], ["q"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("q", TensorProto.FLOAT, ["N", 1])],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


@pytest.fixture
def crops(rng) -> np.ndarray:
    levels = rng.uniform(20, 235, (40, 1, 1, 3))
    return np.clip(levels + rng.normal(0, 20, (40, 16, 16, 3)), 0, 255).astype(np.uint8)


def run(content: bytes, crops: np.ndarray) -> np.ndarray:
    return open_session(content, "m", threads=1).run(None, {"crops": prepare(crops, SPEC)})[0][:, 0]


def test_order_and_size_hold(model, crops):
    small = quantized(model, crops[:20], SPEC)
    full, rough = run(model, crops[20:]), run(small, crops[20:])
    assert np.ptp(full) > 0.1
    assert not np.array_equal(full, rough)
    assert spearman(rough, full) > 0.98
    assert b"QuantizeLinear" in small
    assert b"QuantizeLinear" not in model


def test_the_ranges_come_from_the_crops(model, crops):
    dull = np.full((4, 16, 16, 3), 128, np.uint8)
    narrow = quantized(model, dull, SPEC)
    full = run(model, crops)
    error = {
        name: np.abs(run(m, crops) - full).mean()
        for name, m in {"narrow": narrow, "right": quantized(model, crops, SPEC)}.items()
    }
    assert error["narrow"] > 3 * error["right"]
    with pytest.raises(
        EvidenceError, match="int8 needs at least one crop to take ranges from, got none"
    ):
        quantized(model, crops[:0], SPEC)


@pytest.mark.parametrize(
    "how",
    ["the last one alone is dull", "the dull ones stand together", "every second one is dull"],
)
def test_dull_crops_do_not_spoil_the_ranges_wherever_they_stand(model, crops, how):
    # Batches hold 16: with one crop more, the last batch would have that one alone.
    dull = np.full((17, 16, 16, 3), 128, np.uint8)
    ordered = {
        "the last one alone is dull": (crops[:16], dull[:1]),
        "the dull ones stand together": (crops[:16], dull[:16]),
        "every second one is dull": (np.stack([crops[:16], dull[:16]], 1).reshape(-1, 16, 16, 3),),
    }[how]
    full = run(model, crops)
    rough = run(quantized(model, np.concatenate(ordered), SPEC), crops)
    right = run(quantized(model, crops[:16], SPEC), crops)
    assert np.abs(rough - full).mean() < 2 * np.abs(right - full).mean()


def test_latency_counts_runs_and_orders_percentiles(model):
    found = latency(model, size=16, threads=2, runs=7)
    assert (found.size, found.threads, found.runs) == (16, 2, 7)
    assert 0 < found.p50 <= found.p95


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_latency_is_that_of_a_session_with_these_threads(model, monkeypatch, threads):
    opened = []

    def watched(content, name, **options):
        opened.append(open_session(content, name, **options))
        return opened[-1]

    monkeypatch.setattr("fiqa.runtime.latency.open_session", watched)
    assert latency(model, size=16, threads=threads, runs=1).threads == threads
    assert [session.get_session_options().intra_op_num_threads for session in opened] == [threads]
