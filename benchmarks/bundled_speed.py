"""The bundled models over LightQNet dm100 on one thread, and scoring over the network's own pass.

LightQNet runs in OpenCV's DNN module, the bundled model both there and as it ships, in ONNX
Runtime. DATA/models must hold lightqnet-dm100.pb (`fiqa weights pull lightqnet-dm100` fetches it)
for the first two; the third needs nothing.

Usage: python benchmarks/bundled_speed.py [--part shipped] [--quick] [--data DATA]
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
from bench import Result, Setting, Skip, in_turns, main, ratio, timed

from fiqa.methods.bundled import WEIGHTS
from fiqa.methods.bundled.large import WEIGHTS as LARGE
from fiqa.runtime.onnx import OnnxScorer, open_session
from fiqa.runtime.preprocess import prepare

CALLS = 40
PEER, OPENCV, SHIPPED, BIG = (
    "LightQNet dm100, OpenCV (baseline)",
    "fiqa, OpenCV",
    "fiqa, ONNX Runtime",
    "fiqa-large, ONNX Runtime",
)


def through_opencv(net: cv2.dnn.Net, side: int) -> Callable[[], object]:
    """One crop, CALLS times, through a network of OpenCV's."""
    crop = np.random.default_rng(0).normal(size=(1, 3, side, side)).astype(np.float32)

    def run() -> None:
        for _ in range(CALLS):
            net.setInput(crop)
            net.forward()

    return run


def single(setting: Setting) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    """Seconds of one crop on one thread."""
    file = setting.data / "models" / "lightqnet-dm100.pb"
    if not file.is_file():
        raise Skip(f"needs {file.name} in {file.parent.name} of the measuring data")
    cv2.setNumThreads(1)
    session, large = (
        open_session(each.read_bytes(), str(each), threads=1) for each in (WEIGHTS, LARGE)
    )
    crop = {"crops": np.random.default_rng(0).normal(size=(1, 3, 112, 112)).astype(np.float32)}
    calls: dict[str, Callable[[], object]] = {
        PEER: through_opencv(cv2.dnn.readNetFromTensorflow(str(file)), 96),
        OPENCV: through_opencv(cv2.dnn.readNetFromONNX(str(WEIGHTS)), 112),
        SHIPPED: lambda: [session.run(None, crop) for _ in range(CALLS)],
        BIG: lambda: [large.run(None, crop) for _ in range(CALLS)],
    }
    took = in_turns(calls, setting.rounds(15))
    lines = [timed(name, seconds, CALLS, "ms a face") for name, seconds in took.items()]
    sizes = " and ".join(f"{file.stat().st_size / 1e6:.2f}" for file in (WEIGHTS, LARGE))
    return took, (*lines, f"{sizes} MB of weights")


def shipped(setting: Setting) -> Result:
    """The bundled model as it ships."""
    took, details = single(setting)
    return Result(
        "the bundled model as it ships over LightQNet dm100",
        ratio(took[SHIPPED], took[PEER]),
        0.5,
        details,
    )


def opencv(setting: Setting) -> Result:
    """Both through the same runtime."""
    took, details = single(setting)
    return Result(
        "the bundled model over LightQNet dm100, both in OpenCV",
        ratio(took[OPENCV], took[PEER]),
        1.0,
        details,
    )


def batch(setting: Setting) -> Result:
    """`score` of many crops on every core over the network's pass alone."""
    count = setting.count(512, 64)
    scorer = OnnxScorer(WEIGHTS)
    crops = np.random.default_rng(0).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
    session = open_session(WEIGHTS.read_bytes(), str(WEIGHTS))
    ready = [
        {"crops": prepare(crops[i : i + 32], scorer.model.card.input)} for i in range(0, count, 32)
    ]
    names = [output.name for output in scorer.model.card.outputs]
    calls: dict[str, Callable[[], object]] = {
        "fiqa.load().score, every core": lambda: scorer.score(crops),
        "the network's pass, every core (baseline)": lambda: [
            session.run(names, part) for part in ready
        ],
    }
    took = in_turns(calls, setting.rounds(9), time.perf_counter)
    details = tuple(timed(name, seconds, count, "ms a crop") for name, seconds in took.items())
    return Result("score over the network's pass alone", ratio(*took.values()), 1.3, details)


PARTS = {"shipped": shipped, "opencv": opencv, "batch": batch}

if __name__ == "__main__":
    main(__doc__, PARTS)
