"""The tables of CLIB-FIQA (1 to 3) and of label optimization (I to III): areas of many methods on many data sets under many recognizers.

A data set is a folder with `embeddings/*.npz` (a file per recognizer), `quality/*` (a file per method) and, if it has them, `pairs.*` and `faces.*`; files of
one stem in two sets are one recognizer, or one method.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fiqa import checks
from fiqa.data.embeddings import read_embeddings
from fiqa.errors import InputError, ReadError
from fiqa.evaluation.result import Evaluation, RecognizerResult
from fiqa.functional.table import Table, file_stem
from fiqa.types import Embeddings, PathLike

__all__ = ["DataSet", "area_tables", "optimization_tables", "read_set"]

_VARIANTS = ("baseline", "optimized", "prior")
_SUFFIXES = {"embeddings": (".npz", ".npy", ".parquet"), "quality": (".parquet", ".csv", ".jsonl", ".txt", ".pkl")}


@dataclass(frozen=True)
class DataSet:
    """One data set: `name`, `quality` name -> file, `embeddings` recognizer -> file, `pairs` and `faces` files or None."""

    name: str
    quality: Mapping[str, str]
    embeddings: Mapping[str, str]
    pairs: str | None
    faces: str | None

    def vectors(self) -> list[Embeddings]:
        """Returns the embeddings, each recognizer named as its file. Raises as fiqa.data.embeddings.read_embeddings."""
        return [replace(read_embeddings(file), recognizer=name) for name, file in self.embeddings.items()]


def read_set(folder: PathLike) -> DataSet:
    """Returns the data set in a folder; see this module's docstring. Raises ReadError where there are no qualities or no embeddings in it."""
    root = Path(folder)
    found = {kind: _by_stem(root / kind, suffixes) for kind, suffixes in _SUFFIXES.items()}
    for kind, files in found.items():
        if not files:
            raise ReadError(
                f"A set of data must have files in {os.fspath(root / kind)!r}, there are none.", status="not_found"
            )
    return DataSet(root.resolve().name, found["quality"], found["embeddings"], _one(root, "pairs"), _one(root, "faces"))


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, str]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {
        file.stem: os.fspath(file)
        for file in files
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    }


def _one(root: Path, stem: str) -> str | None:
    found = [
        root / f"{stem}{suffix}"
        for suffix in (".parquet", ".csv", ".jsonl", ".txt")
        if (root / f"{stem}{suffix}").is_file()
    ]
    return os.fspath(found[0]) if found else None


def area_tables(sets: Mapping[str, Evaluation], limits: Sequence[float]) -> list[Table]:
    """Returns CLIB-FIQA's Tables 1 to 3: per recognizer and limit (.3: pAUC, .95: AUC) the area over the FNMR at 0, methods x data sets and their average."""
    tables = []
    names = _recognizers(sets)
    for recognizer in names:
        for limit in limits:
            name = "pAUC" if limit <= 0.5 else "AUC"
            title = f"{name} to {limit:g} under {recognizer}: mean FNMR over [0, {limit:g}] relative to the FNMR at discard 0"
            stem = f"clib_{name}_{limit:g}_{file_stem(recognizer, names)}"
            rows = _grid(sets, recognizer, limit)
            tables.append(Table(stem, title, ["method", *sets, "Avg."], rows, _counts_note(sets, recognizer)))
    return tables


def optimization_tables(sets: Mapping[str, Evaluation], limit: float, *, same: str | None = None) -> list[Table]:
    """Returns the tables of label optimization: raw area x 10^3, baseline and optimized, for the same recognizer and the others, and the ablation.

    Qualities are named METHOD.baseline, METHOD.optimized and, for the ablation, METHOD.prior (a regressor trained on the labels as they were).

    Args:
        sets: name -> evaluation.
        limit: discard fraction up to which the area is taken.
        same: the recognizer that the labels were made with, whose table is the first; None is the first recognizer.

    Raises:
        InputError: a quality without one of these three names, or a method with baseline or optimized alone. UnknownNameError: no such recognizer.
    """
    methods = _variants(sets)
    names = _recognizers(sets)
    first = names[0] if same is None else checks.choice(same, "recognizer", names)
    tables = []
    for recognizer in [first, *(name for name in names if name != first)]:
        rows: list[list[Any]] = []
        for method in methods:
            for variant in ("baseline", "optimized"):
                areas = [_raw(evaluation, method, variant, recognizer, limit) for evaluation in sets.values()]
                rows.append([method, variant, *areas])
        kind = "Table I, the same recognizer" if recognizer == first else "Table II, another recognizer"
        title = f"Label optimization {kind}: area to {limit:g} x 10^3 under {recognizer}"
        tables.append(
            Table(
                f"label_opt_{file_stem(recognizer, names)}",
                title,
                ["method", "labels", *sets],
                rows,
                _counts_note(sets, recognizer),
                1,
            )
        )
    if any("prior" in variants for variants in methods.values()):
        tables.append(_ablation(sets, methods, names, limit))
    return tables


