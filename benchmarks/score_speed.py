"""From JPEG crops on disk to a Parquet table of explained `analytic` scores, against a plain loop that only decodes and measures.

Prints images per second, the ratio of the loop's time to that of `fiqa.score` on every core, how processor time on one core splits into decoding,
factor functions and everything else ("rest", which must stay under 20 %), and the peak memory of runs of growing length (flat, or something leaks).

Usage: python benchmarks/score_speed.py [FOLDER] [--images 2000] [--long 20000]
FOLDER holds aligned crops (for example ../shared/data/lfw/aligned); without it, synthetic JPEGs are made.
"""

from __future__ import annotations

import os

# The baseline is one core: numpy reads these when it is imported, and the processes of fiqa.score set them for themselves.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def synthetic(folder: Path, count: int = 500) -> list[str]:
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


def manifest_of(files: list[str], count: int):
    """A manifest of `count` rows that goes round `files`."""
    from fiqa import Manifest

    paths = [files[i % len(files)] for i in range(count)]
    return Manifest([f"{i:07d}" for i in range(count)], paths)


def plain_loop(files: list[str]) -> tuple[float, float, float]:
    """Processor seconds of decoding and of the factor functions, 32 images after 32 in this process, and the wall time of both: the baseline."""
    from fiqa.data.images import read_image
    from fiqa.faces.factors import measure
    from fiqa.types import Faces

    decoding = measuring = 0.0
    begin = time.perf_counter()
    for first in range(0, len(files), 32):
        start = time.process_time()
        images = [read_image(path) for path in files[first : first + 32]]
        middle = time.process_time()
        crops, grey = np.stack([image.pixels for image in images]), np.array([image.grey for image in images])
        measure(Faces(crops, grey=grey))
        decoding += middle - start
        measuring += time.process_time() - middle
    return decoding, measuring, time.perf_counter() - begin


def table(files: list[str], count: int, out: Path, workers: int | None) -> tuple[float, float]:
    """Wall and processor seconds (of this process) of the whole job: `count` images to an explained Parquet table."""
    from fiqa.scoring.run import plan, write_scores

    start, used = time.perf_counter(), time.process_time()
    write_scores(plan(manifest_of(files, count), aligned=True, explain=True, workers=workers), out, force=True)
    return time.perf_counter() - start, time.process_time() - used


def peak_memory(files: list[str], count: int, out: Path) -> tuple[float, float]:
    """Peak MiB of the main process, and of the largest worker, of a run of `count` images in a process of its own."""
    code = f"import json, resource, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import score_speed as b\n"
    code += f"from pathlib import Path; b.table(json.load(sys.stdin), {count}, Path({str(out)!r}), None)\n"
    code += "print(*(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(files), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    own, child = (int(number) / 1024 for number in done.stdout.split())
    return own, child


def main() -> None:
    """Prints the lines that the module's docstring promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--long", type=int, default=20000)
    args = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        files = sorted(map(str, args.folder.rglob("*.jpg"))) if args.folder else synthetic(home)
        chosen = [files[i % len(files)] for i in range(args.images)]
        plain_loop(chosen[:50])
        decoding, measuring, loop = plain_loop(chosen)
        table(files, 600, home / "warm.parquet", 1)
        one, used = table(files, args.images, home / "one.parquet", 1)
        every, _ = table(files, args.images, home / "every.parquet", None)
        n, cores = args.images, len(os.sched_getaffinity(0))
        rest = max(used - decoding - measuring, 0.0)
        each = [
            f"{name} {1e3 * value / n:.2f} ms"
            for name, value in (("decode", decoding), ("factors", measuring), ("rest", rest))
        ]
        print(f"{n} crops, {cores} cores; processor time of an image: {', '.join(each)}")
        print(f"baseline, plain loop of decode and factors  {loop:6.1f} s {n / loop:6.0f} images/s")
        print(f"fiqa.score to Parquet, 1 process            {one:6.1f} s {n / one:6.0f} images/s")
        print(f"fiqa.score to Parquet, {cores} processes          {every:6.1f} s {n / every:6.0f} images/s")
        print(f"rest / whole = {rest / used:.2f} (limit 0.20)")
        print(f"baseline / fiqa.score on {cores} cores = {loop / every:.2f}")
        for count in (args.images, args.long):
            own, child = peak_memory(files, count, home / "memory.parquet")
            print(f"peak memory at {count} rows: main {own:.0f} MiB, largest worker {child:.0f} MiB")


if __name__ == "__main__":
    main()
