"""What happens at other cuts: a table, and a slider over the numbers of the curve."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.cut_report import CutReport
from fiqa.evaluation.result import thinned
from fiqa.report.page import escape, table

__all__ = ["SLIDER_STYLE", "other_cuts"]

SLIDER_STYLE = """
.slider{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;
margin:0 0 20px}
.slider[hidden]{display:none}
.slider label{display:block;font-weight:600;margin-bottom:8px;overflow-wrap:anywhere}
.slider input{width:100%;height:32px;margin:0 0 10px;accent-color:var(--focus)}
.slider dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:12px 20px;
margin:0 0 12px}
.slider dl div:first-child{grid-column:1/-1}
.slider dt{font-size:13.5px;color:var(--soft)}
.slider dd{margin:0;font-size:21px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere;
font-variant-numeric:tabular-nums}
.slider ul{margin:0;padding-left:20px;font-size:14.5px}
"""

_SHOWN = (1.0, 0.99, 0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of the images to keep, each of which is a row of the table."""

_POINTS = 500


def other_cuts(report: CutReport) -> str:
    """Returns the section of a page: the slider, hidden until its script runs, and the table.

    Args:
        report: with the curve of all cuts.
    """
    return (
        "<h2>What other cuts do</h2>"
        f"{_slider(report)}{_table(report)}"
        '<p class="note">Other cuts than the one that was asked for are looked at here after the'
        " fact: the limit for other people holds for one cut that was chosen beforehand.</p>"
    )


def _table(report: CutReport) -> str:
    curve = report.curve
    rows = []
    for place in _rows(curve.coverage):
        errors, kept = _errors(report, place), int(curve.kept[place])
        rows.append(
            [
                repr(float(curve.cut[place])),
                f"{curve.coverage[place]:.1%}",
                f"{100 * curve.fnmr[place]:.2f} % ({errors:,} of {kept:,} pairs)",
                _percent(curve.limit[place]),
            ]
        )
    columns = ["reject below", "images kept", "FNMR", f"other people, at most ({_sure(report)})"]
    return table(columns, rows)


def _rows(coverage: NDArray[np.float64]) -> list[int]:
    """The highest cut that keeps at least each of the shares, each once."""
    held = [np.flatnonzero(coverage >= share - 1e-12) for share in _SHOWN]
    return sorted({int(places[-1]) for places in held if len(places)})


def _slider(report: CutReport) -> str:
    places, start = _places(report)
    most, least = len(places) - 1, int(np.searchsorted(places, start))
    facts = [
        ("cut", "Reject below"),
        ("kept", "Images kept"),
        ("fnmr", "FNMR"),
        ("errors", "Errors"),
        ("limit", f"Other people, at most ({_sure(report)})"),
    ]
    shown = "".join(f'<div><dt>{label}</dt><dd id="at-{key}"></dd></div>' for key, label in facts)
    return (
        f'<div class="slider" id="slider" hidden><label for="slide">Cut on {escape(report.method)}'
        f'</label><input type="range" id="slide" min="0" max="{most}" step="1" value="{least}"'
        f' autocomplete="off"><dl>{shown}</dl><ul id="wishes" aria-live="polite"></ul></div>'
        f'<script type="application/json" id="curve">{_numbers(report, places)}</script>'
    )


def _places(report: CutReport) -> tuple[NDArray[np.int64], int]:
    """The points of the curve that the slider has, and where it stands at first: evenly spread,
    with every cut that the page tells of."""
    cut = report.curve.cut
    told = [
        effect.cut
        for point in report.points
        for effect in (point.cut.safe.effect or point.cut.effect, point.cut.effect)
    ]
    own = np.minimum(np.searchsorted(cut, told), len(cut) - 1)
    return np.unique(np.concatenate([thinned(len(cut), _POINTS), own])), int(own[0])


def _numbers(report: CutReport, places: NDArray[np.int64]) -> str:
    """Numbers and the words of wishes alone, so nothing in it can end the element."""
    curve = report.curve
    content: dict[str, Any] = {
        "cut": curve.cut[places].tolist(),
        "coverage": curve.coverage[places].tolist(),
        "fnmr": curve.fnmr[places].tolist(),
        "limit": [value if math.isfinite(value) else None for value in curve.limit[places]],
        "kept": curve.kept[places].tolist(),
        "errors": [_errors(report, int(place)) for place in places],
        "wishes": [
            {"name": str(point.wish), "fnmr": point.wish.fnmr, "coverage": point.wish.coverage}
            for point in report.points
        ],
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def _errors(report: CutReport, place: int) -> int:
    return round(float(report.curve.fnmr[place]) * int(report.curve.kept[place]))


def _percent(share: float) -> str | None:
    return f"{100 * share:.2f} %" if math.isfinite(share) else None


def _sure(report: CutReport) -> str:
    return f"{report.curve.confidence:.0%}"
