"""What the tables of areas have in common: a cell per data set, a note with protocol and counts."""

from __future__ import annotations

from collections.abc import Mapping

from fiqa.evaluation.result import Estimate, Evaluation, RecognizerResult

__all__ = ["area_interval", "area_of", "counts_note", "recognizer_names"]


def recognizer_names(sets: Mapping[str, Evaluation]) -> list[str]:
    """Returns the recognizers of all sets, each once, in the order in which they occur."""
    return list(
        dict.fromkeys(
            result.name for evaluation in sets.values() for result in evaluation.recognizers
        )
    )


def area_of(
    evaluation: Evaluation, method: str, recognizer: str, limit: float, form: str
) -> float | None:
    """Returns an area in one of its forms, None where the set lacks method or recognizer."""
    area = area_interval(evaluation, method, recognizer, limit, form)
    return None if area is None else area.value


def area_interval(
    evaluation: Evaluation, method: str, recognizer: str, limit: float, form: str
) -> Estimate | None:
    """Returns an area with its interval; None as `area_of`."""
    try:
        return evaluation.curve(method, recognizer).areas[limit, form]
    except KeyError:  # data sets need not have every method; a table shows a dash
        return None


def counts_note(sets: Mapping[str, Evaluation], recognizer: str) -> str:
    """Returns the protocol, and per set how many pairs and errors."""
    parts = []
    for name, evaluation in sets.items():
        result = next((r for r in evaluation.recognizers if r.name == recognizer), None)
        parts.append(f"{name}: no embeddings" if result is None else f"{name}: {_counted(result)}")
    settings = next(iter(sets.values())).settings
    rate = (
        f"FMR {settings['fmr']:g}"
        if settings["fmr"] is not None
        else f"starting FNMR {settings['start_fnmr']:g}"
    )
    return (
        f"Protocol {settings['protocol']}, {rate}. {'; '.join(parts)}. A dash: absent, or no error"
        " at discard 0."
    )


def _counted(result: RecognizerResult) -> str:
    counts = result.counts
    return (
        f"{counts['mated']:,} mated with {counts['errors']:,} errors, {counts['nonmated']:,}"
        " non-mated"
    )
