"""Where to cut, from qualities, embeddings and identities: an operating point for each wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.cut_report import CutReport, OperatingPoint, Wish
from fiqa.evaluation.evidence import STORED, Evidence, gather
from fiqa.evaluation.groups import group_names
from fiqa.evaluation.hundred import on_100
from fiqa.evaluation.sources import embeddings_of, named_qualities, negative
from fiqa.functional.cut_evidence import CutEvidence
from fiqa.functional.cut_groups import NO_GROUP
from fiqa.functional.safe_cut import CutCurve, cut_curve
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.threshold import CONFIDENCE, Cut, check_wanted, cut_of, typed_cut
from fiqa.progress import Told, counted
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["Rates", "cut_report", "wishes"]

Rates = float | Sequence[float] | None
"""One wish, several, or none of this kind."""


def wishes(fnmr: Rates, coverage: Rates) -> tuple[Wish, ...]:
    """Returns the wishes in their order, each once.

    Raises:
        InputError: neither is given, both are, or one is out of range.
    """
    asked = [
        *(Wish(fnmr=rate) for rate in _rates(fnmr)),
        *(Wish(coverage=share) for share in _rates(coverage)),
    ]
    if not asked or (_rates(fnmr) and _rates(coverage)):
        raise InputError(
            f"Exactly one of fnmr and coverage must be given, got fnmr={fnmr} and"
            f" coverage={coverage}.",
            hint=(
                "--fnmr 0.01 asks what cut reaches it, --coverage 0.9 what cut keeps nine images"
                " of ten"
            ),
        )
    for wish in asked:
        check_wanted(wish.fnmr, wish.coverage)
    return tuple(dict.fromkeys(asked))


def _rates(value: Rates) -> list[float]:
    if value is None:
        return []
    return [float(value)] if isinstance(value, int | float) else [float(each) for each in value]


def cut_report(
    quality: Quality | PathLike | Frame,
    embeddings: Embeddings | PathLike | Frame,
    asked: Sequence[Wish],
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    group: str | None = None,
    fmr: float = 1e-3,
    confidence: float = CONFIDENCE,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
    match: Match = "id",
    flip: bool = False,
    told: Told,
    command: str = "",
) -> CutReport:
    """Returns the cuts for each wish.

    Args:
        quality, embeddings, pairs, faces, group, fmr, confidence, draws, level, seed, match, flip:
            as fiqa.threshold.
        asked: the wishes.
        told: hears of each wish.
        command: the line that makes the report.

    Raises: as fiqa.threshold.
    """
    checks.in_range(confidence, "confidence", 0.5, 1.0, open_low=True, open_high=True)
    checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
    checks.seed(seed)
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    if flip:
        quality = _turned(quality, embeddings)
    evidence = gather(quality, embeddings, pairs=pairs, faces=manifest, match=match)
    scores, vectors = evidence.scores[0], evidence.recognizers[0]
    groups = None if group is None else group_names(evidence.manifest, group)
    # A cut discards non-mated pairs too, so each must be there, not only the largest.
    other = evidence.stored_nonmated(seed)
    index = np.concatenate([evidence.mated, other])
    pool = CutEvidence(
        pair_similarity(vectors.vector, index),
        np.arange(len(index)) < len(evidence.mated),
        index,
        scores.value,
        evidence.identity,
        fmr=fmr,
    )
    curve = cut_curve(pool, confidence)
    # the integers of a file are those of the score as it was
    hundred, source = (None, "") if flip else on_100(quality, evidence, match)
    polarity = _polarity(scores.name, curve, flip)
    points = []
    for wish in counted(asked, told, "threshold", len(asked)):
        try:
            cut = cut_of(
                pool, curve, fnmr=wish.fnmr, coverage=wish.coverage, groups=groups,
                hundred=hundred, draws=draws, level=level, seed=seed,
            )  # fmt: skip
        except EvidenceError as error:
            raise EvidenceError(str(error), hint=polarity[0]) if polarity else error from error
        points.append(_point(wish, cut, scores.value))
    notes = [
        *evidence.notes,
        *polarity,
        *_notes(evidence, len(other), seed, groups, group),
        *_losses(points),
    ]
    line = (
        f"threshold {pool.threshold:.4g} for FMR {fmr:g} on {len(other):,} non-mated pairs "
        f"(lowest they resolve {1 / len(other):.2g}); {draws} resamples of identities, seed {seed}"
    )
    return CutReport(
        points=tuple(points),
        curve=curve,
        method=scores.name,
        recognizer=vectors.recognizer,
        protocol=line,
        notes=tuple(notes),
        uqs_from=source,
        group=group,
        command=command,
    )


def _turned(
    quality: Quality | PathLike | Frame, embeddings: Embeddings | PathLike | Frame
) -> Quality:
    """The quality with its order reversed, under its own name."""
    named = named_qualities(quality, embeddings_of(embeddings))[0]
    return replace(negative(named.quality), method=named.name)


def _polarity(name: str, curve: CutCurve, flip: bool) -> list[str]:
    """A sentence where the order was reversed, or where keeping the better half raises the FNMR
    beyond two standard deviations of the count of errors."""
    if flip:
        return [
            f"Lower is better in {name}: its sign was turned. An image is kept where the number in"
            " its file is at most minus the cut."
        ]
    start, errors = float(curve.fnmr[0]), float(curve.fnmr[0] * curve.kept[0])
    half = int(np.argmin(np.abs(curve.coverage - 0.5)))
    if errors > 0 and curve.fnmr[half] > start * (1 + 2 / np.sqrt(errors)):
        return [
            f"{name} is worse than random here: keeping its better half raises the FNMR from"
            f" {start:.4f} to {curve.fnmr[half]:.4f}. Is lower better? --flip turns it."
        ]
    return []


def _point(wish: Wish, cut: Cut, values: NDArray[np.float64]) -> OperatingPoint:
    safe = cut.safe.effect
    return OperatingPoint(
        wish,
        cut,
        typed_cut(cut.cut.value, values),
        None if safe is None else typed_cut(safe.cut, values),
    )


def _notes(
    evidence: Evidence, stored: int, seed: int, groups: NDArray[np.str_] | None, group: str | None
) -> list[str]:
    notes = []
    if evidence.nonmated is None and evidence.nonmated_total > STORED:
        notes.append(
            f"{stored:,} of {evidence.nonmated_total:,} non-mated pairs were drawn at random (seed"
            f" {seed})."
        )
    if groups is not None and np.any(groups == NO_GROUP):
        count = int(np.count_nonzero(groups == NO_GROUP))
        notes.append(
            f"{count:,} of {len(groups):,} images have no {group}: they are the group {NO_GROUP}."
        )
    return notes


def _losses(points: Sequence[OperatingPoint]) -> list[str]:
    """Warnings of cuts that lose more than half of the images."""
    notes = []
    for point in points:
        for name, effect in (("plain", point.cut.effect), ("safe", point.cut.safe.effect)):
            if effect is not None and effect.coverage < 0.5:
                notes.append(
                    f"warning: the {name} cut for {point.wish} loses {1 - effect.coverage:.0%} of"
                    " the images. Better pictures, or another score, will do more than a stricter"
                    " cut."
                )
    return notes
