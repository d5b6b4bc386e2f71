"""How fast labels are made, as ratios against named baselines measured in the same run, with peak memory.

    OPENBLAS_NUM_THREADS=1 python benchmarks/label_speed.py              # 100,000 x 512 against the loop, 310,000 x 512 mapped float16
    OPENBLAS_NUM_THREADS=1 python benchmarks/label_speed.py --scale 0.1  # a tenth of it
    OPENBLAS_NUM_THREADS=2 python benchmarks/label_speed.py --part full  # VGGFace2's size: 3.1 million x 512, 9,000 people; writes 3.2 GB to --folder

The baseline of label optimization is a loop written as the paper reads, with scikit-learn's K-Means and NumPy for the cosine of each pair. It is timed on a
few people and multiplied; that favors it, since its sort grows faster than the number of images. Before anything is timed, both must give the same labels where
nothing is random (small data, every image its own cluster). Each part runs in a process of its own, so that the peak memory is that part's alone.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.label_optimization import LabelOptimizer, optimize_labels

EACH, WIDTH = 344, 512
"""Images per person (VGGFace2's mean) and the length of a vector."""


def line(what: str, value: str, goal: str = "") -> None:
    print(f"  {what:<62}{value:>14}   {goal}", flush=True)


def peak() -> float:
    """GiB, the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def person(rng: np.random.Generator, images: int = EACH) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(vectors, prior) of one person: the noisier the image, the lower its prior, roughly."""
    noise = rng.uniform(0.5, 2.0, (images, 1)).astype(np.float32)
    vectors = rng.standard_normal(WIDTH, np.float32) + noise * rng.standard_normal((images, WIDTH), np.float32)
    prior = rng.standard_normal(images, np.float32) - noise.ravel()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), prior


def people(count: int, images: int = EACH) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    found = [person(rng, images) for _ in range(count)]
    return (
        np.concatenate([vectors for vectors, _ in found]),
        np.concatenate([prior for _, prior in found]),
        np.repeat(np.arange(count), images),
    )


def as_the_paper_reads(
    prior: NDArray[np.float32],
    vectors: NDArray[np.float32],
    names: NDArray[np.int64],
    clusters: int,
    theta: float,
    repeats: int,
) -> NDArray[np.float32]:
    """Label optimization, one step of the paper after the other, one pair at a time."""
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    place = np.empty(len(prior), np.int64)
    place[np.argsort(prior, kind="stable")] = np.arange(len(prior))
    members: dict[int, list[NDArray[np.int64]]] = {}
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        label = np.arange(len(rows))
        if len(rows) > clusters:
            label = KMeans(clusters, n_init=1, random_state=0).fit_predict(vectors[rows])
        members[name] = [rows[label == k] for k in np.unique(label)]
    total = np.zeros(len(prior))
    for _ in range(repeats):
        pairs = []
        for groups in members.values():
            for group in groups:
                for i in group:
                    for other in groups:
                        if other is not group:
                            j = other[rng.integers(len(other))]
                            pairs.append((float(np.dot(vectors[i], vectors[j])), i if place[i] < place[j] else j))
        pairs.sort(key=lambda pair: pair[0])
        seen: dict[int, list[int]] = {}
        for index, (_, lower) in enumerate(pairs):
            seen.setdefault(int(lower), []).append(index)
        for i in range(len(prior)):
            mean = np.mean(seen[i]) if i in seen else place[i]
            total[i] += place[i] + theta * (mean - place[i])
    result = np.empty(len(prior), np.float32)
    result[np.lexsort((place, total))] = np.sort(prior)
    return result


def check() -> None:
    """Both give the same labels where every image is its own cluster, so that all pairs are drawn and nothing is random."""
    vectors, prior, names = people(5, 8)
    for theta in (1e-3, 0.1, 1.0):
        loop = as_the_paper_reads(prior, vectors, names, 8, theta, 2)
        ours = optimize_labels(prior, vectors, names, clusters=8, theta=theta, repeats=2)
        assert np.array_equal(loop, ours), f"theta {theta}: the two must agree"
        assert theta == 1e-3 or not np.array_equal(ours, prior), "something moves"
    print("Same labels as the loop on 5 people with 8 images, three values of theta")


def loop(scale: float) -> None:
    """Label optimization against the loop: 10 repeats, 20 clusters."""
    count = max(int(290 * scale), 20)
    sample = 6
    vectors, prior, names = people(count)
    few = names < sample
    start = time.perf_counter()
    as_the_paper_reads(prior[few], vectors[few], names[few], 20, 1e-3, 10)
    slow = (time.perf_counter() - start) / sample * count
    optimize_labels(prior[few], vectors[few], names[few])
    start = time.perf_counter()
    optimize_labels(prior, vectors, names)
    ours = time.perf_counter() - start
    print(f"Label optimization, {len(prior):,} x {WIDTH} float32, {count} people, 20 clusters, 10 repeats")
    line("optimize_labels", f"{ours:.2f} s", f"{ours / len(prior) * 1e6:.0f} us per image")
    line(
        f"the paper's loop (timed on {sample} people, extrapolated)",
        f"{slow:.1f} s",
        f"{slow / len(prior) * 1e6:.0f} us per image",
    )
    line("the loop is slower by", f"{slow / ours:.0f} x", "goal: at least 15")


