"""How fast the evaluation is: curves over an argsort, pairs over a product, bootstrap over curves.

At full size: 10 million pairs, 20,000 x 512 embeddings, 500,000 mated pairs. The loop over
thresholds is too slow to run whole: it is timed on a few of its thresholds, evenly spread, and
multiplied to 1,000 of them, the number at which many evaluations stop.

Usage: python benchmarks/evaluation_speed.py [--part curve] [--scale 0.1] [--quick]
"""

from __future__ import annotations

import numpy as np
from bench import Result, Setting, in_turns, main, ratio, timed

from fiqa.functional.bootstrap import bootstrap_band
from fiqa.functional.edc import discard_curve, pair_quality
from fiqa.functional.similarity import normalize
from fiqa.functional.verification import all_pairs

PIECE = 20
Array = np.ndarray


def scores(rng: np.random.Generator, mated: Array) -> tuple[Array, Array]:
    """Similarities (P,) and qualities (P,2) of pairs, the mated ones better by both images."""
    quality = rng.random((len(mated), 2), dtype=np.float32)
    noise = rng.normal(scale=0.12, size=len(mated)).astype(np.float32)
    return np.where(mated, 0.55 + 0.4 * quality.min(axis=1), np.float32(0)) + noise, quality


def _curve(setting: Setting) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    rng = np.random.default_rng(0)
    mated = rng.random(setting.count(10_000_000, 10_000)) < 0.5
    similarity, quality = scores(rng, mated)
    worst = pair_quality(quality)[mated]
    result = discard_curve(similarity, mated, quality)
    failed, cuts = similarity[mated] <= np.float64(result.threshold), np.unique(worst)

    def loop() -> None:
        # Evenly over the cuts: a late one keeps fewer pairs and is cheaper.
        for cut in cuts[:: max(1, len(cuts) // PIECE)][:PIECE]:
            failed[worst >= cut].mean()

    calls = {
        "discard_curve": lambda: discard_curve(similarity, mated, quality),
        "one argsort of the mated qualities": lambda: np.argsort(worst),
        "one sort of the mated qualities": lambda: np.sort(worst),
        f"{PIECE} of 1,000 thresholds of the loop": loop,
    }
    took = in_turns(calls, setting.rounds(5))
    counts = f"{len(mated):,} pairs, {len(worst):,} mated, {len(result):,} distinct qualities"
    return took, (
        counts,
        *(timed(name, seconds, unit="s", factor=1) for name, seconds in took.items()),
    )


def curve(setting: Setting) -> Result:
    """A discard curve over one argsort of its qualities.

    numpy's sort of values is no baseline: with AVX-512 it is ten times as fast as without.
    """
    took, details = _curve(setting)
    ours, argsort, _, _ = took.values()
    what = "a discard curve over one argsort of its qualities"
    return Result(what, ratio(ours, argsort), 1.5, details)


def loop(setting: Setting) -> Result:
    """A discard curve over the loop over 1,000 thresholds."""
    took, details = _curve(setting)
    ours, _, _, piece = took.values()
    share = ratio(ours, piece) * PIECE / 1000
    return Result("a discard curve over the loop over 1,000 thresholds", share, 0.05, details)


def pairs(setting: Setting) -> Result:
    """All pairs of embeddings over the matrix product alone, in the same upper blocks."""
    rng = np.random.default_rng(0)
    width = 512
    centers = rng.normal(size=(max(round(2_000 * np.sqrt(setting.scale)), 20), width)).astype(
        np.float32
    )
    names = np.repeat(np.arange(len(centers)), 10)
    spread = rng.uniform(0.5, 3, (len(names), 1)).astype(np.float32)
    unit = normalize(
        centers[names] + spread * rng.normal(size=(len(names), width)).astype(np.float32)
    )
    buffer = np.empty((512, 2048), np.float32)

    def product() -> None:
        for top in range(0, len(unit), 512):
            rows = unit[top : top + 512]
            for left in range(top, len(unit), 2048):
                columns = unit[left : left + 2048]
                np.matmul(rows, columns.T, out=buffer[: len(rows), : len(columns)])

    calls = {"all_pairs": lambda: all_pairs(unit, names), "the matrix product alone": product}
    took = in_turns(calls, setting.rounds(3))
    details = (
        f"{len(unit):,} x {width}",
        *(timed(name, seconds, unit="s", factor=1) for name, seconds in took.items()),
    )
    return Result("all pairs over their matrix product", ratio(*took.values()), 2.0, details)


def bootstrap(setting: Setting) -> Result:
    """200 draws over mated pairs of 5,000 people, over 200 curves computed anew."""
    rng = np.random.default_rng(0)
    count, draws = setting.count(500_000, 5_000), 200
    who = np.r_[rng.integers(0, 5_000, count), np.zeros(count, np.int64)]
    mated = np.arange(2 * count) < count
    similarity, quality = scores(rng, mated)
    people = np.stack([who, who], axis=1)
    calls = {
        f"bootstrap_band, {draws} draws": lambda: bootstrap_band(
            similarity, mated, quality, people, draws=draws
        ),
        "one curve": lambda: discard_curve(similarity, mated, quality),
    }
    took = in_turns(calls, setting.rounds(3))
    band, curve_anew = took.values()
    details = (
        f"{count:,} mated pairs",
        *(timed(name, seconds, unit="s", factor=1) for name, seconds in took.items()),
    )
    return Result(
        f"a bootstrap of {draws} draws over {draws} curves anew",
        ratio(band, curve_anew) / draws,
        1.0,
        details,
    )


PARTS = {"curve": curve, "loop": loop, "pairs": pairs, "bootstrap": bootstrap}

if __name__ == "__main__":
    main(__doc__, PARTS)
