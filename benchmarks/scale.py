"""Scoring shards: local processes against Ray on one node and on two, a disk against an object
store, in one run.

    python benchmarks/scale.py [--crops 20000] [--shards 20] [--turns 3] [--s3]
    python benchmarks/scale.py --part manifest [--rows 1000000]
    python benchmarks/scale.py --part start [--turns 3]
    python benchmarks/scale.py --part decode --photos FOLDER [--turns 3]
    python benchmarks/scale.py --part label [--images 100000] [--engines local ray]
    python benchmarks/scale.py --part large [--scale 1.0] [--engines local ray]
    python benchmarks/scale.py --part pairs [--images 100000] [--engines local ray]

Prints seconds, images per second, the ratio to the local run, and the largest memory of this
process and of its ended children. The images are noise of 112 x 112 as JPEG: their content does not
change what a network costs. One node has two processors, two nodes have one each. --s3 needs the
extras s3 and dev (a server on this machine).

The other parts print seconds and the largest memory of a process that does one thing: `manifest`
the rows of a long manifest (seconds to the first one, and to the last), `start` what a run costs
before it scores (the processor time of all its processes), `decode` what it costs to
find faces in large photographs (those of the folder, enlarged), `label` label optimization
and class-center labels of one process and of an engine, `large` label optimization of 3.1 million
images (--scale is a share of these; 3.2 GB of vectors and up to 64 GB of pairs lie in TMPDIR),
`pairs` an evaluation of mated pairs that are held and of ones that are counted, of one process and
of an engine.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scale_parts
from PIL import Image

from fiqa.data.remote import Place
from fiqa.execute.dataset import write_dataset
from fiqa.execute.local import cores
from fiqa.scoring.dataset import ShardScoring
from fiqa.scoring.run import scoring_of

RUNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "local, disk": ("local", ()),
    "Ray, one node": ("ray", (2,)),
    "Ray, two nodes": ("ray", (1, 1)),
}
"""Name -> engine, and the processors of each node."""


def make_shards(folder: Path, crops: int, shards: int) -> None:
    """Writes tar files of as many crops as asked for."""
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(64):
        buffer = io.BytesIO()
        pixels = rng.integers(0, 255, (112, 112, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        kept.append(buffer.getvalue())
    numbers = np.array_split(np.arange(crops), shards)
    for k, chosen in enumerate(numbers):
        with tarfile.open(folder / f"s{k:04d}.tar", "w") as tar:
            for number in chosen:
                content = kept[number % len(kept)]
                info = tarfile.TarInfo(f"{number:09d}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def memory() -> str:
    """The largest resident memory so far, of this process and of its children, in MiB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, children = (resource.getrusage(kind).ru_maxrss // 1024 for kind in kinds)
    return f"{own} MiB here, {children} MiB in a child"


def seconds(paths: object, out: str, **rest: object) -> float:
    """How long the scores of shards take, from nothing to the last part."""
    start = time.perf_counter()
    write_dataset(paths, ShardScoring(scoring_of(aligned=True)), out, **rest)  # type: ignore[arg-type]
    return time.perf_counter() - start


def line(name: str, took: float, crops: int, base: float) -> None:
    """Prints a row of the table."""
    print(
        f"{name:<24}{took:8.1f} s {crops / took:8.0f} images/s   x {took / base:.2f}"
        f"   {memory()}   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


@contextmanager
def cluster(nodes: Sequence[int]) -> Iterator[None]:
    """A Ray cluster of nodes with so many processors each, on this machine; () is none."""
    if not nodes:
        yield
        return
    import ray
    from ray.cluster_utils import Cluster

    there = Cluster(initialize_head=True, head_node_args={"num_cpus": nodes[0]})
    try:
        for processors in nodes[1:]:
            there.add_node(num_cpus=processors)
        there.wait_for_nodes()
        ray.init(address=there.address, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        there.shutdown()


@contextmanager
def server() -> Iterator[None]:
    """An S3 server on this machine, and the environment that leads to it."""
    port = "5777"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url).close()
                break
            except OSError:
                time.sleep(0.1)
        import fsspec

        fsspec.filesystem("s3").mkdir("scale")
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=20_000)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--s3", action="store_true")
    parser.add_argument("--part", choices=("shards", *scale_parts.PARTS), default="shards")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    given = parser.parse_args()
    if given.part != "shards":
        scale_parts.PARTS[given.part](given)
        return
    print(f"{given.crops} crops in {given.shards} shards, {cores()} cores", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = folder / "shards"
        shards.mkdir()
        make_shards(shards, given.crops, given.shards)
        # in turns, and the least of each: what else the machine does hits all
        took: dict[str, list[float]] = {name: [] for name in RUNS}
        for turn in range(given.turns):
            for name, (engine, nodes) in RUNS.items():
                with cluster(nodes):
                    times = took[name]
                    times.append(
                        seconds(shards, f"{folder}/{engine}{len(nodes)}{turn}/", engine=engine)
                    )
                print(f"  {name} {times[-1]:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        base = min(took["local, disk"])
        for name, times in took.items():
            line(name, min(times), given.crops, base)
        if given.s3:
            with server():
                for file in sorted(shards.iterdir()):
                    Place(f"s3://scale/shards/{file.name}").write(file.read_bytes())
                stored = seconds("s3://scale/shards", "s3://scale/scores")
                line("local, S3 on loopback", stored, given.crops, base)


if __name__ == "__main__":
    main()
