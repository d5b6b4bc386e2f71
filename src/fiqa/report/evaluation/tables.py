"""The tables of an evaluation: areas with intervals, errors left, verification, scores.

Every one says its protocol and its counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fiqa.errors import EvidenceError
from fiqa.evaluation.result import (
    FORMS,
    Estimate,
    Evaluation,
    MethodCurve,
    RecognizerResult,
    Scores,
)
from fiqa.functional.agreement import spearman
from fiqa.functional.table import Table, file_stem
from fiqa.report.evaluation.verdict import gap_to_oracle, percent, ranked

__all__ = ["evaluation_tables", "protocol_line"]

DISCARDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Where the table of errors left is read."""

_GAP = "gap to the oracle"
_HEADS = {"raw": "raw ×10³", "start": "/ FNMR at 0", "best": "− best ×10³"}


def evaluation_tables(evaluation: Evaluation) -> Evaluation:
    """Returns the evaluation with its tables, those of the areas first."""
    tables = [_areas(evaluation, result) for result in evaluation.recognizers]
    tables += [_errors(evaluation, result) for result in evaluation.recognizers]
    tables += [_forms(evaluation, result) for result in evaluation.recognizers]
    tables += [_verification(evaluation), _scores(evaluation)]
    if len(evaluation.scores) > 2:
        tables.append(_agreement(evaluation.scores))
    return replace(evaluation, tables=tables)


def protocol_line(evaluation: Evaluation, result: RecognizerResult, *, short: bool = False) -> str:
    """Returns how the numbers of a recognizer were made, and of how many pairs and errors.

    Args:
        evaluation: with its settings.
        result: of the recognizer.
        short: for under a plot.
    """
    settings, counts = evaluation.settings, result.counts
    rate = (
        f"FMR {settings['fmr']:g}"
        if settings["fmr"] is not None
        else f"starting FNMR {settings['start_fnmr']:g}"
    )
    if short:
        return (
            f"protocol {settings['protocol']}, {rate}, {settings['pairs']}; {counts['mated']:,}"
            f" mated with {counts['errors']:,} errors at discard 0, {counts['nonmated']:,}"
            " non-mated."
        )
    parts = [
        f"protocol {settings['protocol']}, {rate}, threshold {result.threshold:.4g} at discard 0",
        (
            f"{settings['pairs']}: {counts['mated']:,} mated of {evaluation.counts['identities']:,}"
            f" identities, {counts['nonmated']:,} non-mated"
        ),
        f"{counts['errors']:,} errors at discard 0 (FNMR {result.fnmr:.4g})",
    ]
    if counts["nonmated"]:
        parts.append(f"lowest FMR these pairs resolve {counts['resolvable_fmr']:.2g}")
    if settings["draws"] and any(curve.curve.band is not None for curve in result.curves):
        parts.append(
            f"[ ] {settings['level']:.0%} by {settings['draws']} resamples of identities, seed"
            f" {settings['seed']}"
        )
    return "; ".join(parts) + "."


def interval(low: float | None, high: float | None, digits: int = 3) -> str | None:
    """Returns an interval as text, None where there is none."""
    return None if low is None or high is None else f"[{low:.{digits}f}, {high:.{digits}f}]"


def _value(area: Estimate | None, scale: float = 1.0) -> float | None:
    return None if area is None else area.value * scale


def _areas(evaluation: Evaluation, result: RecognizerResult) -> Table:
    limits = evaluation.settings["limits"]
    banded = any(curve.curve.band is not None for curve in result.curves)
    compared = any(curve.difference is not None for curve in result.curves)
    columns = ["method"]
    for limit in limits:
        columns += [f"area to {percent(limit)}"] + (["interval"] if banded else [])
    columns.append(_GAP)
    if compared:
        columns += [f"less {result.curves[0].name}", "interval", "p"]
    rows = [
        [
            curve.name,
            *_area_cells(curve, limits, banded),
            gap_to_oracle(result, curve, limits[0]),
            *(_gap(curve) if compared else []),
        ]
        for curve in ranked(result, limits[0])
    ]
    title = (
        f"{result.name}: area under the discard curve, relative to the FNMR at discard 0 (lower is"
        " better, 1: no help)"
    )
    return Table(
        f"areas_{_stem(evaluation, result)}",
        title,
        columns,
        rows,
        " ".join([protocol_line(evaluation, result), *_area_notes(evaluation, compared)]),
    )


def _area_notes(evaluation: Evaluation, compared: bool) -> list[str]:
    settings = evaluation.settings
    upto = percent(settings["limits"][0])
    notes = [f"Gap to the oracle: of the area to {upto}; 0 is the oracle, 1 no help."]
    if compared:
        draws = settings["draws"]
        notes.append(
            f"p cannot fall below {2 / (draws + 1):.2g} with {draws} resamples: that value says"
            " that every resample agreed."
        )
    return notes


def _area_cells(curve: MethodCurve, limits: Sequence[float], banded: bool) -> list[Any]:
    cells: list[Any] = []
    for limit in limits:
        area = curve.areas[limit, "start"]
        cells += [_value(area)] + (
            [None if area is None else interval(area.low, area.high)] if banded else []
        )
    return cells


