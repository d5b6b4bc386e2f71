"""`label label_optimization`: a long run in steps that survive a kill, and what it changed."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.reading import reading
from fiqa.errors import InputError
from fiqa.functional.agreement import spearman
from fiqa.methods.label_optimization import (
    LabelOptimizer,
    mean_mated_similarity,
    optimize_labels,
)
from fiqa.methods.label_optimization.apart import ApartOptimizer, similarity_apart
from fiqa.methods.label_optimization.priors import combined_prior, learned_weights
from fiqa.methods.label_optimization.step import step_curve
from fiqa.methods.labeler import Job, Labels, Work, options_of
from fiqa.methods.partitions import Mapped
from fiqa.settings import fitted

__all__ = ["AUTO", "optimized", "options", "prepared"]

STAGE = "optimize"
AUTO = "auto"
"""The value of theta and of weights that has them found on people held out."""
_NAME = "label_optimization"
_SAME = 0.9995
"""Rank correlation of old and new labels from which on they are as good as the same."""
_CLEARLY = 3.0
"""Standard deviations of a rank correlation of unrelated numbers, 1 / sqrt(N - 1)."""
_log = logging.getLogger(__name__)


def options() -> dict[str, Any]:
    """Returns name -> default of what `--set` may change: the options of optimize_labels, and
    `weights` of several priors, numbers or "auto"; `theta` may be "auto" too."""
    return {**options_of(optimize_labels), "theta": None, "weights": None}


def prepared(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the options, checked.

    Raises:
        InputError: a theta that is neither a number nor "auto", weights that are neither numbers
            nor "auto".
    """
    paper = options_of(optimize_labels)["theta"]
    theta, weights = given["theta"], given["weights"]
    if theta == AUTO:
        given = given | {"rank_scale": "unit"}
    else:
        chosen = paper if theta is None else theta
        given = given | {"theta": fitted(chosen, paper, f"theta of {_NAME}")}
    if weights is None:
        return {name: value for name, value in given.items() if name != "weights"}
    if weights == AUTO:
        return given
    return given | {"weights": list(fitted(weights, (1.0,), f"weights of {_NAME}"))}


def optimized(job: Job, options: dict[str, Any], work: Work) -> Labels:
    """Returns the prior labels handed out anew, and how far they moved.

    Several priors become one by their ranks (label_optimization.priors). A theta of "auto" is
    chosen on people held out (label_optimization.step).

    `columns`: prior, moved (new rank less old rank, as a fraction of the images), of several priors
    also each one. `about`: mean and largest absolute move, Spearman's rho of old and new labels,
    and of each with the mean mated similarity.
    """
    if job.priors is None or job.vectors is None:
        raise InputError("label_optimization needs a prior and embeddings.")
    with ExitStack() as stack:
        mapped = folder = None
        if work.apart:
            folder = stack.enter_context(work.scratch(STAGE))
            mapped = Mapped.of(job.vectors, folder, "vectors")
        return _optimized(job, job.vectors, options, work, folder, mapped)


def _optimized(
    job: Job,
    vectors: NDArray[np.floating[Any]],
    options: dict[str, Any],
    work: Work,
    folder: Path | None,
    mapped: Mapped | None,
) -> Labels:
    """The same with the vectors mapped where the work is done apart, in a folder for its pairs."""
    if mapped is None:
        similarity = mean_mated_similarity(vectors, job.identities)
    else:
        similarity = similarity_apart(mapped, job.identities, work)
    _warn_of_signs(job, similarity)
    prior, about = _prior(job, options.pop("weights", None), similarity, work.seed)
    theta = options.pop("theta")
    options |= {"theta": 1.0 if theta == AUTO else theta, "seed": work.seed}
    if mapped is None or folder is None:
        optimizer = LabelOptimizer(prior, vectors, job.identities, **options)
    else:
        where: dict[str, Any] = {"work": work, "folder": folder, "mapped": mapped}
        optimizer = ApartOptimizer(prior, vectors, job.identities, **options, **where)
    _advance(optimizer, work)
    if theta == AUTO:
        curve = step_curve(optimizer, progress=work.progress)
        value, found = optimizer.labels(curve.best), curve.about()
    else:
        value, found = optimizer.labels(), {"theta": theta, "theta_in_unit_ranks": _unit(optimizer)}
    moved = (_ranks(value) - _ranks(prior)) / max(len(value) - 1, 1)
    mated = np.isfinite(similarity)
    about |= found | {
        "images": len(value),
        "images_with_mates": int(mated.sum()),
        "pairs_per_repeat": optimizer.pairs,
        "mean_absolute_move": float(np.mean(np.abs(moved))) if len(value) else 0.0,
        "largest_move": float(np.max(np.abs(moved), initial=0.0)),
        "rank_agreement_old_new": _agreement(prior, value),
        "mated_agreement_before": _agreement(prior[mated], similarity[mated]),
        "mated_agreement_after": _agreement(value[mated], similarity[mated]),
    }
    _warn(about)
    return Labels(
        value,
        columns={"prior": prior, "moved": moved.astype(np.float32)} | _each(job),
        about=about,
    )


