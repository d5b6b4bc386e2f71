"""`label label_optimization`: a long run in steps that survive a kill, and what it changed."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.reading import reading
from fiqa.errors import InputError
from fiqa.functional.agreement import spearman
from fiqa.methods.label_optimization import LabelOptimizer, mean_mated_similarity
from fiqa.methods.labeler import Job, Labels, Work

__all__ = ["optimized"]

STAGE = "optimize"
_CLEARLY = 3.0
_log = logging.getLogger(__name__)


def optimized(job: Job, options: dict[str, Any], work: Work) -> Labels:
    """Returns the prior labels handed out anew, and how far they moved.

    `columns`: prior, moved (new rank less old rank, as a fraction of the images). `about`: mean and
    largest absolute move, Spearman's rho of old and new labels, and of each with the mean mated
    similarity.
    """
    if job.prior is None or job.vectors is None:
        raise InputError("label_optimization needs a prior and embeddings.")
    similarity = mean_mated_similarity(job.vectors, job.identities)
    mated = np.isfinite(similarity)
    before = _agreement(job.prior[mated], similarity[mated])
    # Beyond three standard deviations of a rank correlation of nothing.
    if before is not None and before * np.sqrt(np.count_nonzero(mated) - 1) < -_CLEARLY:
        _log.warning(
            "The prior falls where the mated similarity rises (rank correlation %.2f over %d"
            " images): is lower better in it? Then turn its sign first.",
            before,
            np.count_nonzero(mated),
        )
    optimizer = LabelOptimizer(job.prior, job.vectors, job.identities, seed=work.seed, **options)
    _advance(optimizer, work)
    value = optimizer.labels()
    moved = (_ranks(value) - _ranks(job.prior)) / max(len(value) - 1, 1)
    about = {
        "images": len(value),
        "images_with_mates": int(mated.sum()),
        "pairs_per_repeat": optimizer.pairs,
        "mean_absolute_move": float(np.mean(np.abs(moved))) if len(value) else 0.0,
        "largest_move": float(np.max(np.abs(moved), initial=0.0)),
        "rank_agreement_old_new": _agreement(job.prior, value),
        "mated_agreement_before": before,
        "mated_agreement_after": _agreement(value[mated], similarity[mated]),
    }
    return Labels(
        value, columns={"prior": job.prior, "moved": moved.astype(np.float32)}, about=about
    )


def _advance(optimizer: LabelOptimizer, work: Work) -> None:
    """Runs the optimizer to its end; part 0 holds the clusters, part k the sum after k repeats, and
    the last of them is where a rerun goes on."""
    parts = work.parts(STAGE)
    saved = parts.paths() if parts else []
    # The sums of the parts between are contained in the last one.
    for path in saved[:1] + saved[1:][-1:]:
        with reading(path), np.load(path, allow_pickle=False) as state:
            optimizer.restore(state)
    if not saved:
        optimizer.cluster(work.progress)
        if parts:
            with parts.writing(0) as aside:
                np.savez(aside, allow_pickle=False, **optimizer.state("clusters"))
    while optimizer.done < optimizer.repeats:
        optimizer.advance()
        if parts:
            with parts.writing(parts.done) as aside:
                np.savez(aside, allow_pickle=False, **optimizer.state("repeats"))
        work.progress("repeat", optimizer.done, optimizer.repeats)


def _ranks(value: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(N,) positions 0..N-1 in ascending order, equal values in the order of their rows."""
    result = np.empty(len(value))
    result[np.argsort(value, kind="stable")] = np.arange(len(value))
    return result


def _agreement(first: Any, second: Any) -> float | None:
    """Spearman's rho, None where it is not defined."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearman(first, second))
