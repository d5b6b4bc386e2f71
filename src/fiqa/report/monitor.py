"""The health of a fleet as a person reads it: one HTML page with plots, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import fiqa
from fiqa.monitoring.health import VERDICTS, CellHealth, Health
from fiqa.report.drawing import COLORS, FAINT, INK, SOFT, WIDTH, Plot, drawn, short, style
from fiqa.report.page import escape, page, table_html

__all__ = ["charts_plot", "health_page", "histograms_plot"]

_STYLE = """
.verdict{background:var(--card);border:1px solid var(--line);border-left:8px solid var(--soft);
border-radius:12px;padding:18px 20px;margin:24px 0}
.verdict p{margin:0 0 8px}
.verdict .word{font-size:34px;line-height:1.1;font-weight:650;letter-spacing:-.02em;
margin-bottom:10px}
.verdict ul{margin:8px 0 0;padding-left:20px}
.verdict li{margin:0 0 6px;max-width:95ch;overflow-wrap:anywhere}
.verdict.alarm{border-left-color:#a3122a}.verdict.ok{border-left-color:#14786b}
"""
_WORDS = {
    "alarm": "Alarm", "not enough": "Not enough drives", "no reference": "Not in the reference",
    "ok": "Fine",
}  # fmt: skip
_SENTENCES = {
    "alarm": "At least one cell is no longer what its reference was.",
    "not enough": "No cell alarms, but some have too few drives to be judged.",
    "no reference": "No cell alarms, but some have no counterpart in the reference.",
    "ok": "Every cell scores as its reference did.",
}
_SHOWN = 12
"""Cells that are drawn, those that alarm first."""


def _drawn_cells(health: Health) -> list[CellHealth]:
    """The cells that are drawn: alarms first, then those with drives."""
    seen = [cell for cell in health.cells if cell.drives or cell.charts]
    return sorted(seen, key=lambda cell: VERDICTS.index(cell.verdict))[:_SHOWN]


def histograms_plot(health: Health) -> Plot:
    """Returns the histograms of each cell over those of its reference.

    Args:
        health: what was found.
    """
    cells = _drawn_cells(health)
    caption = (
        "Filled: the reference. Line: the drives that were checked. Scores beyond the reference's "
        "1st and 99th percentile stand in the outermost bins."
    )
    return _plot("histograms", "Scores of each cell", caption, cells, 1.7, partial(_hist, health))


def charts_plot(health: Health) -> Plot:
    """Returns the cumulative sums of each cell, as shares of their limits.

    Args:
        health: what was found.
    """
    cells = [c for c in _drawn_cells(health) if any(chart.path for chart in c.charts)]
    caption = (
        "Each line is a sum over the drives in their order, as a share of its limit; it alarms "
        "above the dashes, and then stays an alarm until its state file is removed. Gray: charts "
        "that have not passed half of their limit."
    )
    return _plot("charts", "Changes that build up", caption, cells, 2.0, _charts)


def _plot(
    name: str, title: str, caption: str, cells: Sequence[CellHealth], tall: float, draw: Any
) -> Plot:
    def all_cells(figure: Any) -> None:
        axes = np.ravel(figure.subplots(max(1, len(cells)), 1, squeeze=False))
        for place, cell in zip(axes, cells, strict=False):
            place.set_title(f"{short(cell.name, 48)}: {cell.verdict}", fontsize=10.5)
            draw(place, cell)
            if cell is not cells[-1]:
                place.set_xlabel("")
        if not cells:
            axes[0].axis("off")

    alt = f"{title}: " + "; ".join(f"{cell.name} {cell.verdict}" for cell in cells)
    with style():
        return drawn(name, title, caption, alt, all_cells, (WIDTH, 0.5 + tall * max(1, len(cells))))


def _hist(health: Health, axes: Any, cell: CellHealth) -> None:
    edges = np.linspace(health.low, health.high, 51)
    for counts, look in (
        (cell.reference_counts, {"fill": True, "color": FAINT, "linewidth": 0}),
        (cell.counts, {"fill": False, "color": _color(cell), "linewidth": 1.6}),
    ):
        pairs = np.reshape(counts, (50, 2)).sum(axis=1)
        if pairs.sum():
            axes.stairs(100 * pairs / pairs.sum(), edges, **look)
    axes.set_ylabel("% of frames")
    axes.set_xlabel("raw score")
    axes.set_ylim(bottom=0)


def _charts(axes: Any, cell: CellHealth) -> None:
    top = 1.15
    colors = iter(COLORS)
    for chart in sorted(cell.charts, key=lambda c: max(c.path, default=0.0) / c.limit):
        path = np.array(chart.path) / chart.limit
        first = chart.drives - len(path) + 1
        loud = chart.alarm or (len(path) and path.max() >= 0.5)
        top = max(top, min(4.0, float(path.max(initial=0.0))) * 1.05)
        axes.plot(
            np.arange(first, first + len(path)), path,
            color=next(colors, INK) if loud else FAINT, linewidth=1.8 if loud else 1.0,
            zorder=3 if loud else 2, label=chart.label if loud else None,
        )  # fmt: skip
    axes.axhline(1.0, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    axes.set_ylim(0, top)
    axes.set_ylabel("share of the limit")
    axes.set_xlabel("drive")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", fontsize=8.5)


def _color(cell: CellHealth) -> str:
    return {"alarm": COLORS[1], "ok": COLORS[0]}.get(cell.verdict, SOFT)


def health_page(health: Health) -> str:
    """Returns the whole document: the verdict first, then the cells, then the plots.

    Args:
        health: what was found.
    """
    told = [cell for verdict in VERDICTS for cell in health.of(verdict) if cell.reasons]
    reasons = [
        f"<li><strong>{escape(cell.name)}</strong>: {escape('; '.join(cell.reasons))}.</li>"
        for cell in told
    ]
    kind = health.verdict if health.verdict in ("alarm", "ok") else "open"
    counts = ", ".join(f"{len(health.of(v))} {v}" for v in VERDICTS if health.of(v))
    parts = [
        f'<section class="verdict {kind}"><p class="word">{_WORDS[health.verdict]}</p>'
        f"<p>{_SENTENCES[health.verdict]} Cells: {escape(counts or 'none')}.</p>"
        + (f"<ul>{''.join(reasons)}</ul>" if reasons else "")
        + "</section>"
    ]
    table = health.table()
    parts.append(
        f"<h2>{escape(table.title)}</h2>{table_html(table)}"
        f'<p class="note">{escape(" ".join(table.note.split()))}</p>'
    )
    for plot in (charts_plot(health), histograms_plot(health)):
        parts.append(
            f'<h2>{escape(plot.title)}</h2><figure><img src="{plot.uri}" alt="{escape(plot.alt)}">'
            f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
        )
    hidden = len(health.cells) - len(_drawn_cells(health))
    notes = [*health.notes, *([f"{hidden} cells are not drawn."] if hidden else [])]
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(f'<h2>Notes</h2><ul class="notes">{items}</ul>')
    drives = sum(cell.drives for cell in health.cells)
    frames = sum(cell.frames for cell in health.cells)
    lead = (
        f"{frames:,} scored frames of {drives:,} {health.unit}s (one counts in each cell that it"
        " has frames in), each cell beside the same cell of the reference."
    )
    footer = f"{health.command or 'fiqa.monitor(...)'} · fiqa {fiqa.__version__}"
    return page("Is the fleet what it was?", "".join(parts), lead=lead, footer=footer, style=_STYLE)
