"""What a method costs by itself: its scorer on one thread, and the peak memory of a process.

    python recipes/cost_of.py WAY IMAGE

Prints the peak in MiB; WAY is what fiqa.load takes, as JSON. recipes/compare.py runs it for every
method.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fiqa
from fiqa.data.images import read_image
from fiqa.methods.bundled import WEIGHTS
from fiqa.methods.bundled.model import Bundled
from fiqa.runtime.onnx import OnnxScorer
from fiqa.types import Faces


def one_thread() -> None:
    """One thread for OpenCV and, where it is there, torch; `loader` has one for ONNX Runtime."""
    import cv2

    cv2.setNumThreads(1)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def loader(way: Mapping[str, Any]) -> Any:
    """The scorer, on one thread."""
    model = str(way["model"])
    if model.endswith(".onnx"):
        return OnnxScorer(model, threads=1)
    if model == "fiqa":
        return Bundled(WEIGHTS, threads=1)
    asked = {"recognizer": way["recognizer"]} if "recognizer" in way else {}
    return fiqa.load(way["model"], **asked, **way.get("settings", {}))


def memory(way: Mapping[str, Any], image: Path) -> float:
    """Peak resident MiB of a process that loads a method and scores one face four times."""
    words = [sys.executable, __file__, json.dumps(dict(way)), str(image)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def peak(way: str, path: str) -> None:
    """Prints that of this process."""
    one_thread()
    scorer = loader(json.loads(way))
    crop = read_image(path).pixels[None]
    for _ in range(1 if "faceqan" in way else 4):
        scorer.score(Faces(crop))
    # Not getrusage: on Linux its peak is handed on from the process that started this one.
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    print(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    peak(*sys.argv[1:])
