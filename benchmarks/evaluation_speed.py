"""How fast the evaluation is, as ratios against named baselines measured in the same run, with peak memory.

    python benchmarks/evaluation_speed.py              # full size: 10 million pairs, 20,000 x 512 embeddings, 500,000 mated pairs
    python benchmarks/evaluation_speed.py --scale 0.1  # a tenth of it

The loop over thresholds is too slow to run whole: it is timed on a few of its thresholds, evenly spread, and multiplied by how many there are. It is timed
at 1,000 thresholds as well, the number at which many evaluations stop. Each timing is the best of several after one warm-up, in a process of its own, so
that the peak memory is that part's alone; it includes making the data.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from fiqa.functional.bootstrap import bootstrap_band
from fiqa.functional.edc import discard_curve, pair_quality
from fiqa.functional.similarity import normalize
from fiqa.functional.verification import all_pairs


def best_of(task: Callable[[], object], repeats: int = 3) -> float:
    """Returns the seconds of the fastest of `repeats` runs after one warm-up."""
    task()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def line(what: str, value: str, goal: str = "") -> None:
    print(f"  {what:<58}{value:>14}   {goal}", flush=True)


def memory() -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line("peak memory of this part", f"{peak:.2f} GiB")


def curve(scale: float) -> None:
    """Discard curve of 10 million pairs, half of them mated."""
    rng = np.random.default_rng(0)
    count = int(10_000_000 * scale)
    mated = rng.random(count) < 0.5
    quality = rng.random((count, 2), dtype=np.float32)
    noise = rng.normal(scale=0.12, size=count).astype(np.float32)
    similarity = np.where(mated, 0.55 + 0.4 * quality.min(axis=1), np.float32(0)) + noise
    worst = pair_quality(quality)[mated]
    found = discard_curve(similarity, mated, quality)
    ours = best_of(lambda: discard_curve(similarity, mated, quality))
    order = best_of(lambda: np.argsort(worst))
    sort = best_of(lambda: np.sort(worst))
    failed = similarity[mated] <= np.float64(found.threshold)
    cuts = np.unique(worst)

    def loop(thresholds: np.ndarray) -> float:
        start = time.perf_counter()
        for cut in thresholds:
            failed[worst >= cut].mean()
        return (time.perf_counter() - start) / len(thresholds)

    each = loop(cuts[:: max(1, len(cuts) // 20)])
    print(
        f"Discard curve, {count:,} pairs, {len(worst):,} mated, {len(found):,} distinct qualities; FNMR at 0 {found.fnmr[0]:.4f}"
    )
    line("discard_curve", f"{ours:.3f} s")
    line("one argsort of the mated qualities", f"{order:.3f} s")
    line("one sort of the mated qualities", f"{sort:.3f} s")
    line("times the argsort", f"{ours / order:.2f} x", "goal: at most 3")
    line("times the sort", f"{ours / sort:.2f} x", "goal: at most 3")
    line("loop over 1,000 thresholds (extrapolated) is slower by", f"{each * 1000 / ours:,.0f} x", "goal: at least 20")
    line("loop over every threshold (extrapolated) is slower by", f"{each * len(cuts) / ours:,.0f} x")
    memory()


def pairs(scale: float) -> None:
    """All pairs of 20,000 embeddings against the matrix product alone, in the same blocks of the upper triangle."""
    rng = np.random.default_rng(0)
    people, each, width = int(2_000 * np.sqrt(scale)), 10, 512
    centers = rng.normal(size=(people, width)).astype(np.float32)
    names = np.repeat(np.arange(people), each)
    unit = normalize(
        centers[names]
        + rng.uniform(0.5, 3, (len(names), 1)).astype(np.float32)
        * rng.normal(size=(len(names), width)).astype(np.float32)
    )
    buffer = np.empty((512, 2048), np.float32)

    def product() -> None:
        for top in range(0, len(unit), 512):
            rows = unit[top : top + 512]
            for left in range(top, len(unit), 2048):
                columns = unit[left : left + 2048]
                np.matmul(rows, columns.T, out=buffer[: len(rows), : len(columns)])

    ours, alone = best_of(lambda: all_pairs(unit, names), 2), best_of(product, 2)
    found = all_pairs(unit, names)
    print(
        f"All pairs, {len(unit):,} x {width}, {found.mated + found.nonmated:,} comparisons; AUC {found.auc:.6f}, EER {found.eer:.6f}"
    )
    line("all_pairs", f"{ours:.2f} s")
    line("the matrix product alone", f"{alone:.2f} s")
    line("times the product", f"{ours / alone:.2f} x", "goal: at most 2")
    memory()


def bootstrap(scale: float) -> None:
    """200 draws over 500,000 mated pairs of 5,000 people."""
    rng = np.random.default_rng(0)
    count = int(500_000 * scale)
    who = np.r_[rng.integers(0, 5_000, count), np.zeros(count, np.int64)]
    mated = np.arange(2 * count) < count
    quality = rng.random((2 * count, 2), dtype=np.float32)
    noise = rng.normal(scale=0.12, size=2 * count).astype(np.float32)
    similarity = np.where(mated, 0.55 + 0.4 * quality.min(axis=1), np.float32(0)) + noise
    identities = np.stack([who, who], axis=1)
    seconds = best_of(lambda: bootstrap_band(similarity, mated, quality, identities, draws=200), 1)
    one = best_of(lambda: discard_curve(similarity, mated, quality))
    print(f"Bootstrap by identity, 200 draws, {count:,} mated pairs")
    line("bootstrap_band", f"{seconds:.2f} s", "goal: under 60 s")
    line("200 curves computed anew would take", f"{200 * one:.2f} s")
    memory()


PARTS = {"curve": curve, "pairs": pairs, "bootstrap": bootstrap}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, 1 by default")
    parser.add_argument("--part", choices=sorted(PARTS), help="only this part, in this process")
    chosen = parser.parse_args()
    if chosen.part:
        PARTS[chosen.part](chosen.scale)
        return
    for part in PARTS:
        subprocess.run([sys.executable, __file__, "--part", part, "--scale", str(chosen.scale)], check=True)


if __name__ == "__main__":
    main()
