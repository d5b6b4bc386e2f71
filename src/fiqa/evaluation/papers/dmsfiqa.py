"""DmsFIQA's tables: agreement with labels and spread (4), verification under filtering (5)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.levels import label_table, stated_levels
from fiqa.data.names import Match, find_ids, strangers
from fiqa.data.quality import read_quality
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.result import Scores
from fiqa.evaluation.scales import scales_note
from fiqa.evaluation.setting import Setting
from fiqa.evaluation.verified import Verified, verified
from fiqa.functional import agreement
from fiqa.functional.calibration import levels
from fiqa.functional.collapse import Collapse
from fiqa.functional.selection import above, coverage, top_k
from fiqa.functional.spread import Spread
from fiqa.functional.table import Table, file_stem
from fiqa.methods.dmsfiqa.levels import INTERVALS
from fiqa.types import Embeddings, PathLike, Quality
from fiqa.vocabulary import LEVELS

__all__ = [
    "AGREEMENT",
    "AGREEMENT_MEASURES",
    "CUTS",
    "THRESHOLDS",
    "TOP",
    "Target",
    "agreement_table",
    "filter_table",
    "target_of",
]

CUTS = tuple(high for _, high in (INTERVALS[0], INTERVALS[3], INTERVALS[6], INTERVALS[9]))
"""Where DmsFIQA's labels are cut into unusable, low, medium, good and perfect."""

# The filters of the paper's Table 5.
TOP = (20, 30, 50, 100)
THRESHOLDS = (0.2, 0.4, 0.6, 0.8)

AGREEMENT = (
    "method", "images",
    "MAE", "RMSE", "balanced acc.", "macro-F1",
    "Spearman", "Kendall", "ids used/skipped",
    "middle Spearman", "middle Kendall", "middle used/skipped",
    "Q90-Q10", "Std", "Entropy",
)  # fmt: skip
"""The columns of Table 4."""
AGREEMENT_MEASURES = tuple(
    name for name in AGREEMENT if name not in ("method", "images") and "used" not in name
)
"""Those that are measured, and have intervals."""


@dataclass(frozen=True, eq=False)
class Target:
    """The images that have a target label.

    Attributes:
        rows: (n,) of them in the evidence.
        truth: (n,) their labels in 0..1.
        who: (n,) their identities.
        level: (n,) of the labels, 0..4.
        middle: (n,) True for low, medium and good; where levels are cut, labels in (.2, .9].
        stated: True where the labels' file states the levels, else labels are cut at CUTS.
    """

    rows: NDArray[np.int64]
    truth: NDArray[np.float64]
    who: NDArray[np.str_]
    level: NDArray[np.int64]
    middle: NDArray[np.bool_]
    stated: bool

    @classmethod
    def of(
        cls, labels: Quality, stated: Mapping[str, int], evidence: Evidence, match: Match
    ) -> Target:
        """Returns what labels, and the levels that their file states, say of the evidence."""
        place = find_ids(labels.id, evidence.ids, match=match)
        label = np.full(len(evidence.ids), np.nan)
        label[place[place >= 0]] = labels.value[place >= 0]
        rows = np.flatnonzero(np.isfinite(label))
        if not len(rows):
            raise InputError(
                f"The target labels must be of these images, got none of {len(evidence.ids)} among"
                f" {len(labels)}:"
                f" {strangers(labels.id, evidence.ids, what=labels.method, match=match)}."
            )
        truth = label[rows]
        checks.in_range(float(truth.min()), "target", 0.0, 1.0)
        checks.in_range(float(truth.max()), "target", 0.0, 1.0)
        level, middle = levels(truth, CUTS), (truth > CUTS[0]) & (truth <= CUTS[-1])
        if stated:
            by_row = np.full(len(evidence.ids), -1)
            by_row[place[place >= 0]] = [stated[name] for name in labels.id[place >= 0].tolist()]
            level = by_row[rows]
            middle = (level > 0) & (level < len(LEVELS) - 1)
        return cls(rows, truth, evidence.identity[rows], level, middle, bool(stated))

    def collapse(self, scores: Scores) -> Collapse | None:
        """Returns how the scores are spread beside these labels, None where their scale is open."""
        if scores.unit is None:
            return None
        return Collapse.of(scores.unit[self.rows], self.truth, (0.0, 1.0))

    def row(self, scores: Scores) -> list[Any]:
        """Returns the cells of one method."""
        unit = None if scores.unit is None else scores.unit[self.rows]
        value, middle, collapse = scores.value[self.rows], self.middle, self.collapse(scores)
        return [
            scores.name,
            len(self.rows),
            *_errors(unit, self.truth, self.level),
            *_ranks(value, self.truth, self.who),
            *_ranks(value[middle], self.truth[middle], self.who[middle]),
            *_shape(None if collapse is None else collapse.score),
        ]


