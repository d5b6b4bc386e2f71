"""CLIB-FIQA's Tables 1 to 3: areas of many methods on many data sets under many recognizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqa.evaluation.papers.areas import area_interval, counts_note, recognizer_names
from fiqa.evaluation.result import Evaluation
from fiqa.functional.table import Table, file_stem

__all__ = ["area_tables"]


def area_tables(sets: Mapping[str, Evaluation], limits: Sequence[float]) -> list[Table]:
    """Returns CLIB-FIQA's Tables 1 to 3: areas over the FNMR at 0, methods x data sets.

    Args:
        sets: name -> evaluation.
        limits: discard fractions; the paper's are .3 (pAUC) and .95 (AUC).

    Returns:
        A table per recognizer and limit, with the average over the sets; where the evaluations
        drew identities, each set has two columns more, the ends of the interval.
    """
    tables = []
    names = recognizer_names(sets)
    settings = next(iter(sets.values())).settings
    drawn = bool(settings["draws"])
    columns = ["method"]
    for name in sets:
        columns += [name, f"{name} low", f"{name} high"] if drawn else [name]
    for recognizer in names:
        for limit in limits:
            name = "pAUC" if limit <= 0.5 else "AUC"
            title = (
                f"{name} to {limit:g} under {recognizer}: mean FNMR over [0, {limit:g}] relative to"
                " the FNMR at discard 0"
            )
            stem = f"clib_{name}_{limit:g}_{file_stem(recognizer, names)}"
            rows = _grid(sets, recognizer, limit, drawn=drawn)
            note = counts_note(sets, recognizer)
            if drawn:
                note += (
                    f" Low and high: {100 * settings['level']:g} % intervals over people,"
                    f" {settings['draws']} draws."
                )
            tables.append(Table(stem, title, [*columns, "Avg."], rows, note))
    return tables


def _grid(
    sets: Mapping[str, Evaluation], recognizer: str, limit: float, *, drawn: bool
) -> list[list[Any]]:
    """Rows method, one cell per set (three with its interval), average where every set
    has it; random and oracle last."""
    named = dict.fromkeys(
        scores.name for evaluation in sets.values() for scores in evaluation.scores
    )
    rows: list[list[Any]] = []
    for method in [*named, "random", "oracle"]:
        found = [
            area_interval(evaluation, method, recognizer, limit, "start")
            for evaluation in sets.values()
        ]
        # An average over fewer sets would not compare with those of the other methods.
        areas = [area.value for area in found if area is not None]
        mean = float(np.mean(areas)) if len(areas) == len(found) else None
        cells: list[float | None] = []
        for area in found:
            cells.append(None if area is None else area.value)
            if drawn:
                cells += (None, None) if area is None else (area.low, area.high)
        rows.append([method, *cells, mean])
    return rows
