"""How fast a model is beside fp32 on onnxruntime, in turns, and how much memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fiqa import checks
from fiqa.deployment.engines import engine

__all__ = ["Tried", "in_turns", "load_average", "peak_memory", "speed_rows"]

_WARM = 3
_LONGEST = 300
Tried = tuple[str, str, Path]
"""What it is called, the engine, the file."""


def in_turns(
    calls: Mapping[str, Callable[[], object]],
    runs: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, tuple[float, float, float]]:
    """Returns name -> 50th, 95th and 99th percentile of the milliseconds of a call.

    The calls take turns, so that what else the machine does strikes them alike; the first three of
    each do not count.

    Args:
        calls: name -> what to time.
        runs: of each.
        clock: in seconds.

    Raises:
        InputError: runs below 1.
    """
    checks.in_range(runs, "runs", 1, 10**6)
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_WARM + runs):
        for name, call in calls.items():
            start = clock()
            call()
            took[name].append(1000 * (clock() - start))
    return {
        name: (float(low), float(high), float(highest))
        for name, values in took.items()
        for low, high, highest in [np.percentile(values[_WARM:], (50, 95, 99))]
    }


def speed_rows(
    models: Sequence[Tried], outputs: Sequence[str], shape: Sequence[int], runs: int
) -> list[dict[str, Any]]:
    """Returns the lines of the table of speed: each model with one thread and with two.

    Args:
        models: what to time, in turns.
        outputs: of the model.
        shape: of the input, (1,...).
        runs: calls of each.

    Raises:
        InputError: runs below 1.
        WeightsError, MissingExtraError: as Engine.open.
    """
    crop = np.random.default_rng(0).normal(size=tuple(shape)).astype(np.float32)
    rows = []
    memory = {name: peak_memory(kind, path, outputs, shape) for name, kind, path in models}
    for threads in (1, 2):
        opened = {
            name: engine(kind).open(path, outputs, threads=threads) for name, kind, path in models
        }
        found = in_turns({name: _bound(call, crop) for name, call in opened.items()}, runs)
        rows += [
            {
                "model": name,
                "threads": threads,
                "p50": low,
                "p95": high,
                "p99": highest,
                "runs": runs,
                "memory": memory[name],
            }
            for name, (low, high, highest) in found.items()
        ]
    return rows


def _bound(call: Callable[[Any], object], crop: Any) -> Callable[[], object]:
    return lambda: call(crop)


def load_average() -> float | None:
    """Returns the load of the machine over the last minute, None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def peak_memory(
    kind: str, path: Path, outputs: Sequence[str], shape: Sequence[int]
) -> float | None:
    """Returns the megabytes by which a fresh process grows that opens a model and runs it, the
    runtime's own code included; None where the system does not say.

    Args:
        kind: the engine.
        path: of the model.
        outputs: of the model.
        shape: of the input.
    """
    words = json.dumps([kind, str(path), list(outputs), list(shape)])
    code = "import sys; from fiqa.deployment.speed import measure; measure(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, words],
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    last = done.stdout.strip().splitlines()[-1:]
    return float(last[0]) if done.returncode == 0 and last and last[0] != "None" else None


def measure(words: str) -> None:
    """Writes what peak_memory asks for to standard output: this runs in the fresh process.

    Args:
        words: its arguments, as JSON.
    """
    kind, path, outputs, shape = json.loads(words)
    crop = np.zeros(shape, np.float32)
    before = _peak()
    call = engine(kind).open(Path(path), outputs)
    for _ in range(3):
        call(crop)
    after = _peak()
    sys.stdout.write(f"\n{None if before is None or after is None else after - before}\n")


def _peak() -> float | None:
    """The largest size of this process so far, in MB."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "")
    return float(line.split()[1]) / 1000 if line else None