def agreement_table(
    evidence: Evidence, target: Quality | PathLike, *, match: Match = "id"
) -> Table:
    """Returns DmsFIQA's Table 4: how each quality agrees with labels, and how it is spread.

    Errors and spread are on the method's own scale (fiqa.evaluation.scales; a dash where that is
    open), never on a calibrated one, on which a collapsed score looks like a good one; the note
    names what has collapsed beside the labels. Rank correlations are per identity, then averaged,
    on all images and on those of the middle levels, with the identities used and skipped. The
    levels of the labels are those that their file states, else labels are cut at CUTS; the levels
    of a quality are always cut there.

    Args:
        evidence: the images and their qualities.
        target: labels in 0..1.
        match: how the names of the labels find the ids.

    Raises:
        InputError: labels outside 0..1, or none for these images.
    """
    labels, images = target_of(evidence, target, match=match)
    measured = [(scores.name, images.collapse(scores)) for scores in evidence.scores]
    collapsed = "".join(
        f" {name} has collapsed: {collapse.line()}."
        for name, collapse in measured
        if collapse is not None and collapse.collapsed
    )
    note = (
        f"Target: {labels.method} ({labels.kind}), {len(images.rows)} of {len(evidence.ids)}"
        f" images, {int(images.middle.sum())} of the middle levels (levels"
        f" {'as the labels state them' if images.stated else 'by cuts'}). Correlations within each"
        " identity, then averaged; identities with fewer than two images or constant scores are"
        f" skipped. {_own(evidence)} A dash: that scale is open.{collapsed}"
    )
    return Table(
        "dms_agreement",
        "DmsFIQA Table 4: agreement with the labels, and spread",
        AGREEMENT,
        [images.row(scores) for scores in evidence.scores],
        note,
    )


def target_of(
    evidence: Evidence, target: Quality | PathLike, *, match: Match = "id"
) -> tuple[Quality, Target]:
    """Returns labels, and what they say of the images of the evidence.

    Args and Raises: as agreement_table.
    """
    labels = target if isinstance(target, Quality) else read_quality(target)
    file = target if isinstance(target, str | os.PathLike) else None
    stated = {} if file is None else stated_levels(label_table(file), file)
    return labels, Target.of(labels, stated, evidence, match)


def _errors(
    unit: NDArray[np.float64] | None, truth: NDArray[np.float64], true_level: NDArray[np.int64]
) -> list[float | None]:
    if unit is None:
        return [None] * 4
    level = levels(unit, CUTS)
    return [
        agreement.mae(unit, truth),
        agreement.rmse(unit, truth),
        agreement.balanced_accuracy(level, true_level),
        agreement.macro_f1(level, true_level),
    ]


def _ranks(
    value: NDArray[np.float64], truth: NDArray[np.float64], who: NDArray[np.str_]
) -> list[Any]:
    try:
        spearman, used, skipped = agreement.per_identity(agreement.spearman, value, truth, who)
        kendall, _, _ = agreement.per_identity(agreement.kendall, value, truth, who)
    except EvidenceError:  # no identity has two images that differ
        return [None, None, f"0/{len(np.unique(who))}"]
    return [spearman, kendall, f"{used}/{skipped}"]