def _gap(curve: MethodCurve) -> list[Any]:
    gap = curve.difference
    return [None] * 3 if gap is None else [gap.difference, interval(gap.low, gap.high), gap.p]


def _errors(evaluation: Evaluation, result: RecognizerResult) -> Table:
    rows = []
    for curve in ranked(result, evaluation.settings["limits"][0]):
        left = [curve.errors_left(discard) for discard in DISCARDS]
        rows.append([curve.name, *(_share(errors, kept) for errors, kept in left)])
    columns = ["method", *(f"discard {percent(discard)}" for discard in DISCARDS)]
    title = (
        f"{result.name}: FNMR among the mated pairs left, when at least so many are discarded"
        " (errors of pairs)"
    )
    return Table(
        f"errors_{_stem(evaluation, result)}",
        title,
        columns,
        rows,
        protocol_line(evaluation, result),
    )


def _share(errors: int, kept: int) -> str | None:
    return f"{100 * errors / kept:.2f} % ({errors:,} of {kept:,})" if kept else None


def _forms(evaluation: Evaluation, result: RecognizerResult) -> Table:
    limits = evaluation.settings["limits"]
    scale = {"raw": 1e3, "start": 1.0, "best": 1e3}
    columns = [
        "method",
        *(f"{percent(limit)} {_HEADS[form]}" for limit in limits for form in FORMS),
    ]
    rows = [
        [
            curve.name,
            *(_value(curve.areas[limit, form], scale[form]) for limit in limits for form in FORMS),
        ]
        for curve in ranked(result, limits[0])
    ]
    title = (
        f"{result.name}: the area in its three forms (raw; relative to the FNMR at discard 0; less"
        " the theoretical best)"
    )
    return Table(
        f"forms_{_stem(evaluation, result)}",
        title,
        columns,
        rows,
        protocol_line(evaluation, result),
    )


def _verification(evaluation: Evaluation) -> Table:
    fars = next((list(r.verification.tpr) for r in evaluation.recognizers if r.verification), [])
    folds = any(result.accuracy for result in evaluation.recognizers)
    columns = [
        "recognizer",
        "mated",
        "non-mated",
        "ROC-AUC",
        "EER %",
        *(f"TPR at FAR {far:g}" for far in fars),
    ]
    rows: list[list[Any]] = []
    for result in evaluation.recognizers:
        v = result.verification
        if v is None:
            cells: list[Any] = [None] * (4 + len(fars))
        else:
            # Finer than one in all non-mated pairs is a guess, so no number is shown.
            tpr = [v.tpr[far] if far >= v.resolvable_far else None for far in fars]
            cells = [v.mated, v.nonmated, v.auc, 100 * v.eer, *tpr]
        accuracy = result.accuracy
        rows.append(
            [result.name, *cells, *([None if accuracy is None else accuracy.mean] if folds else [])]
        )
    note = (
        "Exact on these pairs, nothing discarded. A dash: a FAR that the non-mated pairs cannot"
        " resolve."
    )
    title = "Verification of all images"
    return Table(
        "verification", title, [*columns, *(["fold accuracy"] if folds else [])], rows, note, 4
    )


def _scores(evaluation: Evaluation) -> Table:
    columns = [
        "quality",
        "kind",
        "images",
        "absent",
        "lowest",
        "median",
        "highest",
        "Q90-Q10",
        "std",
        "entropy",
        "scale",
    ]
    rows: list[list[Any]] = []
    for scores in evaluation.scores:
        ordered = sorted(scores.value.tolist())
        spread = scores.spread
        shape = [None] * 3 if spread is None else [spread.q90_q10, spread.std, spread.entropy]
        ends = [ordered[0], ordered[len(ordered) // 2], ordered[-1]]
        rows.append(
            [scores.name, scores.kind, len(ordered), scores.absent, *ends, *shape, scores.scale]
        )
    note = (
        "Spread on the score's own scale brought to 0..1, entropy in nats of 20 bins (at most"
        f" 2.996); a dash where that scale is open. {evaluation.counts['images']:,} images,"
        f" {evaluation.counts['left_out']:,} left out."
    )
    return Table("scores", "The scores", columns, rows, note)


def _agreement(scores: Sequence[Scores]) -> Table:
    rows: list[list[Any]] = [
        [one.name, *(None if one is other else _spearman(one, other) for other in scores)]
        for one in scores
    ]
    note = "Spearman's rank correlation on the same images; a dash where a quality is constant."
    names = [one.name for one in scores]
    return Table("agreement", "How far each two agree", ["quality", *names], rows, note, 2)


def _spearman(one: Scores, other: Scores) -> float | None:
    try:
        return spearman(one.value, other.value)
    except EvidenceError:  # one of them is constant
        return None


def _stem(evaluation: Evaluation, result: RecognizerResult) -> str:
    """Returns a name for files that no other recognizer of the run has."""
    return file_stem(result.name, [other.name for other in evaluation.recognizers])