def _prior(
    job: Job, weights: Any, similarity: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """The one prior, and what was learned of several."""
    priors = [] if job.priors is None else list(job.priors.T)
    names = job.prior_names or tuple(f"prior{i + 1}" for i in range(len(priors)))
    if len(priors) == 1 and weights is not None:
        raise InputError(f"weights need several priors, got one: {names[0]}.")
    if weights != AUTO or not len(similarity):
        shares = None if weights == AUTO else weights
        return combined_prior(priors, shares), (
            {} if len(priors) == 1 else {"priors": list(names), "weights": shares or "equal"}
        )
    learned = learned_weights(priors, similarity, job.identities, seed=seed)
    return combined_prior(priors, learned.weights.tolist()), {
        "priors": list(names),
        "weights": dict(zip(names, learned.weights.tolist(), strict=True)),
        "held_out_agreement": learned.held_out,
        "held_out_agreement_alone": dict(zip(names, learned.alone.tolist(), strict=True)),
    }


def _each(job: Job) -> dict[str, Any]:
    """The columns of several priors, each by its method's name."""
    if job.priors is None or job.priors.shape[1] < 2:
        return {}
    return {f"prior_{name}": job.priors[:, i] for i, name in enumerate(job.prior_names)}


def _unit(optimizer: LabelOptimizer) -> float:
    """What theta would be on the scale of unit ranks: pair indices run further than image
    indices."""
    if optimizer.rank_scale == "unit":
        return optimizer.theta
    return optimizer.theta * optimizer.pairs / max(len(optimizer.taking_part), 1)


def _warn_of_signs(job: Job, similarity: NDArray[np.float64]) -> None:
    """Warns of each prior that falls where the mated similarity rises, beyond chance."""
    mated = np.isfinite(similarity)
    count = int(mated.sum())
    priors = [] if job.priors is None else list(job.priors.T)
    for number, prior in enumerate(priors):
        found = _agreement(prior[mated], similarity[mated])
        if found is not None and found * np.sqrt(count - 1) < -_CLEARLY:
            name = f" {job.prior_names[number]}" if job.prior_names else ""
            _log.warning(
                "The prior%s falls where the mated similarity rises (rank correlation %.2f over %d"
                " images): is lower better in it? Then turn its sign first.",
                name,
                found,
                count,
            )


def _warn(about: dict[str, Any]) -> None:
    """Says where optimizing changed nothing, or nothing beyond chance."""
    if "theta_curve" in about:
        if not about["theta_beyond_chance"]:
            _log.warning(
                "theta=auto chose %g; what it gains on people held out is not beyond chance.",
                about["theta"],
            )
        return
    if about["images"] and (about["rank_agreement_old_new"] or 1.0) > _SAME and about["theta"]:
        _log.warning(
            "The labels hardly moved: %d of %d images have mated pairs, and theta is %.3g in unit"
            " ranks; theta=auto chooses a step on people held out.",
            about["images_with_mates"],
            about["images"],
            about["theta_in_unit_ranks"],
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
