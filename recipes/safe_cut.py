"""Does a cut hold on other people?

Half of the people choose it, the other half tries it, many times.

    python recipes/safe_cut.py scores.parquet emb.npz [--fnmr .01 --fnmr .02] [--most 10]

For each wanted FNMR it prints in how many splits the plain and the safe cut of `fiqa threshold`
miss it on the other half, the median FNMR there, and the images that are kept. The comparison
threshold stays that of the half that chose, as that of a recognizer in use. The folder part of an
id is its person; `--most` takes so many images of each at random, `--people` so many people.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from fiqa.data.pairs import mated_pairs
from fiqa.errors import EvidenceError
from fiqa.evaluation.evidence import Evidence, gather
from fiqa.functional.cut_evidence import CutEvidence
from fiqa.functional.safe_cut import cut_curve, safe_cut
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.streams import nonmated_index

NONMATED = 500_000
"""Non-mated pairs that set a half's comparison threshold."""


def chosen(
    who: NDArray[np.str_], most: int, people: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of at most `most` images of each person, of at most `people` people with two or more."""
    names, counts = np.unique(who, return_counts=True)
    names = names[counts > 1]
    rows = [
        rng.permutation(np.flatnonzero(who == name))[:most]
        for name in rng.permutation(names)[:people]
    ]
    return np.sort(np.concatenate(rows))


def half(
    evidence: Evidence, rows: NDArray[np.int64], quality: NDArray[np.float64], fmr: float, seed: int
) -> CutEvidence:
    """The evidence of some images."""
    who = evidence.identity[rows]
    mated = mated_pairs(who).index
    index = np.concatenate([mated, nonmated_index(who, most=NONMATED, seed=seed)])
    similarity = pair_similarity(evidence.recognizers[0].vector[rows], index)
    return CutEvidence(
        similarity, np.arange(len(index)) < len(mated), index, quality[rows], who, fmr=fmr
    )


def fnmr_on(
    evidence: Evidence,
    rows: NDArray[np.int64],
    quality: NDArray[np.float64],
    cut: float,
    threshold: float,
) -> float:
    """FNMR among the mated pairs of some images that a cut keeps."""
    kept = rows[quality[rows] >= cut]
    mated = mated_pairs(evidence.identity[kept]).index
    return float(np.mean(pair_similarity(evidence.recognizers[0].vector[kept], mated) <= threshold))


def main() -> None:
    """Prints one line for each wanted FNMR and kind of cut."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("quality")
    parser.add_argument("embeddings")
    parser.add_argument("--fnmr", type=float, action="append")
    parser.add_argument("--fmr", type=float, default=1e-3)
    parser.add_argument("--confidence", type=float, default=0.9)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--splits", type=int, default=30)
    options = parser.parse_args()
    rates = options.fnmr or [0.01, 0.02]
    evidence = gather(options.quality, options.embeddings)
    quality, rng = evidence.scores[0].value, np.random.default_rng(0)
    taken = chosen(evidence.identity, options.most, options.people, rng)
    people = np.unique(evidence.identity[taken])
    outcomes: dict[tuple[float, str], list[tuple[float, float]]] = {
        (w, k): [] for w in rates for k in ("plain", "safe")
    }
    for split in range(options.splits):
        first = np.isin(evidence.identity[taken], rng.permutation(people)[: len(people) // 2])
        ours = half(evidence, taken[first], quality, options.fmr, split)
        curve = cut_curve(ours, options.confidence)
        for rate in rates:
            safe = safe_cut(ours, curve, fnmr=rate).effect
            cuts = {"plain": ours.scale.lowest(rate), "safe": np.inf if safe is None else safe.cut}
            for kind, cut in cuts.items():
                if np.isfinite(cut):
                    # At the threshold of the half that chose: in use nobody sets it anew.
                    other = fnmr_on(evidence, taken[~first], quality, cut, ours.threshold)
                    outcomes[rate, kind].append((other, ours.scale.coverage(cut)))
    print(
        f"{len(taken):,} images of {len(people):,} people, {options.splits} splits in halves, FMR"
        f" {options.fmr:g}"
    )
    print(
        "| wanted FNMR | cut | splits with a cut | misses | median FNMR of the others | images"
        " kept |"
    )
    print("|---:|---|---:|---:|---:|---:|")
    for (rate, kind), results in outcomes.items():
        if not results:
            print(f"| {rate:g} | {kind} | 0 | – | – | – |")
            continue
        other, kept = np.array(results).T
        misses = int(np.sum(other > rate))
        print(
            f"| {rate:g} | {kind} | {len(results)} | {misses} | {np.median(other):.4f} |"
            f" {np.median(kept):.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    try:
        main()
    except EvidenceError as error:
        raise SystemExit(str(error)) from None
