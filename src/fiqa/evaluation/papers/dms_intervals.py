"""DmsFIQA's Table 4 with intervals over people, and each method beside the first, paired."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.papers.dmsfiqa import AGREEMENT, AGREEMENT_MEASURES, CUTS, Target
from fiqa.evaluation.result import Scores
from fiqa.evaluation.setting import Setting
from fiqa.functional import agreement
from fiqa.functional.agreement_draws import (
    drawn_errors,
    drawn_levels,
    drawn_order,
    drawn_spread,
    drawn_weights,
)
from fiqa.functional.calibration import levels
from fiqa.functional.table import Table

__all__ = ["agreement_intervals"]


def agreement_intervals(evidence: Evidence, target: Target, setting: Setting) -> Table:
    """Returns the numbers of Table 4 one by one, with intervals.

    Every method is drawn with the same people, so that what it has over the first is paired.

    Args:
        evidence: the images and their qualities.
        target: the labels that they are compared with.
        setting: `draws`, `level` and `seed` are used; `draws` is not 0.

    Raises:
        EvidenceError: fewer than two people.
    """
    weights = drawn_weights(target.who, setting.draws, setting.level, setting.seed)
    drawn = [_drawn(scores, target, weights) for scores in evidence.scores]
    values = [_values(target.row(scores)) for scores in evidence.scores]
    first, rows = evidence.scores[0].name, []
    for place, scores in enumerate(evidence.scores):
        for name, value in values[place].items():
            cells: list[Any] = [scores.name, name, value, None, None, None, None, None]
            if value is not None:
                cells[3:5] = _ends(drawn[place][name], setting.level)
            base = values[0][name]
            if place and value is not None and base is not None:
                gap = drawn[place][name] - drawn[0][name]
                cells[5:] = [value - base, *_ends(gap, setting.level)]
            rows.append(cells)
    note = (
        f"{100 * setting.level:g} % intervals over people, {setting.draws} draws; less {first}: the"
        " same people in each draw. Better: MAE and RMSE low, all others high. The entropy of"
        " a draw is a little lower than that of all, as fewer images differ. A dash: an open scale,"
        " or draws without anybody to rank."
    )
    columns = ("method", "measure", "value", "low", "high", f"less {first}", "from", "to")
    title = "DmsFIQA Table 4 with intervals over people"
    return Table("dms_agreement_intervals", title, columns, rows, note)


def _values(row: list[Any]) -> dict[str, float | None]:
    cells: dict[str, Any] = dict(zip(AGREEMENT, row, strict=True))
    return {name: cells[name] for name in AGREEMENT_MEASURES}


def _ends(drawn: NDArray[np.float64], level: float) -> list[float | None]:
    used = drawn[np.isfinite(drawn)]
    if 2 * len(used) < len(drawn):  # half of the draws say nothing
        return [None, None]
    low, high = np.quantile(used, ((1 - level) / 2, (1 + level) / 2))
    return [float(low), float(high)]


def _drawn(
    scores: Scores, target: Target, weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Measure -> its value in each draw."""
    value, who, truth = scores.value[target.rows], target.who, target.truth
    found: dict[str, NDArray[np.float64]] = {}
    if scores.unit is not None:
        unit = scores.unit[target.rows]
        found["MAE"], found["RMSE"] = drawn_errors(unit, truth, who, weights)
        level = levels(unit, CUTS)
        found["balanced acc."], found["macro-F1"] = drawn_levels(level, target.level, who, weights)
        found["Q90-Q10"], found["Std"], found["Entropy"] = drawn_spread(unit, who, weights)
    for name, among in (("", None), ("middle ", target.middle)):
        for metric, word in ((agreement.spearman, "Spearman"), (agreement.kendall, "Kendall")):
            order = drawn_order(metric, value, truth, who, weights, among=among)
            found[f"{name}{word}"] = order
    return found
