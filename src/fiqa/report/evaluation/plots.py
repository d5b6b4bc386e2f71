"""The plots of an evaluation: discard curves with bands, areas, errors, similarities, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.result import Evaluation, MethodCurve, RecognizerResult, Scores, thinned
from fiqa.functional.table import file_stem
from fiqa.report.drawing import COLORS, FAINT, INK, SOFT, WIDTH, Plot, drawn, short, style
from fiqa.report.evaluation.tables import percent, protocol_line

__all__ = ["COLORS", "Plot", "plots"]

_DASHES = ("-", (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), (0, (1.5, 1.5)))
# More points than pixels would only make the SVG larger.
_POINTS = 600


def plots(evaluation: Evaluation) -> list[Plot]:
    """Returns the plots of an evaluation, by recognizer, in the order of the page."""
    names = [result.name for result in evaluation.recognizers]
    with style():
        made: list[Plot] = []
        for result in evaluation.recognizers:
            own = _of_recognizer(evaluation, result, file_stem(result.name, names))
            made += [replace(plot, recognizer=result.name) for plot in own]
        made += [_det(evaluation), _scores(evaluation)]
        if len(evaluation.scores) > 1:
            made.append(_scatter(evaluation.scores[0], evaluation.scores[1]))
        return made


def _of_recognizer(evaluation: Evaluation, result: RecognizerResult, stem: str) -> list[Plot]:
    limits: Sequence[float] = evaluation.settings["limits"]
    line = protocol_line(evaluation, result, short=True)
    methods = sum(curve.role == "method" for curve in result.curves)
    # The curves, and the legend's rows below them.
    tall = 4.08 + 0.205 * max((len(result.curves) + 1) // 2, 4)
    shown = [
        drawn(
            f"edc_{stem}_{round(100 * limit)}", f"Error versus discard, to {percent(limit)}", line,
            "FNMR against the share of mated pairs discarded, one line per method, recognizer "
            f"{result.name}",
            partial(_edc, result=result, limit=limit), (WIDTH, tall),
        )
        for limit in limits
    ]  # fmt: skip
    shown += [
        drawn(
            f"areas_{stem}", "Areas with intervals", line,
            "Area under each discard curve with its interval",
            partial(_forest, result=result, limits=limits),
            (WIDTH, 1.3 + 0.34 * len(result.curves)),
        ),
        drawn(
            f"errors_{stem}", "Errors left among the pairs kept", line,
            "Number of errors left against the share discarded",
            partial(_errors, result=result), (WIDTH, tall),
        ),
    ]  # fmt: skip
    if any(curve.curve.band is not None for curve in result.curves):
        note = (
            f"Each method before the others in grey, with its {evaluation.settings['level']:.0%}"
            f" band by identity bootstrap; {line}"
        )
        shown.append(
            drawn(
                f"bands_{stem}", "Each curve with its band", note,
                "Small discard curves, one per method, with a confidence band",
                partial(_bands, result=result, limit=limits[0]),
                (WIDTH, 0.5 + 2.1 * ((methods + 1) // 2)),
            )
        )  # fmt: skip
    similarity = partial(_similarity, result=result)
    alt = "Histograms of similarity with the threshold"
    return [
        *shown,
        drawn(f"similarity_{stem}", "Similarity of the pairs", line, alt, similarity, (WIDTH, 3.2)),
    ]


def _look(curves: Sequence[MethodCurve]) -> dict[str, dict[str, Any]]:
    """Color and dashes of each curve, by its name."""
    look: dict[str, dict[str, Any]] = {}
    for place, curve in enumerate(c for c in curves if c.role == "method"):
        dash = _DASHES[min(place // len(COLORS), len(_DASHES) - 1)]
        look[curve.name] = {"color": COLORS[place % len(COLORS)], "linestyle": dash}
    look["random"] = {"color": "#8a8f98", "linestyle": (0, (1, 1.6)), "linewidth": 1.6}
    look["oracle"] = {"color": INK, "linestyle": (0, (6, 2, 1, 2)), "linewidth": 1.3}
    return look


def _line(
    curve: MethodCurve, upto: float, most: int = _POINTS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which points of a curve are drawn up to a discard fraction, and their discard in percent."""
    inside = int(np.searchsorted(curve.curve.discard, upto, side="right"))
    rows = thinned(max(inside, 1), most)
    return rows, 100 * curve.curve.discard[rows]


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=2, handlelength=2.4, columnspacing=1.2
    )


def _edc(figure: Any, result: RecognizerResult, limit: float) -> None:
    axes = figure.add_subplot()
    look = _look(result.curves)
    for curve in result.curves:
        rows, x = _line(curve, limit)
        axes.step(
            x,
            100 * curve.curve.fnmr[rows],
            where="post",
            label=short(curve.name),
            **look[curve.name],
        )
    axes.set(
        xlim=(0, 100 * limit),
        xlabel="mated pairs discarded (%)",
        ylabel="FNMR among those kept (%)",
        title=short(result.name, 44),
    )
    # A curve that rises far above its start would flatten all others.
    axes.set_ylim(0, max(125 * result.fnmr, 1e-4))
    _legend(figure, axes)


