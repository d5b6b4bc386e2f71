"""Whether the memory of fiqa.select stays flat from minute 1 to minute 60 of a video, and how fast
it is: the video of DATA/video at its own size, forth and back for an hour, with a recognizer.

It takes some six minutes of one core, so `make bench` leaves it out.

Usage: python benchmarks/select_hour.py [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# One core: numpy reads these when it is imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from bench import Result, Setting, Skip, main
from select_speed import resident, weights_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes"))

RATE, HOUR = 30, 60
COSINE = 0.327
"""Of recognizer A at a false match rate of 1e-3, as recipes/cabin.py measures it."""


def long_video(setting: Setting, folder: Path, total: int) -> Path:
    """Writes the in-car video, forth and back, until there are so many frames."""
    import cv2

    cv2.setNumThreads(1)
    film = cv2.VideoCapture(str(setting.data / "video" / "carphone.mp4"))
    frames: list[np.ndarray] = []
    while (read := film.read())[0]:
        frames.append(read[1])
    if not frames:
        raise Skip("needs DATA/video/carphone.mp4")
    frames += frames[::-1]
    height, width = frames[0].shape[:2]
    path = folder / "long.mp4"
    written = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (width, height))
    for number in range(total):
        written.write(frames[number % len(frames)])
    written.release()
    return path


def recognizer(setting: Setting, folder: Path) -> Path:
    """A recognizer whose card says when two faces are of one person."""
    from splits import CARDS

    from fiqa.runtime.describe import describe

    known = setting.data / "models" / "recognizer_a.onnx"
    if not known.is_file():
        raise Skip("needs DATA/models/recognizer_a.onnx")
    shutil.copyfile(known, folder / "recognizer.onnx")
    describe(folder / "recognizer.onnx", replace(CARDS["a"], match_threshold=COSINE))
    return folder / "recognizer.onnx"


def hour(setting: Setting) -> Result:
    """Resident size after the last minute over that after the first."""
    import fiqa

    minute = setting.count(60 * RATE, 8)
    sizes: dict[int, int] = {}

    def told(stage: str, done: int, of: int) -> None:
        if done % minute == 0:
            sizes[done // minute] = resident()

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = long_video(setting, folder, HOUR * minute)
        given = {"weights": weights_of(setting), "recognizer": recognizer(setting, folder)}
        began = time.process_time()
        fiqa.select(path, **given, out=folder / "out", progress=told)
        spent = time.process_time() - began
    shown = [at for at in (1, 2, 10, 30, HOUR) if at in sizes]
    details = tuple(f"after minute {at}: {sizes[at] / 2**20:.0f} MiB" for at in shown)
    each = 1000 * spent / (HOUR * minute)
    speed = f"{each:.1f} ms a frame, {1000 / RATE / each:.1f} times real time on one core"
    return Result(
        "memory of fiqa.select after minute 60 over minute 1",
        sizes[HOUR] / sizes[1],
        1.2,
        (*details, speed),
    )


PARTS = {"hour": hour}

if __name__ == "__main__":
    main(__doc__, PARTS)
