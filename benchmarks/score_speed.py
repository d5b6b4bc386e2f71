"""From JPEG crops to a Parquet table: what `fiqa.score` adds to decoding and scoring.

Two methods: the default, whose baseline is a plain loop of decoding, the network's own pass and the
factor functions that tell why, and `analytic`, whose baseline is a plain loop of decoding, the
five-point network and the factor functions. What is bounded is the rest: the share of the processor
time of one process that is none of these. Then the memory of a run of ten times as many rows, over
that of the shorter one: flat, or something leaks. Crops are those of DATA/lfw/aligned where they
are, else pictures made here.

Usage: python benchmarks/score_speed.py [--part default] [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# One core: numpy reads these when it is imported, and the processes of fiqa.score set them for
# themselves.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench import Result, Setting, Skip, in_turns, main, ratio, timed

DEFAULT = "the default"


def synthetic(folder: Path, count: int) -> list[str]:
    """Writes smooth pictures with an egg on them as 112x112 JPEGs and returns their paths."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(60, 180, (14, 14, 3)).astype(np.uint8))
        picture = coarse.resize((112, 112), Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(picture)
        draw.ellipse((18, 2, 94, 111), fill=tuple(rng.integers(120, 220, 3).tolist()))
        for x in (38, 73):
            draw.ellipse((x - 7, 48, x + 7, 56), fill=(50, 40, 40))
        draw.line((42, 92, 70, 92), fill=(130, 60, 60), width=4)
        picture.save(folder / f"{i:04d}.jpg", quality=90)
    return sorted(map(str, folder.glob("*.jpg")))


def crops_of(setting: Setting, folder: Path, count: int) -> list[str]:
    """Paths of `count` crops, going round those that there are."""
    there = sorted(map(str, (setting.data / "lfw" / "aligned").rglob("*.jpg")))
    files = there or synthetic(folder, min(count, 500))
    return [files[i % len(files)] for i in range(count)]


def plain_loop(files: list[str], method: str) -> Callable[[], object]:
    """Decodes and scores 32 images after 32 in this process, and nothing else: the baseline."""
    import fiqa
    from fiqa.data.images import read_image
    from fiqa.faces.factors import measure
    from fiqa.faces.points import pointed
    from fiqa.runtime.preprocess import prepare
    from fiqa.types import Faces

    model: Any = fiqa.load().model  # type: ignore[attr-defined]
    names = [output.name for output in model.card.outputs]

    def run() -> None:
        for first in range(0, len(files), 32):
            images = [read_image(path) for path in files[first : first + 32]]
            crops, grey = (
                np.stack([image.pixels for image in images]),
                np.array([image.grey for image in images]),
            )
            if method == DEFAULT:
                model._session.run(names, {"crops": prepare(crops, model.card.input)})
            faces = Faces(crops, grey=grey)
            measure(faces if method == DEFAULT else pointed(faces))

    return run


def table(files: list[str], method: str, out: Path, workers: int | None = 1) -> None:
    """The whole job: images to an explained Parquet table."""
    from fiqa import Manifest
    from fiqa.scoring.run import plan, write_scores

    manifest = Manifest([f"{i:07d}" for i in range(len(files))], files)
    model = None if method == DEFAULT else method
    write_scores(
        plan(manifest, model=model, aligned=True, explain=True, workers=workers), out, force=True
    )


def rest(setting: Setting, method: str) -> Result:
    """The share of the processor time of a table that is neither decoding nor scoring."""
    import cv2

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        files = crops_of(setting, Path(scratch), setting.count(2000, 40))
        calls = {
            "plain loop of decoding and scoring (baseline)": plain_loop(files, method),
            "fiqa.score to a Parquet table": lambda: table(
                files, method, Path(scratch) / "out.parquet"
            ),
        }
        took = in_turns(calls, setting.rounds(5))
    loop, total = took.values()
    details = tuple(
        timed(name, seconds, len(files), "ms an image") for name, seconds in took.items()
    )
    return Result(
        f"rest of fiqa.score's time over all of it, {method}", 1 - ratio(loop, total), 0.2, details
    )


def default(setting: Setting) -> Result:
    """The default method."""
    return rest(setting, DEFAULT)


def analytic(setting: Setting) -> Result:
    """The method `analytic`."""
    return rest(setting, "analytic")


def cores(setting: Setting) -> Result:
    """Wall time of all cores over that of one."""
    count = len(os.sched_getaffinity(0))
    if count < 2:
        raise Skip("two cores are needed")
    with tempfile.TemporaryDirectory() as scratch:
        files = crops_of(setting, Path(scratch), setting.count(4000, 40))
        out = Path(scratch) / "out.parquet"
        calls = {
            "fiqa.score, 1 process (baseline)": lambda: table(files, DEFAULT, out),
            f"fiqa.score, {count} cores": lambda: table(files, DEFAULT, out, None),
        }
        took = in_turns(calls, setting.rounds(3), time.perf_counter)
    single, every = took.values()
    details = tuple(
        timed(name, seconds, len(files), "ms an image") for name, seconds in took.items()
    )
    return Result(f"fiqa.score on {count} cores over one", ratio(every, single), 1.0, details)


PEAK = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
import score_speed
from pathlib import Path
score_speed.table(json.load(sys.stdin), score_speed.DEFAULT, Path(sys.argv[2]), None)
whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
print(*(resource.getrusage(who).ru_maxrss for who in whose))
"""


def peak_mib(files: list[str], out: Path) -> tuple[float, float]:
    """Peak MiB of the main process, and of the largest worker, of a run in a process of its own."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(Path(__file__).parent), str(out)],
        input=json.dumps(files), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    own, child = (int(number) / 1024 for number in done.stdout.split())
    return own, child


def memory(setting: Setting) -> Result:
    """The peak of a long run over that of a short one, of main process and worker together."""
    with tempfile.TemporaryDirectory() as scratch:
        files = crops_of(setting, Path(scratch), setting.count(20_000, 80))
        peaks = {
            count: peak_mib(files[:count], Path(scratch) / "out.parquet")
            for count in (len(files) // 10, len(files))
        }
    details = tuple(
        f"{n:,} rows: main {own:.0f} MiB, largest worker {child:.0f} MiB"
        for n, (own, child) in peaks.items()
    )
    short, long = (sum(sizes) for sizes in peaks.values())
    return Result(
        "peak memory of fiqa.score, ten times the rows over once", long / short, 1.25, details
    )


PARTS = {"default": default, "analytic": analytic, "cores": cores, "memory": memory}

if __name__ == "__main__":
    main(__doc__, PARTS)
