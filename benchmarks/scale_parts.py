"""The parts of benchmarks/scale.py that are no shards: long manifests, labels, pairs.

Each line is a process of its own, so that its largest memory is its own too.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fiqa.execute.local import cores

__all__ = ["PARTS"]

_LARGE = 3_100_000
"""Images of MS1M in the form of which label optimization was published."""


def _alone(name: str, what: str, *arguments: object) -> None:
    """Runs a function of this file in a process and prints what it says, behind a name."""
    call = [sys.executable, __file__, what, *map(str, arguments)]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    said = result.stdout.strip() if result.returncode == 0 else result.stderr.strip()[-600:]
    print(f"{name:<40}{said}   load {os.getloadavg()[0]:.1f}", flush=True)


def _memory() -> str:
    """The largest resident memory of this process and of its largest child, in bytes."""
    # ru_maxrss of Linux begins with that of the parent, VmHWM with the program itself
    lines = Path("/proc/self/status").read_text().splitlines()
    own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return f"{own:>13,} bytes" + (f", {child:,} in a child" if child else "")


def _table(path: Path, rows: int) -> None:
    """Writes a manifest in pieces, so that the writer needs little memory."""
    with path.with_suffix(".csv").open("w") as file:
        file.write("path,identity,camera,speed\n")
        for k in range(rows):
            file.write(f"/photos/p{k // 20:07d}/{k:09d}.jpg,p{k // 20:07d},cam{k % 7},{k % 130}\n")
    if path.suffix == ".parquet":
        import polars as pl

        pl.scan_csv(path.with_suffix(".csv")).sink_parquet(path)


def manifest(given: argparse.Namespace) -> None:
    """A table of many rows, as text and as Parquet, in pieces and as a whole."""
    print(f"{given.rows:,} rows of path, identity, camera, speed", flush=True)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "m.parquet"
        _table(path, given.rows)
        _alone("nothing but the imports", "read", path, "nothing")
        for suffix in (".csv", ".parquet"):
            for how in ("pieces", "whole"):
                _alone(f"{suffix} in {how}", "read", path.with_suffix(suffix), how)


def read(path: str, how: str) -> None:
    """Reads a manifest and says how long the first and the last row took, and the memory."""
    from fiqa.data.long_manifest import long_manifest
    from fiqa.data.manifest import read_manifest

    start, spent = time.perf_counter(), time.process_time()
    first, of_that, count = 0.0, 0.0, 0
    if how == "pieces":
        found = long_manifest(path)
        if found is None:
            raise SystemExit("it is read as a whole")
        for piece in found.pieces():
            if not count:
                first, of_that = time.perf_counter() - start, time.process_time() - spent
            count += len(piece)
    elif how == "whole":
        count = len(read_manifest(path))
        first, of_that = time.perf_counter() - start, time.process_time() - spent
    took = time.perf_counter() - start
    print(
        f"{count:>9,} rows, first {first:6.2f} s ({of_that:.2f} of the processor),"
        f" last {took:6.2f} s {_memory()}"
    )


def _vectors(folder: Path, images: int, width: int, each: int) -> None:
    """Writes unit vectors of people with so many images each, as a .npy of float16, and a prior."""
    rng = np.random.default_rng(0)
    people = -(-images // each)
    centers = rng.normal(size=(people, width)).astype(np.float32)
    table = np.lib.format.open_memmap(folder / "e.npy", "w+", np.float16, (images, width))
    for start in range(0, images, 10_000):
        who = np.arange(start, min(start + 10_000, images)) // each
        rows = centers[who] + 1.5 * rng.normal(size=(len(who), width)).astype(np.float32)
        table[start : start + len(who)] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    table.flush()
    ids = [f"p{k // each:06d}/{k:08d}" for k in range(images)]
    (folder / "e.ids.txt").write_text("\n".join(ids) + "\n")
    lines = [f"{name},{value:.6f}\n" for name, value in zip(ids, rng.random(images), strict=True)]
    (folder / "q.csv").write_text("id,score\n" + "".join(lines))


def label(given: argparse.Namespace) -> None:
    """Label optimization and class-center labels in one process and by partitions."""
    runs = [("local", 1), *((one, 2) for one in given.engines)]
    _labels_of(given.images, ("label_optimization", "cr_fiqa"), runs)


def large(given: argparse.Namespace) -> None:
    """Label optimization of a public training set's size, on all cores of each engine."""
    runs = [(one, cores()) for one in given.engines]
    _labels_of(max(round(_LARGE * given.scale), 40), ("label_optimization",), runs)


