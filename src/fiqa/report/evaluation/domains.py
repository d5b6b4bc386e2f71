"""Two domains as a person sees them: histograms of every method, and a page that begins with the
verdicts (DmsFIQA, Figures 1 and 2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import fiqa
from fiqa.evaluation.papers.domains import Domains, MethodDomains, domain_table
from fiqa.functional.domains import PSI_LEAST, RATIO_LEAST, VERDICTS
from fiqa.report.drawing import COLORS, FAINT, SOFT, WIDTH, Plot, drawn, short, style
from fiqa.report.evaluation.labels import panels
from fiqa.report.page import escape, page, table_html

__all__ = ["domains_page", "domains_plot", "verdict_lines"]

_SHOWN = 25
"""Bars of a histogram; it must divide the number of bins."""


def domains_plot(domains: Domains) -> Plot:
    """Returns the histograms of every method in every set, a panel for each method."""
    rows = (len(domains.methods) + 1) // 2
    caption = (
        f"Share of the images of each set in {_SHOWN} bins; grey is {domains.sets[0]}, with which"
        " the others are compared. A triangle marks the median. Scores are on each method's own"
        " scale where it has one."
    )
    with style():
        return drawn(
            "domains", "How scores lie in each set", caption,
            f"Histograms of {len(domains.methods)} methods in {', '.join(domains.sets)}",
            partial(_draw, domains=domains), (WIDTH, 0.7 + 1.75 * rows),
        )  # fmt: skip


def verdict_lines(domains: Domains) -> list[str]:
    """Returns a sentence for each verdict, the worst first.

    A verdict that no method has is not told.
    """
    lines = []
    for verdict in VERDICTS:
        for name in domains.sets[1:]:
            whom = [m.name for m in domains.methods if m.gaps[name].verdict == verdict]
            if whom:
                lines.append(f"{name}: {verdict}: {', '.join(whom)}.")
    return lines


def domains_page(domains: Domains, plot: Plot, *, command: str = "") -> str:
    """Returns the whole document: the verdicts, the histograms, the numbers, and the rule.

    Args:
        domains: what was found.
        plot: of domains_plot.
        command: the line that asked, for the foot.
    """
    table = domain_table(domains)
    verdicts = "".join(f"<li>{escape(line)}</li>" for line in verdict_lines(domains))
    notes = "".join(f"<li>{escape(line)}</li>" for line in domains.notes)
    rule = (
        "Collapsed: at least two of Q90-Q10, standard deviation and entropy are below"
        f" {RATIO_LEAST:g} of those in {domains.sets[0]}, by the upper bound of the ratio. Shifted:"
        f" not collapsed, a PSI of {PSI_LEAST:g} or more, and too far to be chance. Alike: neither."
        " A set whose faces really differ less is called collapsed too: look at the faces."
    )
    body = (
        f"<ul>{verdicts}</ul>"
        f'<figure><img src="{plot.uri}" alt="{escape(plot.alt)}">'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
        f"<h2>What the words mean</h2><p>{escape(rule)}</p>"
        f"<h2>{escape(table.title)}</h2>{table_html(table)}"
        f'<p class="note">{escape(table.note)}</p>'
        f'<h2>Notes</h2><ul class="notes">{notes}</ul>'
    )
    lead = (
        f"{len(domains.methods)} methods; {', '.join(domains.sets[1:])} compared with"
        f" {domains.sets[0]}."
    )
    footer = f"{command or 'fiqa.tables(...)'} · fiqa {fiqa.__version__}"
    return page("Do scores hold in another domain?", body, lead=lead, footer=footer)


def _draw(figure: Any, domains: Domains) -> None:
    grid = panels(figure, len(domains.methods))
    for axes, method in zip(grid, domains.methods, strict=True):
        _panel(axes, method, domains)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, handlelength=1.6)


def _panel(axes: Any, method: MethodDomains, domains: Domains) -> None:
    low, high = method.ends
    edges = np.linspace(low, high, _SHOWN + 1)
    tallest = 0.0
    for place, name in enumerate(domains.sets):
        counts = method.counts[name]
        share = 100 * counts.reshape(_SHOWN, -1).sum(axis=1) / counts.sum()
        tallest = max(tallest, float(share.max()))
        color = FAINT if not place else COLORS[(place - 1) % len(COLORS)]
        if place:
            axes.stairs(share, edges, color=color, linewidth=1.7, label=short(name, 20))
        else:
            axes.stairs(share, edges, color=color, fill=True, label=short(name, 20))
        middle = np.searchsorted(np.cumsum(counts), counts.sum() / 2) + 0.5
        at = low + (high - low) * middle / len(counts)
        axes.plot([at], [0], "^", color=SOFT if not place else color, clip_on=False, zorder=5)
    axes.set_ylim(0, 1.08 * tallest)
    axes.set_xlim(low, high)
    axes.set_title(short(method.name, 25), fontsize=10)
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.locator_params(axis="both", nbins=4)
    axes.tick_params(labelsize=9)
