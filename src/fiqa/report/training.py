"""The page of a training run: its curves, its best evaluations, its recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Any

from fiqa.report.drawing import COLORS, WIDTH, drawn, style
from fiqa.report.page import escape, figure, page, table

__all__ = ["run_page"]

_PANELS = (
    ("Training loss", ("loss",)),
    ("Validation error (lower is better)", ("mae", "rmse", "mae_factors")),
    ("Validation order (higher is better)", ("spearman", "spearman_identity", "spearman_middle")),
    ("Learning rate", ("lr",)),
)
_SHOWN = (
    "epoch",
    "step",
    "loss",
    "mae",
    "rmse",
    "spearman",
    "spearman_identity",
    "spearman_middle",
    "q90_q10",
)
_LOWER = ("mae", "rmse")


def run_page(
    name: str,
    recipe: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    select: Sequence[str],
    *,
    certainty: Sequence[str] = (),
) -> str:
    """Returns the HTML page of a run.

    Args:
        name: of the run.
        recipe: as fiqa.training.config.Recipe.record gives it.
        history: its evaluations, at least one, with the columns of fiqa.training.log.columns.
        select: the metrics by which weights were kept.
        certainty: how sure the numbers of validation are, a sentence each.
    """
    rows = [
        [metric, *(row.get(column) for column in _SHOWN)]
        for metric in select
        if (row := _best(history, metric))
    ]
    pace = history[-1]
    lead = (
        f"{pace['step']} steps, {pace['images']} images in {pace['seconds']:.0f} s; at the last"
        f" evaluation {pace['images_per_second']:.0f} images per second, {pace['waiting']:.0%} of"
        " the time waiting for data."
    )
    body = "\n".join(
        [
            "<h2>Best evaluations</h2>",
            table(["chosen by", *_SHOWN], rows, caption="Each is kept as best_METRIC.safetensors."),
            *(["<h2>How sure the numbers are</h2>"] if certainty else []),
            *(f"<p>{escape(line)}</p>" for line in certainty),
            "<h2>Curves</h2>",
            f'<div class="plots">{"".join(_curves(history))}</div>',
            "<h2>Recipe</h2>",
            f"<pre>{'<br>'.join(map(escape, json.dumps(recipe, indent=1).splitlines()))}</pre>",
        ]
    )
    return page(f"Training run {name}", body, lead=lead, footer="fiqa train")


def _best(history: Sequence[Mapping[str, Any]], metric: str) -> Mapping[str, Any] | None:
    rows = [row for row in history if row.get(metric) is not None]
    # Errors are better when lower, correlations when higher.
    sign = 1 if metric in _LOWER else -1
    return min(rows, key=lambda row: sign * row[metric], default=None)


def _curves(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """A figure of each panel."""
    terms = dict.fromkeys(column for row in history for column in row if column.startswith("loss_"))
    figures = []
    for title, names in _PANELS:
        shown = (*names, *(terms if names == ("loss",) else ()))
        lines = {
            column: [(row["epoch"], row[column]) for row in history if row.get(column) is not None]
            for column in shown
        }
        draw = partial(_panel, title=title, lines=lines)
        with style():
            plot = drawn(names[0], title, "", f"{title}, by epoch", draw, (WIDTH, 3.4))
        figures.append(figure(plot.uri, "One point per evaluation.", alt=plot.alt))
    return figures


def _panel(drawing: Any, title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    axes = drawing.subplots()
    for color, (column, points) in zip(cycle(COLORS), lines.items(), strict=False):
        if points:
            axes.plot(*zip(*points, strict=True), "o-", markersize=3, label=column, color=color)
    axes.set_title(title)
    axes.set_xlabel("epoch")
    if axes.lines:
        axes.legend()
