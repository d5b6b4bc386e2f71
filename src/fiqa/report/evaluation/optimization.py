"""What optimizing does to labels or scores, as a picture (label optimization, Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fiqa.errors import EvidenceError
from fiqa.evaluation.papers.label_optimization import optimization_pairs
from fiqa.evaluation.result import Evaluation, Scores
from fiqa.functional.agreement import spearman
from fiqa.functional.table import file_stem
from fiqa.report.drawing import COLORS, INK, SOFT, WIDTH, Plot, drawn, short, style

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
        f"{name}: {evaluation.counts['images']:,} images. Left: histograms. Right: each image's"
        " optimized value against its baseline, with Spearman's rho; on the line nothing has moved."
    )
    with style():
        return drawn(
            f"label_opt_scatter_{file_stem(name, names)}", "What optimizing moves", caption,
            f"Histogram of the baseline and scatter of optimized against it, {', '.join(pairs)}",
            partial(_draw, pairs=pairs, name=name), (WIDTH, 0.7 + 2.3 * len(pairs)),
        )  # fmt: skip


def _draw(figure: Any, pairs: dict[str, tuple[Scores, Scores]], name: str) -> None:
    grid = figure.subplots(len(pairs), 2, squeeze=False, sharex="row")
    for place, ((left, right), (method, (before, after))) in enumerate(
        zip(grid, pairs.items(), strict=True)
    ):
        color = COLORS[place % len(COLORS)]
        _histograms(left, before, after, color)
        left.set_title(short(method, 25), fontsize=10.5)
        _moves(right, before, after, color)
        for axes in (left, right):
            axes.locator_params(axis="x", nbins=4)
            axes.xaxis.label.set_color(SOFT)
            axes.tick_params(labelsize=9)
    # Two methods may have scales of very different numbers of digits.
    figure.align_ylabels(grid[:, 1])
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2, handlelength=1.6)
    figure.suptitle(short(name, 50), fontsize=11.5, fontweight="bold", x=0.01, ha="left")


def _histograms(axes: Any, before: Scores, after: Scores, color: str) -> None:
    both = np.concatenate([before.value, after.value])
    edges = np.histogram_bin_edges(both, 40)
    for scores, how in ((before, {"color": color, "fill": True, "alpha": 0.6}), (after, {})):
        own = {"color": INK, "linewidth": 1.1} | how
        label = "baseline" if how else "optimized"
        axes.stairs(np.histogram(scores.value, edges)[0], edges, label=label, **own)
    axes.set_yticks(np.empty(0))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("value")


def _moves(axes: Any, before: Scores, after: Scores, color: str) -> None:
    x, y = before.value, after.value
    if len(x) > _MANY:
        axes.hexbin(
            x, y, gridsize=40, bins="log", cmap="Blues", mincnt=1, linewidths=0.2, rasterized=True
        )
    else:
        axes.plot(x, y, "o", color=color, markersize=2.5, alpha=0.45, rasterized=True)
    # Where nothing moves; above the points, which would hide it.
    ends = (float(min(x.min(), y.min())), float(max(x.max(), y.max())))
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    try:
        told = f"rho {spearman(x, y):.4f}"
    except EvidenceError:  # one of them is constant
        told = "constant"
    axes.set_title(told, fontsize=9, fontweight="normal", color=SOFT)
    axes.set(xlabel="baseline", ylabel="optimized")
