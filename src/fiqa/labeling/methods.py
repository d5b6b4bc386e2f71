"""How each method makes labels from the faces that have everything it needs; one short function per method, over the pure functions of fiqa.methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks, methods
from fiqa.errors import InputError
from fiqa.labeling.inputs import Job, Labels
from fiqa.labeling.options import options_of
from fiqa.labeling.work import Work
from fiqa.types import MethodCard

__all__ = ["LABELERS", "Labeler", "labeler_of"]


@dataclass(frozen=True)
class Labeler:
    """A method as a labeler: `run(job, options, work)`; `options` returns name -> default; `needs` what of the inputs it needs."""

    run: Callable[[Job, dict[str, Any], Work], Labels]
    options: Callable[[], dict[str, Any]]
    needs: tuple[str, ...]
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """Turns checked options into those that are recorded and run with (reads files that they name)."""


def labeler_of(method: str) -> Labeler:
    """Returns how `method` makes labels.

    Raises: UnknownNameError (no such method, with the closest one), InputError (a method that gives no label).
    """
    if method in LABELERS:
        return LABELERS[method]()
    checks.choice(method, "method", {*methods.names(), *LABELERS})
    card = methods.card(method)
    if "label" not in card.gives:
        giving = {*LABELERS, *(name for name in methods.names() if "label" in methods.card(name).gives)}
        raise InputError(
            f"method must be one that gives labels: {', '.join(sorted(giving))}; {method} gives {', '.join(card.gives)}.",
            hint=f"fiqa score --model {method}" if "score" in card.gives else None,
        )
    return Labeler(_scores(method), dict, ("crops",))


def _needs(card: MethodCard) -> tuple[str, ...]:
    return tuple(name for name in card.needs if name != "templates")


def _cr_fiqa() -> Labeler:
    from fiqa.methods.cr_fiqa import CARD, relative_classifiability

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        return Labels(relative_classifiability(_vectors(job), job.identities, **options))

    return Labeler(run, lambda: options_of(relative_classifiability), _needs(CARD))


def _sdd_fiqa() -> Labeler:
    from fiqa.methods.sdd_fiqa import CARD, similarity_distribution_distance

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        value = similarity_distribution_distance(_vectors(job), job.identities, seed=work.seed, **options)
        return Labels(value, "no_mate", range=(0.0, 1.0))

    return Labeler(run, lambda: options_of(similarity_distribution_distance), _needs(CARD))


def _faceqnet() -> Labeler:
    from fiqa.methods.faceqnet import CARD, best_images, similarity_to_best

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        value = similarity_to_best(_vectors(job), job.identities, prior=_prior(job))
        return Labels(value, columns={"best": job.ids[best_images(_prior(job), job.identities)]}, range=(0.0, 1.0))

    return Labeler(run, dict, _needs(CARD))


def _ediffiqa() -> Labeler:
    from fiqa.methods.ediffiqa import CARD, lowered_quality

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        return Labels(lowered_quality(_prior(job), _vectors(job), job.identities, **options), range=(0.0, 1.0))

    return Labeler(run, lambda: options_of(lowered_quality), _needs(CARD))


def _norm() -> Labeler:
    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        if job.norm is None:
            raise InputError("norm needs embeddings with the lengths of their vectors.")
        if len(job.norm) > 1 and np.ptp(job.norm) < 1e-3:
            raise InputError(
                f"norm needs lengths that differ, got {job.norm.min():.4f}..{job.norm.max():.4f}.",
                hint="these embeddings were normalized and their lengths not kept; make them with fiqa embed",
            )
        return Labels(job.norm.astype(np.float32))

    return Labeler(run, dict, ("embeddings",))


def _label_optimization() -> Labeler:
    from fiqa.methods.label_optimization import CARD, optimize_labels

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        from fiqa.labeling.label_optimization import optimized

        return optimized(job, options, work)

    return Labeler(run, lambda: options_of(optimize_labels), _needs(CARD))


def _clib_fiqa() -> Labeler:
    from fiqa.functional.soft import soft_labels
    from fiqa.methods.clib_fiqa import CARD, factor_labels, quality_anchors

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        from fiqa.labeling.clib_fiqa import anchors_and_factors

        return anchors_and_factors(job, options, work)

    return Labeler(run, lambda: options_of(quality_anchors, factor_labels, soft_labels), _needs(CARD))


def _dmsfiqa() -> Labeler:
    from fiqa.labeling.dmsfiqa import OPTIONS, coarse_to_fine, prepare
    from fiqa.methods.dmsfiqa import CARD

    return Labeler(coarse_to_fine, lambda: dict(OPTIONS), _needs(CARD), prepare)


def _scores(method: str) -> Callable[[Job, dict[str, Any], Work], Labels]:
    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        from fiqa.labeling.work import ScoreFaces

        table, status = work.per_face(job, ScoreFaces(method), "score")
        return Labels(table[:, 0], status)

    return run


def _vectors(job: Job) -> NDArray[np.floating[Any]]:
    if job.vectors is None:
        raise InputError("embeddings must be given.")
    return job.vectors


def _prior(job: Job) -> NDArray[np.float64]:
    if job.prior is None:
        raise InputError("a prior must be given.")
    return job.prior


LABELERS: Mapping[str, Callable[[], Labeler]] = MappingProxyType(
    {
        "clib_fiqa": _clib_fiqa,
        "cr_fiqa": _cr_fiqa,
        "dmsfiqa": _dmsfiqa,
        "ediffiqa": _ediffiqa,
        "faceqnet": _faceqnet,
        "label_optimization": _label_optimization,
        "norm": _norm,
        "sdd_fiqa": _sdd_fiqa,
    }
)
"""The methods with a label of their own; any other that gives labels gives its scores."""
