"""What is wrong with a table of scores: the table part of `fiqa doctor`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fiqa.data.quality import read_quality
from fiqa.data.tables import SUFFIXES, read_table
from fiqa.diagnosis.model import Check
from fiqa.diagnosis.polarity import polarity
from fiqa.errors import FiqaError, InputError
from fiqa.evaluation.scales import own_scale
from fiqa.functional.collapse import Collapse
from fiqa.functional.display import counts_line
from fiqa.functional.spread import Spread, spread
from fiqa.types import PathLike

__all__ = ["ScoresReport", "is_scores", "scores_report"]

COLUMNS = ("raw", "value", "score", "uqs")
"""The columns of numbers that our own tables of scores and labels have."""


@dataclass(frozen=True)
class ScoresReport:
    """Every check of a table of scores.

    Attributes:
        path: of the table.
        rows: how many there are.
        statuses: how many of each, in words.
        checks: the findings.
    """

    path: str
    rows: int
    statuses: str
    checks: Sequence[Check]

    @property
    def healthy(self) -> bool:
        """True where no check failed."""
        return all(check.verdict != "problem" for check in self.checks)

    def lines(self) -> list[str]:
        """Returns the report as lines of text."""
        told = f" ({self.statuses})" if self.statuses else ""
        head = [f"table: {self.path!r}", f"rows: {self.rows}{told}"]
        return [
            *head,
            *(f"{check.verdict:<8}{check.name}: {check.detail}" for check in self.checks),
        ]


def is_scores(path: PathLike) -> bool:
    """Tells whether a file is a table of ours with a column `id` and one of scores or labels."""
    if Path(path).suffix.lower() not in SUFFIXES or not Path(path).is_file():
        return False
    try:
        columns = read_table(path).columns
    except FiqaError:
        return False
    return "id" in columns and any(name in columns for name in COLUMNS)


def scores_report(path: PathLike, *, faces: PathLike | None = None, most: int = 64) -> ScoresReport:
    """Returns what there is to know of a table of scores, and which column has collapsed.

    A column is judged on the model's own scale, beside the labels that the model learned where the
    sidecar has their spread (fiqa.functional.collapse has the rule). A calibrated column is told
    and not judged: a calibration spreads any score. Whether higher is better is told by a second
    opinion (`polarity`): the shipped model's of the crops, else the factors that the table has.

    Args:
        path: of the table.
        faces: aligned crops with the ids of the table; None: there are none.
        most: use at most so many of these crops.

    Raises:
        ReadError: the table cannot be read.
        InputError: it has an id twice, or a number that is none.
    """
    table = read_table(path)
    columns = [name for name in COLUMNS if name in table.columns]
    statuses = counts_line(table["status"].cast(str).to_list()) if "status" in table.columns else ""
    findings = [_column(path, name, "raw" in columns) for name in columns]
    findings += polarity(path, table, columns[0], faces=faces, most=most) if columns else []
    return ScoresReport(os.fspath(path), len(table), statuses, findings)


def _column(path: PathLike, name: str, has_raw: bool) -> Check:
    try:
        quality = read_quality(path, column=name)
    except InputError as error:
        return Check(f"column {name}", "problem", str(error).replace("\n\n", " "))
    value = quality.value.astype(np.float64)
    if not len(value):
        return Check(f"column {name}", "problem", "no row has a number")
    # Beside a raw column the others are its calibration, whether a sidecar says so or not.
    entry = quality.provenance["scale"] or {}
    if entry.get("of") == "calibration" or (has_raw and name in ("score", "uqs")):
        ends = (0.0, 100.0) if name == "uqs" else (0.0, 1.0)
        told = Collapse.of(value, None, ends).line()
        return Check(
            f"column {name}", "note", f"calibrated, says nothing of the model's own spread: {told}"
        )
    unit, scale = own_scale(quality, value)
    if unit is None:
        low, middle, high = np.quantile(value, (0.1, 0.5, 0.9))
        detail = f"{scale}; std {value.std():.4g} around {middle:.4g}, Q90-Q10 {high - low:.4g}"
        return Check(f"column {name}", "note", detail)
    measured = Collapse(spread(unit), _labels(entry.get("labels")))
    words = "COLLAPSED, " if measured.collapsed else "narrow, " if measured.narrow else ""
    verdict = "problem" if measured.collapsed else "note" if measured.narrow else "ok"
    return Check(f"column {name}", verdict, f"{scale}: {words}{measured.line()}")


def _labels(numbers: Any) -> Spread | None:
    """The spread of labels as a sidecar has it, None where it is none."""
    try:
        return Spread(
            **{name: numbers[name] + 0 for name in ("q90_q10", "std", "entropy", "count")}
        )
    except (TypeError, KeyError):
        return None
