"""The plots of an evaluation: discard curves with bands, areas, errors, similarities, scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.result import Evaluation, MethodCurve, RecognizerResult
from fiqa.functional.table import file_stem
from fiqa.report.drawing import COLORS, FAINT, INK, SOFT, WIDTH, Plot, drawn, looks, short, style
from fiqa.report.evaluation.general import det_plot, scatter_plot, scores_plot
from fiqa.report.evaluation.labels import line_labels, panels
from fiqa.report.evaluation.lines import held, points
from fiqa.report.evaluation.tables import protocol_line
from fiqa.report.evaluation.verdict import percent, ranked

__all__ = ["COLORS", "Plot", "plots"]


def plots(evaluation: Evaluation) -> list[Plot]:
    """Returns the plots of an evaluation, by recognizer, in the order of the page."""
    names = [result.name for result in evaluation.recognizers]
    with style():
        made: list[Plot] = []
        for result in evaluation.recognizers:
            own = _of_recognizer(evaluation, result, file_stem(result.name, names))
            made += [replace(plot, recognizer=result.name) for plot in own]
        made += [det_plot(evaluation), scores_plot(evaluation)]
        if len(evaluation.scores) > 1:
            made.append(scatter_plot(evaluation.scores[0], evaluation.scores[1]))
        return made


def _of_recognizer(evaluation: Evaluation, result: RecognizerResult, stem: str) -> list[Plot]:
    """In pairs of about one height, as the page sets them beside each other."""
    line = protocol_line(evaluation, result, short=True)
    return [
        *_against_discard(evaluation, result, stem, line),
        *_panels(evaluation, result, stem, line),
        *_areas_and_similarity(evaluation, result, stem, line),
    ]


def _against_discard(
    evaluation: Evaluation, result: RecognizerResult, stem: str, line: str
) -> list[Plot]:
    limits: Sequence[float] = evaluation.settings["limits"]
    size, of = (WIDTH, 4.08), f"one line per method, recognizer {result.name}"
    made = [
        drawn(
            f"edc_{stem}_{round(100 * limit)}", f"Error versus discard, to {percent(limit)}", line,
            f"FNMR against the share of mated pairs discarded, {of}",
            partial(_edc, result=result, limit=limit), size,
        )
        for limit in limits
    ]  # fmt: skip
    if any(curve.images is not None for curve in result.curves):
        note = "What a user loses is images: a bad one spoils every pair that it is in."
        made.append(
            drawn(
                f"images_{stem}", f"Error versus images discarded, to {percent(limits[0])}",
                f"{note} {line}", f"FNMR against the share of images discarded, {of}",
                partial(_images, result=result, limit=limits[0]), size,
            )
        )  # fmt: skip
    made.append(
        drawn(
            f"errors_{stem}", "Errors left among the pairs kept", line,
            "Number of errors left against the share discarded",
            partial(_errors, result=result),
            # The curves, and the legend's rows below them.
            (WIDTH, 3.3 + 0.205 * ((len(result.curves) + 1) // 2)),
        )
    )  # fmt: skip
    return made


def _panels(evaluation: Evaluation, result: RecognizerResult, stem: str, line: str) -> list[Plot]:
    limits: Sequence[float] = evaluation.settings["limits"]
    size = (WIDTH, 0.5 + 2.1 * ((len(result.of_role("method")) + 1) // 2))
    made = []
    if any(curve.cut is not None for curve in result.curves):
        note = (
            f"Each on the method's own scale, to {percent(limits[-1])} of the pairs discarded;"
            f" `fiqa threshold` finds the cut for what you want. {line}"
        )
        made.append(
            drawn(
                f"cuts_{stem}", "Error versus the cut on each score", note,
                "Small curves of the FNMR against the cut on the score, one per method",
                partial(_by_score, result=result, upto=limits[-1]), size,
            )
        )  # fmt: skip
    if any(curve.curve.band is not None for curve in result.curves):
        note = (
            f"Each method before the others in grey, with its {evaluation.settings['level']:.0%}"
            f" band by identity bootstrap; {line}"
        )
        made.append(
            drawn(
                f"bands_{stem}", "Each curve with its band", note,
                "Small discard curves, one per method, with a confidence band",
                partial(_bands, result=result, limit=limits[0]), size,
            )
        )  # fmt: skip
    return made


def _areas_and_similarity(
    evaluation: Evaluation, result: RecognizerResult, stem: str, line: str
) -> list[Plot]:
    limits: Sequence[float] = evaluation.settings["limits"]
    return [
        drawn(
            f"areas_{stem}", "Areas with intervals", line,
            "Area under each discard curve with its interval",
            partial(_forest, result=result, limits=limits),
            (WIDTH, max(3.2, 1.3 + 0.34 * len(result.curves))),
        ),
        drawn(
            f"similarity_{stem}", "Similarity of the pairs", line,
            "Histograms of similarity with the threshold",
            partial(_similarity, result=result), (WIDTH, 3.2),
        ),
    ]  # fmt: skip


def _look(curves: Sequence[MethodCurve]) -> dict[str, dict[str, Any]]:
    """Color and dashes of each curve, by its name."""
    return looks([curve.name for curve in curves if curve.role == "method"])


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=2, handlelength=2.4, columnspacing=1.2
    )


def _edc(figure: Any, result: RecognizerResult, limit: float) -> None:
    discards = [(curve, curve.curve.discard) for curve in result.curves]
    _discarded(figure, result, limit, "mated pairs", discards)


def _images(figure: Any, result: RecognizerResult, limit: float) -> None:
    discards = [(curve, curve.images) for curve in result.curves if curve.images is not None]
    _discarded(figure, result, limit, "images", discards)


def _discarded(
    figure: Any,
    result: RecognizerResult,
    limit: float,
    what: str,
    discards: Sequence[tuple[MethodCurve, NDArray[np.float64]]],
) -> None:
    """Curves against the share of `what` that is discarded."""
    axes = figure.add_subplot()
    look = _look(result.curves)
    for curve, discard in discards:
        rows, x = points(discard, limit)
        x, y = held(x, 100 * curve.curve.fnmr[rows], 100 * limit)
        axes.step(x, y, where="post", label=short(curve.name), **look[curve.name])
    axes.set(
        xlim=(0, 100 * limit),
        xlabel=f"{what} discarded (%)",
        ylabel="FNMR among those kept (%)",
        title=short(result.name, 44),
    )
    # A curve that rises far above its start would flatten all others.
    axes.set_ylim(0, max(125 * result.fnmr, 1e-4))
    line_labels(axes, short)


def _by_score(figure: Any, result: RecognizerResult, upto: float) -> None:
    methods = [curve for curve in result.of_role("method") if curve.cut is not None]
    look = _look(result.curves)
    for axes, curve in zip(panels(figure, len(methods), sharey=True), methods, strict=True):
        rows, _ = points(curve.curve.discard, upto)
        y = 100 * curve.curve.fnmr[rows]
        # A cut between two values keeps what the upper one keeps.
        axes.step(_cut(curve)[rows], y, where="pre", **look[curve.name])
        axes.set_title(short(curve.name, 25), fontsize=10)
        axes.set_ylim(0, max(125 * result.fnmr, 1e-4))
    figure.supxlabel("reject below this score", fontsize=10.5, color=SOFT)
    figure.supylabel("FNMR among those kept (%)", fontsize=10.5, color=SOFT)


def _cut(curve: MethodCurve) -> NDArray[np.float64]:
    return np.empty(0) if curve.cut is None else curve.cut


def _bands(figure: Any, result: RecognizerResult, limit: float) -> None:
    methods = [curve for curve in result.curves if curve.role == "method"]
    grid = panels(figure, len(methods), sharex=True, sharey=True)
    look = _look(result.curves)
    for axes, curve in zip(grid, methods, strict=True):
        for other in result.curves:
            rows, x = points(other.curve.discard, limit, 120)
            if other is not curve:
                axes.step(x, 100 * other.curve.fnmr[rows], where="post", color=FAINT, linewidth=0.9)
        rows, x = points(curve.curve.discard, limit, 250)
        if curve.curve.band is not None:
            low, high = 100 * curve.curve.band[:, rows]
            axes.fill_between(
                x, low, high, step="post", color=look[curve.name]["color"], alpha=0.22, linewidth=0
            )
        axes.step(x, 100 * curve.curve.fnmr[rows], where="post", **look[curve.name])
        axes.set_title(short(curve.name, 25), fontsize=10)
    # A band may begin far above its curve; what matters is where the curves are.
    grid[0].set(xlim=(0, 100 * limit), ylim=(0, max(200 * result.fnmr, 1e-4)))
    figure.supxlabel("mated pairs discarded (%)", fontsize=10.5, color=SOFT)
    figure.supylabel("FNMR among those kept (%)", fontsize=10.5, color=SOFT)


def _forest(figure: Any, result: RecognizerResult, limits: Sequence[float]) -> None:
    panels = figure.subplots(1, len(limits), sharey=True, squeeze=False)[0]
    look = _look(result.curves)
    for axes, limit in zip(panels, limits, strict=True):
        for place, curve in enumerate(ranked(result, limits[0])):
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
        range(len(result.curves)),
        [short(curve.name, 22) for curve in ranked(result, limits[0])],
        color=INK,
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
        rows, x = points(curve.curve.discard, 1.0)
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
