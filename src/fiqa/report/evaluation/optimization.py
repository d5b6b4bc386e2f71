"""What optimizing does to labels or scores, as a picture (label optimization, Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from fiqa.evaluation.papers.label_optimization import optimization_pairs
from fiqa.evaluation.result import Evaluation, Scores
from fiqa.functional.table import file_stem
from fiqa.report.drawing import COLORS, FAINT, INK, SOFT, WIDTH, Plot, drawn, short, style

__all__ = ["optimization_plot"]

_MANY = 2000
"""Points from which a density is drawn instead."""


def optimization_plot(name: str, evaluation: Evaluation, names: Sequence[str]) -> Plot:
    """Returns, for each method, the histogram of its baseline and the optimized against it.

    With tables of labels as the qualities it is the paper's Figure 4.

    Args:
        name: of the data set, one of `names`.
        evaluation: of qualities named METHOD.baseline and METHOD.optimized.
        names: of all sets, so that each has a file of its own.

    Raises:
        InputError: other names.
    """
    pairs = optimization_pairs(evaluation)
    caption = (
        f"{name}: {evaluation.counts['images']:,} images. Left: the baseline's histogram. Right:"
        " each image's optimized value against its baseline; on the line nothing has moved."
    )
    with style():
        return drawn(
            f"label_opt_scatter_{file_stem(name, names)}", "What optimizing moves", caption,
            f"Histogram of the baseline and scatter of optimized against it, {', '.join(pairs)}",
            partial(_draw, pairs=pairs), (WIDTH, 0.2 + 2.3 * len(pairs)),
        )  # fmt: skip


def _draw(figure: Any, pairs: dict[str, tuple[Scores, Scores]]) -> None:
    grid = figure.subplots(len(pairs), 2, squeeze=False)
    for place, ((left, right), (method, (before, after))) in enumerate(
        zip(grid, pairs.items(), strict=True)
    ):
        color = COLORS[place % len(COLORS)]
        left.hist(before.value, bins=40, color=color, alpha=0.85)
        left.set_title(short(method, 25), fontsize=10)
        left.set_yticks([])
        left.set_xlabel("baseline")
        ends = (float(before.value.min()), float(before.value.max()))
        right.plot(ends, ends, color=INK if len(before.value) > _MANY else FAINT, linewidth=1)
        if len(before.value) > _MANY:
            right.hexbin(
                before.value, after.value, gridsize=40, bins="log", cmap="Blues", mincnt=1,
                linewidths=0.2, rasterized=True,
            )  # fmt: skip
        else:
            right.plot(
                before.value, after.value, "o", color=color, markersize=2.5, alpha=0.5,
                rasterized=True,
            )  # fmt: skip
        right.set(xlabel="baseline", ylabel="optimized")
        for axes in (left, right):
            axes.locator_params(axis="x", nbins=4)
            axes.xaxis.label.set_color(SOFT)