def mapped_file(folder: Path, count: int) -> Path:
    """Writes `count` people as a mapped float16 array with its priors, person by person."""
    path = folder / f"people-{count}.npy"
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, "w+", np.float16, (count * EACH, WIDTH))
    priors = np.empty(count * EACH, np.float32)
    for k in range(count):
        rows = slice(k * EACH, (k + 1) * EACH)
        array[rows], priors[rows] = person(rng)
    array.flush()
    np.save(path.with_suffix(".prior.npy"), priors)
    return path


def mapped(path: Path) -> None:
    """Label optimization of a mapped float16 file: time and peak memory."""
    vectors = np.load(path, mmap_mode="r")
    prior = np.load(path.with_suffix(".prior.npy"))
    names = np.arange(len(prior)) // EACH
    size, before = vectors.nbytes / 2**30, peak()
    optimizer = LabelOptimizer(prior, vectors, names)
    start = time.perf_counter()
    optimizer.cluster()
    clustered = time.perf_counter()
    while optimizer.done < optimizer.repeats:
        optimizer.advance()
    labels = optimizer.labels()
    done = time.perf_counter()
    assert np.array_equal(np.sort(labels), np.sort(prior)), "the labels are the priors, in another order"
    print(f"Label optimization, mapped float16 {vectors.shape[0]:,} x {WIDTH}, {optimizer.pairs:,} pairs, 10 repeats")
    line("clusters", f"{clustered - start:.1f} s")
    line("10 repeats", f"{done - clustered:.1f} s", f"{(done - start) / len(prior) * 1e6:.0f} us per image in all")
    line("size of the embeddings", f"{size:.2f} GiB")
    line(
        "peak memory, mapped pages counted, less interpreter and priors",
        f"{peak() - before:.2f} GiB",
        f"of {peak():.2f} GiB in all",
    )
    line("times the embeddings", f"{(peak() - before) / size:.2f} x", "goal: at most 1.5")


def ratio(scale: float) -> None:
    """Relative classifiability against the product of embeddings and class centers alone, in the same blocks."""
    count = max(int(300 * scale), 30)
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((10 * count, WIDTH), np.float32)
    names = np.repeat(np.arange(10 * count), EACH // 10)
    vectors = centers[names] + rng.standard_normal((len(names), WIDTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def product() -> None:
        for at in range(0, len(vectors), 1024):
            vectors[at : at + 1024] @ centers.T

    def seconds(task) -> float:
        task()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            task()
            times.append(time.perf_counter() - start)
        return min(times)

    alone, ours = seconds(product), seconds(lambda: relative_classifiability(vectors, names))
    print(f"Relative classifiability, {len(vectors):,} x {WIDTH}, {10 * count:,} people")
    line("relative_classifiability", f"{ours:.2f} s")
    line("the matrix product alone", f"{alone:.2f} s")
    line("times the product", f"{ours / alone:.2f} x", "goal: at most 2")


def run(part: str, *more: str) -> None:
    subprocess.run([sys.executable, __file__, "--part", part, *more], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, 1 by default")
    parser.add_argument("--part", choices=("check", "loop", "ratio", "write", "mapped", "full"), help="only this part")
    parser.add_argument("--folder", type=Path, help="where mapped files are written; a temporary folder by default")
    parser.add_argument("--people", type=int, help="people in the mapped file")
    chosen = parser.parse_args()
    print(f"OPENBLAS_NUM_THREADS={os.environ.get('OPENBLAS_NUM_THREADS', 'unset')}", flush=True)
    if chosen.part == "check":
        check()
    elif chosen.part == "loop":
        loop(chosen.scale)
    elif chosen.part == "ratio":
        ratio(chosen.scale)
    elif chosen.part == "write":
        mapped_file(chosen.folder, chosen.people)
    elif chosen.part == "mapped":
        mapped(chosen.folder / f"people-{chosen.people}.npy")
    else:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            count = 9000 if chosen.part == "full" else max(int(900 * chosen.scale), 30)
            size = ["--folder", folder, "--people", str(count)]
            for part in ("check", "loop", "ratio") if chosen.part is None else ():
                run(part, "--scale", str(chosen.scale))
            run("write", *size)
            run("mapped", *size)


if __name__ == "__main__":
    main()
