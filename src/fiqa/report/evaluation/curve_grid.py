"""The discard curves of many data sets under many recognizers as one picture (CLIB-FIQA, Figure
3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from fiqa.evaluation.papers.areas import counts_note, recognizer_names
from fiqa.evaluation.result import Evaluation, RecognizerResult
from fiqa.functional.protocols import protocol_of
from fiqa.report.drawing import INK, SOFT, WIDTH, Plot, drawn, looks, short, style
from fiqa.report.evaluation.lines import held, points
from fiqa.report.evaluation.verdict import percent

__all__ = ["curve_grid"]

_CELL = (2.35, 1.8)
"""Width and height of a cell in inches."""
_POINTS = 300
_NEAR = "#f1efe9"


def curve_grid(sets: Mapping[str, Evaluation]) -> Plot:
    """Returns a grid of discard curves: a row per data set, a column per recognizer.

    Every cell has its own FNMR axis, as recognizers fail at very different rates, and all have one
    discard axis up to the largest limit; what is up to the smallest is shaded. A cell of a
    recognizer that the set has no embeddings of says so.

    Args:
        sets: name -> evaluation, one or more.
    """
    names = recognizer_names(sets)
    settings = next(iter(sets.values())).settings
    limits = sorted(settings["limits"])
    notes = " ".join(f"{name}: {counts_note(sets, name)}" for name in names)
    shaded = f" Shaded: to {percent(limits[0])}." if len(limits) > 1 else ""
    methods = dict.fromkeys(scores.name for each in sets.values() for scores in each.scores)
    width = max(WIDTH, 0.9 + _CELL[0] * len(names))
    rows = -(-(len(methods) + 2) // _columns(width))
    with style():
        return drawn(
            "clib_curves", "Error versus discard of every data set and recognizer",
            f"FNMR among the mated pairs kept, on each cell's own scale.{shaded} {notes}",
            f"Grid of discard curves: {', '.join(sets)} by {', '.join(names)}",
            partial(_draw, sets=sets, names=names, methods=list(methods)),
            (width, 1.0 + 0.2 * rows + _CELL[1] * len(sets)),
        )  # fmt: skip


def _columns(width: float) -> int:
    """Columns of the legend."""
    return max(2, int(width / 1.85))


def _draw(
    figure: Any, sets: Mapping[str, Evaluation], names: list[str], methods: list[str]
) -> None:
    look = looks(methods)
    legend: dict[str, Any] = {}
    settings = next(iter(sets.values())).settings
    limits = sorted(settings["limits"])
    grid = figure.subplots(len(sets), len(names), squeeze=False, sharex=True)
    both = protocol_of(settings["protocol"]).discards == "all"
    discarded = "pairs" if both else "mated pairs"
    for row, (line, (name, evaluation)) in enumerate(zip(grid, sets.items(), strict=True)):
        found = {result.name: result for result in evaluation.recognizers}
        for axes, recognizer in zip(line, names, strict=True):
            result = found.get(recognizer)
            if not row:
                axes.annotate(
                    short(recognizer, 24), (0, 1), (0, 17), xycoords="axes fraction",
                    textcoords="offset points", fontsize=10.5, fontweight="bold",
                )  # fmt: skip
            if result is None:
                _empty(axes)
                continue
            if len(limits) > 1:
                axes.axvspan(0, 100 * limits[0], color=_NEAR, linewidth=0, zorder=0)
            legend |= _cell(axes, result, limits[-1], look)
        line[0].set_ylabel(short(name, 22), color=INK, fontsize=10.5, fontweight="bold")
    # A cell above an empty one has the axis that the empty one would have had.
    for column in grid.T:
        used = [axes for axes in column if axes.lines]
        if used:
            used[-1].tick_params(labelbottom=True)
            used[-1].set_xlabel(f"{discarded} discarded (%)", fontsize=9)
    order = [name for name in look if name in legend]
    figure.legend(
        [legend[name] for name in order], [short(name, 24) for name in order],
        loc="outside lower center", ncols=_columns(figure.get_figwidth()), handlelength=2.4,
        columnspacing=1.2,
    )  # fmt: skip
    rate = settings["fmr"]
    at = f"FMR {rate:g}" if rate is not None else f"starting FNMR {settings['start_fnmr']:g}"
    figure.align_ylabels(grid[:, 0])
    figure.supylabel(
        f"FNMR among those kept (%)\n{settings['protocol']}, {at}", fontsize=9.5, color=SOFT
    )


def _cell(
    axes: Any, result: RecognizerResult, upto: float, look: Mapping[str, Any]
) -> dict[str, Any]:
    """Draws the curves of one set under one recognizer; returns name -> its line."""
    lines = {}
    for curve in result.curves:
        rows, x = points(curve.curve.discard, upto, _POINTS)
        x, y = held(x, 100 * curve.curve.fnmr[rows], 100 * upto)
        own = {"linewidth": 1.5} | look[curve.name]
        lines[curve.name] = axes.step(x, y, where="post", **own)[0]
    # A curve that rises far above its start would flatten all others.
    axes.set(xlim=(0, 100 * upto), ylim=(0, max(135 * result.fnmr, 1e-4)))
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(labelsize=8.5)
    counts = result.counts
    told = f"{counts['errors']:,.0f} errors in {counts['mated']:,.0f} pairs"
    axes.set_title(told, fontsize=8, fontweight="normal", color=SOFT)
    return lines


def _empty(axes: Any) -> None:
    axes.text(
        0.5, 0.5, "no embeddings", transform=axes.transAxes, ha="center", va="center",
        fontsize=9, color=SOFT,
    )  # fmt: skip
    axes.grid(visible=False)
    axes.set_yticks(np.empty(0))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
