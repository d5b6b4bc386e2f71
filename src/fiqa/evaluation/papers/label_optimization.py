"""The tables of label optimization (I to III): what it changes, under each recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqa import checks
from fiqa.errors import InputError
from fiqa.evaluation.papers.areas import counts_note, recognizer_names
from fiqa.evaluation.result import Estimate, Evaluation, MethodCurve, Scores
from fiqa.functional.table import Table, file_stem

__all__ = ["optimization_pairs", "optimization_tables", "parted"]

_VARIANTS = ("baseline", "optimized", "prior")


def optimization_tables(
    sets: Mapping[str, Evaluation], limit: float, *, same: str | None = None
) -> list[Table]:
    """Returns the tables of label optimization: raw areas x 10^3, and the ablation.

    Qualities are named METHOD.baseline, METHOD.optimized and, for the ablation, METHOD.prior (a
    regressor trained on the labels as they were).

    Args:
        sets: name -> evaluation.
        limit: discard fraction up to which the area is taken.
        same: the recognizer that the labels were made with, whose table is the first; None is the
            first recognizer.

    Returns:
        A table per recognizer, and the ablation where there is one. Where the evaluations drew
        identities, each set has two columns more, the ends of the interval, and each method a row
        `change`: optimized less baseline, both of the same people in each draw.

    Raises:
        InputError: a quality without one of these three names, or a method with baseline or
            optimized alone.
        UnknownNameError: no such recognizer.
    """
    methods = _variants(sets)
    names = recognizer_names(sets)
    first = names[0] if same is None else checks.choice(same, "recognizer", names)
    tables = []
    settings = next(iter(sets.values())).settings
    drawn = bool(settings["draws"])
    ends = ("", " low", " high") if drawn else ("",)
    sure = (
        f" Low and high: {100 * settings['level']:g} % intervals over people,"
        f" {settings['draws']} draws; change is optimized less baseline, of the same people."
        if drawn
        else ""
    )
    for recognizer in [first, *(name for name in names if name != first)]:
        rows: list[list[Any]] = []
        for method in methods:
            for variant in ("baseline", "optimized"):
                found = [
                    _raw(evaluation, method, variant, recognizer, limit)
                    for evaluation in sets.values()
                ]
                rows.append([method, variant, *_cells(found, drawn=drawn)])
            if drawn:
                found = [
                    _change(evaluation, method, ("optimized", "baseline"), recognizer, limit)
                    for evaluation in sets.values()
                ]
                rows.append([method, "change", *_cells(found, drawn=True)])
        kind = (
            "Table I, the same recognizer"
            if recognizer == first
            else "Table II, another recognizer"
        )
        title = f"Label optimization {kind}: area to {limit:g} x 10^3 under {recognizer}"
        tables.append(
            Table(
                f"label_opt_{file_stem(recognizer, names)}",
                title,
                ["method", "labels", *(f"{name}{end}" for name in sets for end in ends)],
                rows,
                counts_note(sets, recognizer) + sure,
                2 if drawn else 1,
            )
        )
    if any("prior" in variants for variants in methods.values()):
        tables.append(_ablation(sets, methods, names, limit))
    return tables


def _ablation(
    sets: Mapping[str, Evaluation],
    methods: Mapping[str, set[str]],
    names: Sequence[str],
    limit: float,
) -> Table:
    """Area with labels as they were, and in brackets what optimizing changes: negative is a
    gain."""
    rows: list[list[Any]] = []
    for method, variants in methods.items():
        if "prior" not in variants:
            continue
        cells: list[Any] = [method]
        for recognizer in names:
            for evaluation in sets.values():
                prior = _raw(evaluation, method, "prior", recognizer, limit)
                change = _change(evaluation, method, ("optimized", "prior"), recognizer, limit)
                cells.append(
                    None
                    if prior is None or change is None
                    else f"{prior.value:.1f} ({_signed(change)})"
                )
        rows.append(cells)
    columns = ["method", *(f"{recognizer} {name}" for recognizer in names for name in sets)]
    note = "; ".join(counts_note(sets, recognizer) for recognizer in names)
    settings = next(iter(sets.values())).settings
    if settings["draws"]:
        note += (
            f" In brackets the change with its {100 * settings['level']:g} % interval over people,"
            f" {settings['draws']} draws."
        )
    return Table(
        "label_opt_ablation",
        "Label optimization Table III: trained on labels as they were (change by optimizing), area"
        f" to {limit:g} x 10^3",
        columns,
        rows,
        note,
        1,
    )


def _signed(change: Estimate) -> str:
    if change.low is None or change.high is None:
        return f"{change.value:+.1f}"
    return f"{change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"


def _cells(found: Sequence[Estimate | None], *, drawn: bool) -> list[float | None]:
    cells: list[float | None] = []
    for area in found:
        ends = (None,) * 3 if area is None else (area.value, area.low, area.high)
        cells += ends if drawn else ends[:1]
    return cells


def _variants(sets: Mapping[str, Evaluation]) -> dict[str, set[str]]:
    """Method -> its variants; a quality named by its variant alone belongs to the method
    `quality`."""
    variants_of: dict[str, set[str]] = {}
    for evaluation in sets.values():
        for scores in evaluation.scores:
            method, variant = parted(scores.name)
            if variant not in _VARIANTS:
                raise InputError(
                    "A quality of this table must be named METHOD.baseline, METHOD.optimized or"
                    f" METHOD.prior, got {scores.name!r}.",
                    hint=(
                        "--quality crfiqa.baseline=prior.parquet --quality"
                        " crfiqa.optimized=optimized.parquet"
                    ),
                )
            variants_of.setdefault(method, set()).add(variant)
    for method, variants in variants_of.items():
        if not {"baseline", "optimized"} <= variants:
            raise InputError(
                f"{method!r} must have both baseline and optimized, got"
                f" {', '.join(sorted(variants))}."
            )
    return variants_of


def parted(name: str) -> tuple[str, str]:
    """Returns the method and the variant in a name; a variant alone is one of `quality`.

    >>> parted("r.100.baseline"), parted("optimized")
    (('r.100', 'baseline'), ('quality', 'optimized'))
    """
    # From the right: a method's name may have points of its own.
    method, _, variant = name.rpartition(".")
    return method or "quality", variant


def _curve(
    evaluation: Evaluation, method: str, variant: str, recognizer: str
) -> MethodCurve | None:
    name = next((s.name for s in evaluation.scores if parted(s.name) == (method, variant)), None)
    try:
        return None if name is None else evaluation.curve(name, recognizer)
    except KeyError:  # a set need not have every recognizer
        return None


def _raw(
    evaluation: Evaluation, method: str, variant: str, recognizer: str, limit: float
) -> Estimate | None:
    """The raw area x 10^3, None where the set lacks it."""
    curve = _curve(evaluation, method, variant, recognizer)
    area = None if curve is None else curve.areas[limit, "raw"]
    if area is None:
        return None
    low, high = (None if end is None else 1e3 * end for end in (area.low, area.high))
    return Estimate(1e3 * area.value, low, high)


def _change(
    evaluation: Evaluation, method: str, variants: tuple[str, str], recognizer: str, limit: float
) -> Estimate | None:
    """One variant less the other, and its interval from the draws that both share."""
    areas = [_raw(evaluation, method, each, recognizer, limit) for each in variants]
    if areas[0] is None or areas[1] is None:
        return None
    value = areas[0].value - areas[1].value
    curves = [_curve(evaluation, method, each, recognizer) for each in variants]
    drawn = [None if curve is None else curve.drawn for curve in curves]
    if drawn[0] is None or drawn[1] is None:
        return Estimate(value)
    gap = 1e3 * (drawn[0][limit] - drawn[1][limit])
    level = evaluation.settings["level"]
    low, high = np.quantile(gap, ((1 - level) / 2, (1 + level) / 2)).tolist()
    return Estimate(value, low, high)


def optimization_pairs(evaluation: Evaluation) -> dict[str, tuple[Scores, Scores]]:
    """Returns method -> (baseline, optimized), what the paper's Figure 4 shows of labels.

    Args:
        evaluation: of qualities named as in optimization_tables.

    Raises:
        InputError: as there.
    """
    found = {parted(scores.name): scores for scores in evaluation.scores}
    methods = _variants({"": evaluation})
    return {name: (found[name, "baseline"], found[name, "optimized"]) for name in methods}