def _labels_of(images: int, methods: Sequence[str], runs: Sequence[tuple[str, int]]) -> None:
    print(f"{images:,} images x 512, 20 of each person", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _vectors(folder, images, 512, 20)
        for method in methods:
            tables = []
            for engine, workers in runs:
                out = folder / f"{method}-{engine}-{workers}.csv"
                words = f"{method}, {engine}, {workers} at once"
                _alone(words, "labels", folder, method, engine, workers, out)
                tables.append(out.read_bytes() if out.exists() else b"")
            print(f"  the same bytes: {[table == tables[0] != b'' for table in tables[1:]]}")


def labels(folder: str, method: str, engine: str, workers: str, out: str) -> None:
    """Labels, and says how long it took and the memory."""
    import fiqa

    given: dict[str, Any] = {
        "embeddings": f"{folder}/e.npy",
        "engine": engine,
        "workers": int(workers),
    }
    if method == "label_optimization":
        given |= {"prior": f"{folder}/q.csv", "theta": 0.02, "rank_scale": "unit"}
    start = time.perf_counter()
    fiqa.label(method, out=out, **given)
    print(f"{time.perf_counter() - start:8.1f} s {_memory()}")


def pairs(given: argparse.Namespace) -> None:
    """An evaluation whose mated pairs are held, and one where they are counted, in one process and
    on engines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in (200, 1000):
            _vectors(folder, given.images, 64, each)
            print(f"{given.images:,} images, {each} of each person", flush=True)
            for count in ("held", "counted"):
                for engine, workers in [("local", 1), *((one, cores()) for one in given.engines)]:
                    words = f"  {count}, {engine}, {workers} at once"
                    _alone(words, "curves", folder, count, engine, workers)


def curves(folder: str, count: str, engine: str, workers: str) -> None:
    """Evaluates, and says the pairs, the area to the last bit, the seconds and the memory."""
    import fiqa

    start = time.perf_counter()
    found = fiqa.evaluate(
        f"{folder}/q.csv",
        f"{folder}/e.npy",
        draws=0,
        count=count == "counted",
        engine=engine,
        workers=int(workers),
    )
    area = found.recognizers[0].curves[0].areas[0.3, "raw"]
    took = time.perf_counter() - start
    raw = float("nan") if area is None else area.value
    print(f"{found.counts['mated']:>12,} mated, area {raw!r} {took:7.1f} s {_memory()}")


def decode(given: argparse.Namespace) -> None:
    """What a look for faces costs in large photographs, and what a second, reduced decoding of the
    same JPEG costs, in seconds of the processor."""
    from PIL import Image

    from fiqa.data.images import decode_image
    from fiqa.faces.detectors import detector

    found = detector("auto")
    files = sorted(given.photos.iterdir())[: given.turns]
    for width in (1600, 4000):
        spent: dict[str, list[float]] = {}
        apart: list[float] = []
        for file in files:
            with Image.open(file) as picture:
                large = picture.convert("RGB").resize(
                    (width, width * picture.height // picture.width)
                )
            buffer = io.BytesIO()
            large.save(buffer, "JPEG", quality=90)
            content = buffer.getvalue()
            whole = _spent(spent, "decoded whole", decode_image, content).pixels
            faces = _spent(spent, "faces found in it", found.detect, whole)
            small = _spent(spent, "decoded reduced", _reduced, content)
            others = _spent(spent, "faces found in that", found.detect, small)
            if faces and others:
                factor = np.array(whole.shape[1::-1]) / small.shape[1::-1]
                moved = others[0].landmarks * factor - faces[0].landmarks
                apart.append(float(np.abs(moved).max()))
        print(f"{len(files)} photographs of {whole.shape[1]} x {whole.shape[0]}")
        for name, times in spent.items():
            print(f"  {name:<20}{1000 * min(times):7.0f} to {1000 * max(times):.0f} ms")
        middle = np.median(apart)
        print(f"  points apart by at most {max(apart):.2f} pixels, by {middle:.2f} in the middle")


def _spent(spent: dict[str, list[float]], name: str, what: Callable[[Any], Any], given: Any) -> Any:
    start = time.process_time()
    result = what(given)
    spent.setdefault(name, []).append(time.process_time() - start)
    return result


def _reduced(content: bytes) -> Any:
    """The pixels of a JPEG at the least of its scales that keeps the 640 that are looked at."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (640, 640))
        return np.asarray(picture.convert("RGB"))


def start(given: argparse.Namespace) -> None:
    """What a run costs that scores hardly anything: the processor time of all its processes."""
    from PIL import Image

    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for k in range(96):
            noise = random.integers(0, 255, (112, 112, 3), np.uint8)
            Image.fromarray(noise).save(f"{folder}/{k:02d}.jpg")
        score = ["-m", "fiqa", "score", "--aligned"]
        calls = {
            "other packages": ["-c", "import cv2, numpy, onnxruntime, polars, pydantic, typer"],
            "fiqa --help": ["-m", "fiqa", "--help"],
            "one crop": [*score, f"{folder}/00.jpg"],
        }
        for count in (1, 2, 3):
            calls[f"96 crops, {count} at once"] = [*score, folder, "--workers", str(count)]
        for name, call in calls.items():
            turns = [_children(call) for _ in range(given.turns)]
            took, least = min(turns)[0], min(wall for _, wall in turns)
            load = os.getloadavg()[0]
            print(f"{name:<22}{took:6.2f} s of the processor {least:6.2f} s   load {load:.1f}")


def _children(call: Sequence[str]) -> tuple[float, float]:
    """Seconds of the processor that a call of Python takes with its children, and of the clock."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *call], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return spent, time.perf_counter() - begun


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "manifest": manifest,
    "start": start,
    "decode": decode,
    "label": label,
    "large": large,
    "pairs": pairs,
}

if __name__ == "__main__":
    inner: dict[str, Callable[..., None]] = {"read": read, "labels": labels, "curves": curves}
    inner[sys.argv[1]](*sys.argv[2:])
