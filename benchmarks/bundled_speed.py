"""The bundled model against LightQNet dm100: milliseconds per face on one thread, and what scoring adds to the network's own time.

Prints, from one run: both networks through OpenCV's DNN module; the bundled one as shipped (ONNX Runtime); the ratios, of which the first must be at most 1 and
the second at most 0.5; then crops per second of `fiqa.load().score` on every core, and its time relative to the network's forward pass alone (at most 1.3).
All lines of a round are timed one after the other, and the median of the rounds counts, so that a busy machine slows all of them.

Usage: python benchmarks/bundled_speed.py LIGHTQNET.pb [--model MODEL.onnx] [--crops 512] [--rounds 15]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from fiqa.methods.bundled import WEIGHTS
from fiqa.runtime.onnx import OnnxScorer, open_session
from fiqa.runtime.preprocess import prepare

CALLS = 40


def once(call: Callable[[], object], calls: int) -> float:
    """Milliseconds per call."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return 1000 * (time.perf_counter() - start) / calls


def in_turn(calls: Iterable[Callable[[], object]], count: int, rounds: int) -> list[float]:
    """Median milliseconds of each call over the rounds, after one that does not count; in a round they take turns."""
    asked = list(calls)
    took = [[once(call, count) for call in asked] for _ in range(rounds + 1)]
    return [float(ms) for ms in np.median(took[1:], axis=0)]


def through_opencv(net: cv2.dnn.Net, side: int) -> Callable[[], object]:
    """One crop through a network of OpenCV's."""
    crop = np.random.default_rng(0).normal(size=(1, 3, side, side)).astype(np.float32)

    def run() -> object:
        net.setInput(crop)
        return net.forward()

    return run


def single(lightqnet: Path, model: Path, rounds: int) -> None:
    """Prints the times of one crop on one thread."""
    cv2.setNumThreads(1)
    session = open_session(model.read_bytes(), str(model), threads=1)
    crop = {"crops": np.random.default_rng(0).normal(size=(1, 3, 112, 112)).astype(np.float32)}
    calls: dict[str, Callable[[], object]] = {
        "LightQNet dm100, OpenCV": through_opencv(cv2.dnn.readNetFromTensorflow(str(lightqnet)), 96),
        "bundled, OpenCV": through_opencv(cv2.dnn.readNetFromONNX(str(model)), 112),
        "bundled, ONNX Runtime": lambda: session.run(None, crop),
    }
    took = dict(zip(calls, in_turn(calls.values(), CALLS, rounds), strict=True))
    base = took["LightQNet dm100, OpenCV"]
    for name, value in took.items():
        print(f"{name:<26}{value:8.2f} ms a face{value / base:8.2f} of LightQNet")


def batched(model: Path, count: int, rounds: int) -> None:
    """Prints the throughput of scoring many crops on every core."""
    scorer = OnnxScorer(model)
    crops = np.random.default_rng(0).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
    session = open_session(model.read_bytes(), str(model))
    ready = [{"crops": prepare(crops[i : i + 32], scorer.model.card.input)} for i in range(0, count, 32)]
    names = [output.name for output in scorer.model.card.outputs]
    calls: tuple[Callable[[], object], ...] = (
        lambda: scorer.score(crops),
        lambda: [session.run(names, part) for part in ready],
    )
    whole, forward = in_turn(calls, 1, rounds)
    print(
        f"{'score, every core':<26}{1000 * count / whole:8.0f} crops a second{whole / forward:8.2f} of the forward pass alone"
    )


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lightqnet", type=Path)
    parser.add_argument("--model", type=Path, default=WEIGHTS)
    parser.add_argument("--crops", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    single(given.lightqnet, given.model, given.rounds)
    batched(given.model, given.crops, given.rounds)
    print(
        f"{'peak memory':<26}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MiB; {given.model.stat().st_size / 1e6:.2f} MB of weights"
    )


if __name__ == "__main__":
    main()