def _bands(figure: Any, result: RecognizerResult, limit: float) -> None:
    methods = [curve for curve in result.curves if curve.role == "method"]
    grid = figure.subplots(
        (len(methods) + 1) // 2, 2, sharex=True, sharey=True, squeeze=False
    ).ravel()
    look = _look(result.curves)
    # An odd number of methods leaves a panel over.
    for axes, curve in zip(grid, methods, strict=False):
        for other in result.curves:
            rows, x = _line(other, limit, 120)
            if other is not curve:
                axes.step(x, 100 * other.curve.fnmr[rows], where="post", color=FAINT, linewidth=0.9)
        rows, x = _line(curve, limit, 250)
        if curve.curve.band is not None:
            low, high = 100 * curve.curve.band[:, rows]
            axes.fill_between(
                x, low, high, step="post", color=look[curve.name]["color"], alpha=0.22, linewidth=0
            )
        axes.step(x, 100 * curve.curve.fnmr[rows], where="post", **look[curve.name])
        axes.set_title(short(curve.name, 25), fontsize=10)
    for axes in grid[len(methods) :]:
        axes.set_visible(False)
    # A band may begin far above its curve; what matters is where the curves are.
    grid[0].set(xlim=(0, 100 * limit), ylim=(0, max(200 * result.fnmr, 1e-4)))
    figure.supxlabel("mated pairs discarded (%)", fontsize=10.5, color=SOFT)
    figure.supylabel("FNMR among those kept (%)", fontsize=10.5, color=SOFT)


def _forest(figure: Any, result: RecognizerResult, limits: Sequence[float]) -> None:
    panels = figure.subplots(1, len(limits), sharey=True, squeeze=False)[0]
    look = _look(result.curves)
    for axes, limit in zip(panels, limits, strict=True):
        for place, curve in enumerate(result.curves):
            area, color = curve.areas[limit, "start"], look[curve.name]["color"]
            if area is None:
                continue
            if area.low is not None and area.high is not None:
                axes.plot(
                    [area.low, area.high],
                    [place, place],
                    color=color,
                    linewidth=2.6,
                    solid_capstyle="round",
                    alpha=0.55,
                )
            axes.plot([area.value], [place], "o", color=color, markersize=6)
        axes.axvline(1, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        axes.set_xlim(left=0)
        axes.set_title(f"to {percent(limit)}")
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(
        range(len(result.curves)), [short(curve.name, 22) for curve in result.curves], color=INK
    )
    panels[0].invert_yaxis()
    figure.supxlabel(
        "area relative to the FNMR at discard 0: 1 is no help, lower is better",
        fontsize=9.5,
        color=SOFT,
    )


def _errors(figure: Any, result: RecognizerResult) -> None:
    axes = figure.add_subplot()
    look = _look(result.curves)
    for curve in result.curves:
        rows, x = _line(curve, 1.0)
        left = curve.curve.fnmr[rows] * curve.curve.kept[rows]
        axes.step(x, left, where="post", label=short(curve.name), **look[curve.name])
    axes.set(
        xlim=(0, 100),
        xlabel="mated pairs discarded (%)",
        ylabel="errors left",
        title=short(result.name, 44),
    )
    axes.set_ylim(bottom=0)
    _legend(figure, axes)


def _similarity(figure: Any, result: RecognizerResult) -> None:
    axes = figure.add_subplot()
    center, mated, other = result.density
    width = center[1] - center[0]
    for share, color, label in ((other, COLORS[1], "non-mated"), (mated, COLORS[0], "mated")):
        axes.fill_between(center, share / width, step="mid", color=color, alpha=0.35, linewidth=0)
        axes.step(center, share / width, where="mid", color=color, linewidth=1.4, label=label)
    axes.axvline(
        result.threshold,
        color=INK,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label=f"threshold {result.threshold:.3f}",
    )
    # A few pairs far out would stretch the axis over all of -1..1.
    used = np.flatnonzero((mated > 1e-6) | (other > 1e-6))
    axes.set_xlim(center[used[0]] - width, center[used[-1]] + width)
    axes.set(xlabel="cosine similarity", ylabel="density", title=short(result.name, 44))
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)


def _det(evaluation: Evaluation) -> Plot:
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


def _scores(evaluation: Evaluation) -> Plot:
    rows = (len(evaluation.scores) + 1) // 2

    def draw(figure: Any) -> None:
        grid = figure.subplots(rows, 2, squeeze=False).ravel()
        for place, (axes, scores) in enumerate(zip(grid, evaluation.scores, strict=False)):
            axes.hist(scores.value, bins=40, color=COLORS[place % len(COLORS)], alpha=0.85)
            axes.set_title(short(scores.name, 25), fontsize=10)
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
        for axes in grid[len(evaluation.scores) :]:
            axes.set_visible(False)

    caption = (
        f"How each quality is spread over the same {evaluation.counts['images']:,} images, on its"
        " own scale (40 bins)."
    )
    return drawn(
        "scores", "Scores", caption, "Histograms of each quality", draw, (WIDTH, 0.2 + 1.5 * rows)
    )


def _scatter(first: Scores, second: Scores) -> Plot:
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