def _shape(wide: Spread | None) -> list[float | None]:
    return [None] * 3 if wide is None else [wide.q90_q10, wide.std, wide.entropy]


def _own(evidence: Evidence) -> str:
    """Says that the numbers of a table are on the methods' own scales, and which these are."""
    return f"On each method's own scale brought to 0..1. {scales_note(evidence.scores)}"


def filter_table(
    evidence: Evidence,
    vectors: Embeddings,
    setting: Setting,
    groups: Mapping[str, NDArray[np.str_]] | None = None,
) -> Table:
    """Returns DmsFIQA's Table 5 for one recognizer: verification of what a filter leaves.

    The filters: none, the best K of each identity (and of each other group), and thresholds on the
    method's own scale in 0..1.

    Args:
        evidence: the images and their qualities.
        vectors: the recognizer's embeddings.
        setting: its `fars` are the columns; with `draws` each number has its interval.
        groups: name -> (N,) the track or the like of each image, for the best K of each.
    """
    measures = ["ROC-AUC", *(f"TPR@{far:g}" for far in setting.fars), "EER %"]
    ends = ("", " low", " high") if setting.draws else ("",)
    columns = [
        "method",
        "filter",
        "coverage %",
        "images",
        "identities",
        "mated",
        "non-mated",
        *(f"{name}{end}" for name in measures for end in ends),
    ]
    stem = file_stem(vectors.recognizer, [other.recognizer for other in evidence.recognizers])
    everything = np.ones(len(evidence.ids), bool)
    rows = [["-", "none", *_filtered(evidence, vectors, everything, setting)]]
    within = {"identity": evidence.identity, **(groups or {})}
    for scores in evidence.scores:
        masks = [
            (f"top {k} per {name}", top_k(scores.value, group, k))
            for name, group in within.items()
            for k in TOP
        ]
        if scores.unit is not None:
            masks += [(f"score >= {cut:g}", above(scores.unit, cut)) for cut in THRESHOLDS]
        rows += [
            [scores.name, name, *_filtered(evidence, vectors, mask, setting)]
            for name, mask in masks
        ]
    sure = (
        f" Low and high: {100 * setting.level:g} % intervals over people, {setting.draws} draws of"
        " mated pairs against the non-mated ones as they are."
        if setting.draws
        else ""
    )
    note = (
        f"Recognizer {vectors.recognizer}, the retained images of the same {len(evidence.ids)},"
        " exact. A dash: no pairs of both kinds are left, or a FAR that the non-mated pairs cannot"
        f" resolve. Thresholds need an own scale with ends.{sure} {_own(evidence)}"
    )
    return Table(
        f"dms_filter_{stem}",
        f"DmsFIQA Table 5: verification under filtering, {vectors.recognizer}",
        columns,
        rows,
        note,
    )


def _filtered(
    evidence: Evidence, vectors: Embeddings, keep: NDArray[np.bool_], setting: Setting
) -> list[Any]:
    left = [100 * coverage(keep), int(keep.sum()), len(np.unique(evidence.identity[keep]))]
    each = 3 if setting.draws else 1
    try:
        found = verified(vectors, evidence, keep, setting)
    except EvidenceError:
        return [*left, None, None, *([None] * each * (2 + len(setting.fars)))]
    return [*left, found.mated, found.nonmated, *_cells(found, each)]


def _cells(found: Verified, each: int) -> list[float | None]:
    """AUC, TPR and EER in percent; with `each` 3 the ends of their intervals too."""
    cells: list[float | None] = []
    for part, scale in (
        (found.auc, 1),
        *((rate, 1) for rate in found.tpr.values()),
        (found.eer, 100),
    ):
        ends = (None,) * 3 if part is None else (part.value, part.low, part.high)
        cells += [None if end is None else scale * end for end in ends[:each]]
    return cells