def _ablation(
    sets: Mapping[str, Evaluation], methods: Mapping[str, set[str]], names: Sequence[str], limit: float
) -> Table:
    """Area with labels as they were, and in brackets what optimizing changes: negative is a gain."""
    rows: list[list[Any]] = []
    for method, variants in methods.items():
        if "prior" not in variants:
            continue
        cells: list[Any] = [method]
        for recognizer in names:
            for evaluation in sets.values():
                prior, optimized = (
                    _raw(evaluation, method, variant, recognizer, limit) for variant in ("prior", "optimized")
                )
                cells.append(None if prior is None or optimized is None else f"{prior:.1f} ({optimized - prior:+.1f})")
        rows.append(cells)
    columns = ["method", *(f"{recognizer} {name}" for recognizer in names for name in sets)]
    note = "; ".join(_counts_note(sets, recognizer) for recognizer in names)
    return Table(
        "label_opt_ablation",
        f"Label optimization Table III: trained on labels as they were (change by optimizing), area to {limit:g} x 10^3",
        columns,
        rows,
        note,
        1,
    )


def _variants(sets: Mapping[str, Evaluation]) -> dict[str, set[str]]:
    """Method -> its variants; a quality named by its variant alone belongs to the method `quality`."""
    found: dict[str, set[str]] = {}
    for evaluation in sets.values():
        for scores in evaluation.scores:
            method, variant = _parted(scores.name)
            if variant not in _VARIANTS:
                raise InputError(
                    f"A quality of this table must be named METHOD.baseline, METHOD.optimized or METHOD.prior, got {scores.name!r}.",
                    hint="--quality crfiqa.baseline=prior.parquet --quality crfiqa.optimized=optimized.parquet",
                )
            found.setdefault(method, set()).add(variant)
    for method, variants in found.items():
        if not {"baseline", "optimized"} <= variants:
            raise InputError(f"{method!r} must have both baseline and optimized, got {', '.join(sorted(variants))}.")
    return found


def _parted(name: str) -> tuple[str, str]:
    method, _, variant = name.rpartition(".")
    return method or "quality", variant


def _raw(evaluation: Evaluation, method: str, variant: str, recognizer: str, limit: float) -> float | None:
    name = next((s.name for s in evaluation.scores if _parted(s.name) == (method, variant)), None)
    area = None if name is None else _area(evaluation, name, recognizer, limit, "raw")
    return None if area is None else 1e3 * area


def _recognizers(sets: Mapping[str, Evaluation]) -> list[str]:
    return list(dict.fromkeys(result.name for evaluation in sets.values() for result in evaluation.recognizers))


def _grid(sets: Mapping[str, Evaluation], recognizer: str, limit: float) -> list[list[Any]]:
    """Rows method, one cell per set, average where every set has it; random and oracle come last."""
    named = dict.fromkeys(scores.name for evaluation in sets.values() for scores in evaluation.scores)
    rows: list[list[Any]] = []
    for method in [*named, "random", "oracle"]:
        cells = [_area(evaluation, method, recognizer, limit, "start") for evaluation in sets.values()]
        known = [value for value in cells if value is not None]
        rows.append([method, *cells, float(np.mean(known)) if len(known) == len(cells) else None])
    return rows


def _area(evaluation: Evaluation, method: str, recognizer: str, limit: float, form: str) -> float | None:
    try:
        area = evaluation.curve(method, recognizer).areas[limit, form]
    except KeyError:  # this set lacks the method or the recognizer
        return None
    return None if area is None else area.value


def _counts_note(sets: Mapping[str, Evaluation], recognizer: str) -> str:
    """Protocol, and per set how many pairs and errors."""
    parts = []
    for name, evaluation in sets.items():
        result = next((r for r in evaluation.recognizers if r.name == recognizer), None)
        parts.append(f"{name}: no embeddings" if result is None else f"{name}: {_counted(result)}")
    settings = next(iter(sets.values())).settings
    rate = f"FMR {settings['fmr']:g}" if settings["fmr"] is not None else f"starting FNMR {settings['start_fnmr']:g}"
    return f"Protocol {settings['protocol']}, {rate}. {'; '.join(parts)}. A dash: absent, or no error at discard 0."


def _counted(result: RecognizerResult) -> str:
    counts = result.counts
    return f"{counts['mated']:,} mated with {counts['errors']:,} errors, {counts['nonmated']:,} non-mated"
