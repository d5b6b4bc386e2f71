"""How long a model takes for one crop."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from fiqa import checks
from fiqa.runtime.onnx import open_session

__all__ = ["Latency", "latency"]

_WARM = 3


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one crop, preprocessing left out: the median `p50` and the 95th percentile
    `p95` of `runs` calls with `threads` threads."""

    size: int
    threads: int
    p50: float
    p95: float
    runs: int


def latency(model: bytes, *, size: int, threads: int, runs: int = 50) -> Latency:
    """Returns how long an ONNX model takes for one crop of `size` pixels on the CPU with `threads`
    threads.

    Raises:
        InputError: runs below 1.
        WeightsError: the runtime cannot load it.
    """
    checks.in_range(runs, "runs", 1, 10**6)
    session = open_session(model, "the model", threads=threads)
    name = session.get_inputs()[0].name
    crop = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    took = []
    for _ in range(_WARM + runs):
        start = time.perf_counter()
        session.run(None, {name: crop})
        took.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(took[_WARM:], (50, 95))
    return Latency(size, threads, float(p50), float(p95), runs)
