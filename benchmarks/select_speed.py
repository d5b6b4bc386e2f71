"""From frames to best shots: what fiqa.Stream adds to looking for faces and scoring them, on frames
of 640x360 and one core, and whether memory stays flat as a video grows longer.

The frames are those of DATA/video, enlarged, forth and back. The baseline of `frames` looks for
faces in every third frame, aligns and assesses them, and does nothing else. `memory` compares the
resident size at the end of a long run with that after the first quarter.

Usage: python benchmarks/select_speed.py [--part frames] [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# One core: numpy reads these when it is imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench import Result, Setting, Skip, in_turns, main, ratio, timed

WIDE, HIGH = 640, 360
EVERY = 3


def frames_of(setting: Setting) -> list[np.ndarray]:
    """The frames of the in-car video at 640x360, forth and back."""
    import cv2

    cv2.setNumThreads(1)
    film = cv2.VideoCapture(str(setting.data / "video" / "carphone.mp4"))
    frames = []
    while True:
        more, frame = film.read()
        if not more:
            break
        large = cv2.resize(frame, (WIDE, HIGH), interpolation=cv2.INTER_CUBIC)
        frames.append(np.ascontiguousarray(large[..., ::-1]))
    if not frames:
        raise Skip("the in-car video is needed")
    return frames + frames[::-1]


def weights_of(setting: Setting) -> str:
    """The detector's file."""
    path = setting.data / "models" / "yunet.onnx"
    if not path.is_file():
        raise Skip("yunet.onnx is needed")
    return str(path)


def plain(engine: Any, frames: list[np.ndarray]) -> None:
    """The baseline: looks and scores, and follows nobody."""
    for frame in frames[::EVERY]:
        engine.score(engine.find(frame), grey=False)


def followed(frames: list[np.ndarray], **how: Any) -> None:
    """The whole job."""
    import fiqa

    stream = fiqa.Stream(detect_every=EVERY, **how)
    for number, frame in enumerate(frames):
        stream.push(frame, time=number / 30)
    stream.close()


def frames(setting: Setting) -> Result:
    """The time of a stream over that of looking and scoring alone."""
    from fiqa.streams.engine import Engine

    engine = Engine.of(None, "auto", weights_of(setting), None, None, "en")
    shown = frames_of(setting)[: setting.count(240, 12)]
    how = {"detector": engine.detector, "model": engine.scorer}
    calls = {
        "looking and scoring in every third frame (baseline)": lambda: plain(engine, shown),
        "fiqa.Stream, every frame of 640x360": lambda: followed(shown, **how),
    }
    took = in_turns(calls, setting.rounds(5))
    base, ours = took.values()
    details = tuple(
        timed(name, seconds, len(shown), "ms a frame") for name, seconds in took.items()
    )
    return Result("fiqa.Stream over looking and scoring", ratio(ours, base), 1.4, details)


def resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(setting: Setting) -> Result:
    """Resident size at the end of a run into a folder over that after a quarter of it."""
    import cv2

    import fiqa

    shown, weights = frames_of(setting), weights_of(setting)
    total = setting.count(7200, 48)
    sizes: dict[int, int] = {}

    def told(stage: str, done: int, of: int) -> None:
        if done in (total // 4, total):
            sizes[done] = resident()

    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "long.mp4")
        film = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"mp4v"), 30, (WIDE, HIGH))
        for number in range(total):
            film.write(shown[number % len(shown)][..., ::-1])
        film.release()
        fiqa.select(path, weights=weights, out=Path(scratch) / "out", progress=told)
    early, late = sizes[total // 4], sizes[total]
    details = tuple(f"frame {at:,}: {size / 2**20:.0f} MiB" for at, size in sizes.items())
    return Result("memory of fiqa.select at the end over a quarter", late / early, 1.1, details)


PARTS = {"frames": frames, "memory": memory}

if __name__ == "__main__":
    main(__doc__, PARTS)
