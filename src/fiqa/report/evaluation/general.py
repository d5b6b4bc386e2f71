"""The plots of all recognizers and scores: recognition errors, scores, and how two agree."""

from __future__ import annotations

from typing import Any

from fiqa.evaluation.result import Evaluation, Scores
from fiqa.report.drawing import COLORS, WIDTH, Plot, drawn, short
from fiqa.report.evaluation.labels import panels

__all__ = ["det_plot", "scatter_plot", "scores_plot"]


def det_plot(evaluation: Evaluation) -> Plot:
    """Returns the errors of each recognizer at every threshold, nothing discarded."""

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for place, result in enumerate(evaluation.recognizers):
            fmr, fnmr = result.roc
            drawable = (fmr > 0) & (fnmr > 0)
            color = COLORS[place % len(COLORS)]
            axes.loglog(fmr[drawable], fnmr[drawable], color=color, label=short(result.name))
            rate = result.curves[0].curve.fmr
            if rate is not None and result.fnmr > 0:
                axes.plot([rate], [result.fnmr], "o", color=color, markersize=6)
        axes.set(
            xlabel="false match rate",
            ylabel="false non-match rate",
            title="Detection error tradeoff",
        )
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.legend(loc="lower left")

    rows = [
        f"{r.name}: {r.counts['mated']:,} mated, {r.counts['nonmated']:,} non-mated"
        for r in evaluation.recognizers
    ]
    caption = (
        "All images, nothing discarded; a dot marks the FMR of the discard curves."
        f" {'; '.join(rows)}."
    )
    return drawn(
        "det",
        "Recognition errors of all images",
        caption,
        "DET curve: FNMR against FMR, both logarithmic",
        draw,
        (WIDTH, 4.2),
    )


def scores_plot(evaluation: Evaluation) -> Plot:
    """Returns how each quality is spread, one panel for each."""

    rows = (len(evaluation.scores) + 1) // 2

    def draw(figure: Any) -> None:
        grid = panels(figure, len(evaluation.scores))
        for place, (axes, scores) in enumerate(zip(grid, evaluation.scores, strict=True)):
            axes.hist(scores.value, bins=40, color=COLORS[place % len(COLORS)], alpha=0.85)
            axes.set_title(short(scores.name, 25), fontsize=10)
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)

    caption = (
        f"How each quality is spread over the same {evaluation.counts['images']:,} images, on its"
        " own scale (40 bins)."
    )
    return drawn(
        "scores", "Scores", caption, "Histograms of each quality", draw, (WIDTH, 0.2 + 1.5 * rows)
    )


def scatter_plot(first: Scores, second: Scores) -> Plot:
    """Returns how two qualities agree, image by image."""
    from fiqa.errors import EvidenceError
    from fiqa.functional.agreement import spearman

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        # So many points cover each other; density shows where they are.
        if len(first.value) > 2000:
            axes.hexbin(
                first.value,
                second.value,
                gridsize=44,
                bins="log",
                cmap="Blues",
                mincnt=1,
                linewidths=0.2,
                rasterized=True,
            )
        else:
            axes.plot(
                first.value,
                second.value,
                "o",
                color=COLORS[0],
                markersize=3,
                alpha=0.5,
                rasterized=True,
            )
        axes.set(xlabel=short(first.name, 40), ylabel=short(second.name, 40))

    try:
        agreement = f"Spearman {spearman(first.value, second.value):.3f}"
    except EvidenceError:  # one of them is constant
        agreement = "one of them is constant"
    caption = (
        f"{first.name} and {second.name} on the same {len(first.value):,} images: {agreement}."
    )
    return drawn(
        "scatter",
        "Two methods",
        caption,
        f"Scatter of {first.name} against {second.name}",
        draw,
        (WIDTH, 4.4),
    )
