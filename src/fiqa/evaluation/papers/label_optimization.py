"""The tables of label optimization (I to III): what it changes, under each recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fiqa import checks
from fiqa.errors import InputError
from fiqa.evaluation.papers.areas import area_of, counts_note, recognizer_names
from fiqa.evaluation.result import Evaluation
from fiqa.functional.table import Table, file_stem

__all__ = ["optimization_tables"]

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

    Raises:
        InputError: a quality without one of these three names, or a method with baseline or
            optimized alone.
        UnknownNameError: no such recognizer.
    """
    methods = _variants(sets)
    names = recognizer_names(sets)
    first = names[0] if same is None else checks.choice(same, "recognizer", names)
    tables = []
    for recognizer in [first, *(name for name in names if name != first)]:
        rows: list[list[Any]] = []
        for method in methods:
            for variant in ("baseline", "optimized"):
                areas = [
                    _raw(evaluation, method, variant, recognizer, limit)
                    for evaluation in sets.values()
                ]
                rows.append([method, variant, *areas])
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
                ["method", "labels", *sets],
                rows,
                counts_note(sets, recognizer),
                1,
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
                prior, optimized = (
                    _raw(evaluation, method, variant, recognizer, limit)
                    for variant in ("prior", "optimized")
                )
                cells.append(
                    None
                    if prior is None or optimized is None
                    else f"{prior:.1f} ({optimized - prior:+.1f})"
                )
        rows.append(cells)
    columns = ["method", *(f"{recognizer} {name}" for recognizer in names for name in sets)]
    note = "; ".join(counts_note(sets, recognizer) for recognizer in names)
    return Table(
        "label_opt_ablation",
        "Label optimization Table III: trained on labels as they were (change by optimizing), area"
        f" to {limit:g} x 10^3",
        columns,
        rows,
        note,
        1,
    )


def _variants(sets: Mapping[str, Evaluation]) -> dict[str, set[str]]:
    """Method -> its variants; a quality named by its variant alone belongs to the method
    `quality`."""
    variants_of: dict[str, set[str]] = {}
    for evaluation in sets.values():
        for scores in evaluation.scores:
            method, variant = _parted(scores.name)
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


def _parted(name: str) -> tuple[str, str]:
    # From the right: a method's name may have points of its own.
    method, _, variant = name.rpartition(".")
    return method or "quality", variant


def _raw(
    evaluation: Evaluation, method: str, variant: str, recognizer: str, limit: float
) -> float | None:
    name = next((s.name for s in evaluation.scores if _parted(s.name) == (method, variant)), None)
    area = None if name is None else area_of(evaluation, name, recognizer, limit, "raw")
    return None if area is None else 1e3 * area
