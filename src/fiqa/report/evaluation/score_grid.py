"""How the scores of several methods lie and agree, on one scale (CLIB-FIQA, Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.result import Evaluation, Scores
from fiqa.functional.agreement import spearman
from fiqa.functional.spread import standardized
from fiqa.functional.table import file_stem
from fiqa.report.drawing import COLORS, FAINT, INK, SOFT, WIDTH, Plot, drawn, short, style

__all__ = ["score_grid"]

_MOST = 8
"""Methods that are drawn: every pair of them is a panel."""
_BINS = 40
_FAR = 4.0
"""Standard deviations from the mean at which the axes end."""
_MANY = 2000
"""Points from which a density is drawn instead."""


def score_grid(name: str, evaluation: Evaluation, names: Sequence[str]) -> Plot:
    """Returns the distributions and scatters of the qualities of one data set, each less its mean
    over its standard deviation.

    On the diagonal is the histogram of each method before those of the others in grey; below it
    each pair of methods image by image; above it Spearman's rho of the pair.

    Args:
        name: of the data set, one of `names`.
        evaluation: of the set; the first 8 of its qualities are drawn.
        names: of all sets, so that each has a file of its own.
    """
    chosen = list(evaluation.scores)[:_MOST]
    rest = len(evaluation.scores) - len(chosen)
    left_out = f" The first {_MOST} of {len(evaluation.scores)} methods." if rest else ""
    caption = (
        f"{name}: {evaluation.counts['images']:,} images. Each quality less its mean, over its"
        f" standard deviation; what is beyond {_FAR:g} lies at the edge. Diagonal: its histogram,"
        f" grey the others'. Below: image by image. Above: Spearman's rho.{left_out}"
    )
    side = max(WIDTH, 1.0 + 1.55 * len(chosen))
    with style():
        return drawn(
            f"clib_scores_{file_stem(name, names)}", "How qualities lie and agree", caption,
            f"Histograms and scatters of {', '.join(scores.name for scores in chosen)}",
            partial(_draw, chosen=chosen, title=f"{short(name, 40)}{left_out.rstrip('.')}"),
            (side, 0.9 * side),
        )  # fmt: skip


def _draw(figure: Any, chosen: Sequence[Scores], title: str) -> None:
    # At the edge rather than outside, where nobody would miss them.
    values = [np.clip(standardized(scores.value), -_FAR, _FAR) for scores in chosen]
    edges = np.linspace(-_FAR, _FAR, _BINS + 1)
    shares = [100 * np.histogram(value, edges)[0] / len(value) for value in values]
    count = len(chosen)
    grid = figure.subplots(count, count, squeeze=False, sharex=True)
    for row in range(count):
        for column in range(count):
            axes = grid[row, column]
            axes.set_xlim(-_FAR, _FAR)
            axes.set_xticks((-3, 0, 3))
            axes.tick_params(labelsize=8.5)
            if row == column:
                _lie(axes, edges, shares, row)
            elif row > column:
                _agree(axes, values[column], values[row])
            else:
                _rho(axes, chosen[row], chosen[column])
            if column and row > column:
                axes.tick_params(labelleft=False)
        grid[row, 0].set_ylabel(short(chosen[row].name, 16), color=INK, fontsize=10)
        grid[-1, row].set_xlabel(short(chosen[row].name, 16), color=INK, fontsize=10)
    figure.align_ylabels(grid[:, 0])
    figure.suptitle(title, fontsize=11.5, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel("standard deviations from the mean", fontsize=9.5, color=SOFT)


def _lie(
    axes: Any, edges: NDArray[np.float64], shares: Sequence[NDArray[np.float64]], own: int
) -> None:
    for place, share in enumerate(shares):
        if place != own:
            axes.stairs(share, edges, color=FAINT, linewidth=0.9)
    axes.stairs(shares[own], edges, color=COLORS[own % len(COLORS)], fill=True, alpha=0.55)
    # One height for all, so that a narrow distribution is seen to be one.
    axes.set_ylim(0, 1.08 * max(float(share.max()) for share in shares))
    axes.grid(visible=False)
    axes.set_yticks(np.empty(0))


def _agree(axes: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    many = len(x) > _MANY
    axes.plot((-_FAR, _FAR), (-_FAR, _FAR), color=INK if many else FAINT, linewidth=0.8)
    if many:
        axes.hexbin(
            x, y, gridsize=36, bins="log", cmap="Blues", mincnt=1, linewidths=0.2,
            extent=(-_FAR, _FAR, -_FAR, _FAR), rasterized=True,
        )  # fmt: skip
    else:
        axes.plot(x, y, "o", color=COLORS[0], markersize=2, alpha=0.4, rasterized=True)
    axes.set_ylim(-_FAR, _FAR)
    axes.set_yticks((-3, 0, 3))


def _rho(axes: Any, first: Scores, second: Scores) -> None:
    try:
        told = f"rho {spearman(first.value, second.value):.3f}"
    except EvidenceError:  # one of them is constant
        told = "constant"
    axes.text(
        0.5, 0.5, told, transform=axes.transAxes, ha="center", va="center", fontsize=10, color=INK
    )
    axes.grid(visible=False)
    axes.set_yticks(np.empty(0))
    axes.tick_params(bottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
