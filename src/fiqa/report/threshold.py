"""A cut as a person reads it: a plot of what every cut does, one HTML page, and JSON."""

from __future__ import annotations

from functools import partial
from typing import Any

import fiqa
from fiqa.evaluation.cut_report import CutReport, OperatingPoint, missing_sentence
from fiqa.functional.cut_evidence import CutEffect
from fiqa.functional.table import Table
from fiqa.report.drawing import COLORS, INK, WIDTH, Plot, drawn, short, style
from fiqa.report.other_cuts import SLIDER_STYLE, other_cuts
from fiqa.report.page import escape, page, table_html
from fiqa.report.scripts import CUTS

__all__ = ["cut_page", "cut_plot"]

_STYLE = """
.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;
margin:24px 0}
.verdict{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px}
.verdict h2{font-size:15px;font-weight:600;color:var(--soft);margin:0 0 10px}
.verdict p{margin:0 0 8px}
.cut{overflow-wrap:anywhere;font-size:clamp(21px,6.4vw,34px);line-height:1.1;font-weight:650;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.cut small{font-size:16px;font-weight:400;letter-spacing:0;color:var(--soft)}
.verdict .plain{color:var(--soft);font-size:14.5px;margin:12px 0 0}
.verdict .lack{color:var(--cost)}
"""

_PROMISE = (
    "The safe cut is chosen so that as many other people as these will stay within what is wanted, "
    "with the stated confidence. That holds when they are like the people here, under the same "
    "camera and the same recognizer at the same comparison threshold, which is taken as fixed. The "
    "comparisons of one person count as few, because they fail together. The plain cut is right on "
    "these images; on other people it misses about as often as it holds."
)


def cut_plot(report: CutReport) -> Plot:
    """Returns the plot of FNMR and coverage over the cut, with the cuts of each wish marked."""
    curve = report.curve
    caption = (
        "Line: the FNMR of the mated pairs kept. Dashes: the FNMR that as many other people will "
        f"not exceed, with {curve.confidence:.0%} confidence. A filled mark is a safe cut, an open "
        f"one the plain cut. Protocol: {report.protocol}."
    )
    with style():
        return drawn(
            "cut", "What every cut does", caption,
            "FNMR among the pairs kept and share of images kept, against the cut on "
            f"{report.method}",
            partial(_draw, report=report), (WIDTH, 5.4),
        )  # fmt: skip


def _draw(figure: Any, report: CutReport) -> None:
    curve = report.curve
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    upper.step(curve.cut, 100 * curve.fnmr, where="pre", color=INK, label="these images")
    upper.step(
        curve.cut, 100 * curve.limit, where="pre", color=INK, linewidth=1.2, linestyle=(0, (4, 2)),
        label=f"other people, at most ({curve.confidence:.0%})",
    )  # fmt: skip
    lower.step(curve.cut, 100 * curve.coverage, where="pre", color=INK)
    window = _window(report)
    tallest = 100 * report.cut.fnmr_start
    for place, point in enumerate(report.points):
        color, wish = COLORS[place % len(COLORS)], point.wish
        if wish.fnmr is not None:
            upper.axhline(100 * wish.fnmr, color=color, linewidth=1, linestyle=(0, (1, 2)))
            tallest = max(tallest, 100 * wish.fnmr)
        elif wish.coverage is not None:
            lower.axhline(100 * wish.coverage, color=color, linewidth=1, linestyle=(0, (1, 2)))
        _mark(upper, lower, point.cut.effect, color, f"plain, {wish}", filled=False, left=window[0])
        if point.cut.safe.effect is not None:
            _mark(
                upper,
                lower,
                point.cut.safe.effect,
                color,
                f"safe, {wish}",
                filled=True,
                left=window[0],
            )
    # The limit of other people lies above the curve; where few images are left it leaves the plot.
    upper.set_ylim(0, 1.6 * tallest if tallest else 1.0)
    upper.set_xlim(*window)
    upper.set_ylabel("FNMR among those kept (%)")
    lower.set_ylabel("images kept (%)")
    lower.set_ylim(0, 104)
    lower.set_xlabel(f"reject below ({short(report.method, 40)})")
    for axes in (upper, lower):
        axes.yaxis.set_major_formatter("{x:g}")
    handles, labels = upper.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower left", ncols=2, handlelength=2.4, columnspacing=1.2
    )


def _mark(
    upper: Any, lower: Any, effect: CutEffect, color: str, label: str, *, filled: bool, left: float
) -> None:
    """Marks a cut in both panels; one that lies left of the window stands on its edge as an
    arrow."""
    place, shape = (left, "<") if effect.cut < left else (effect.cut, "o")
    look = {
        "color": color,
        "markersize": 6 if filled else 9, "markerfacecolor": color if filled else "none",
        "zorder": 5, "clip_on": False,
    }  # fmt: skip
    if effect.fnmr is not None:
        upper.plot([place], [100 * effect.fnmr], shape, label=label, **look)
    lower.plot([place], [100 * effect.coverage], shape, **look)
    for axes in (upper, lower):
        axes.axvline(
            place, color=color, linewidth=0.9, alpha=0.6, linestyle="-" if filled else (0, (3, 2))
        )


def _window(report: CutReport) -> tuple[float, float]:
    """The cuts that are shown: from where the first images go to where half are gone."""
    curve = report.curve
    effects = [point.cut.effect for point in report.points]
    effects += [
        point.cut.safe.effect for point in report.points if point.cut.safe.effect is not None
    ]
    marks = [effect.cut for effect in effects if effect.coverage < 0.995]
    first = curve.cut[curve.coverage >= 0.995]
    half = curve.cut[curve.coverage >= 0.5]
    # A cut beyond the window would be drawn nowhere, so the window reaches to every one.
    low, high = min([float(first[-1]), *marks]), max([float(half[-1]), *marks])
    room = 0.03 * (high - low) or 0.5
    return low - room, high + room


def cut_page(report: CutReport) -> str:
    """Returns the whole document: where to cut first, then why and at what cost."""
    plot = cut_plot(report)
    parts = [
        "<section"
        f' class="verdicts">{"".join(_verdict(report, point) for point in report.points)}</section>'
    ]
    warnings = [note for note in report.notes if note.startswith("warning:")]
    parts += [f"<p><strong>{escape(note)}</strong></p>" for note in warnings]
    parts.append(
        f'<h2>{escape(plot.title)}</h2><figure><img src="{plot.uri}" alt="{escape(plot.alt)}">'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
    )
    parts.append(other_cuts(report))
    for point in report.points:
        parts.append(_table(report.effects_table(point)))
        parts += [_table(table) for table in report.group_tables(point)]
    parts.append(f"<h2>What the safe cut promises</h2><p>{escape(_PROMISE)}</p>")
    notes = [note for note in report.notes if note not in warnings]
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(f'<h2>Notes</h2><ul class="notes">{items}</ul>')
    cut = report.cut
    lead = (
        f"{report.method} under {report.recognizer}, at a false match rate of {cut.fmr:g}. "
        f"{cut.images:,} images, {cut.mated:,} mated pairs of {cut.identities:,} people, "
        f"{cut.errors:,} of them false non-matches without a cut; {cut.nonmated:,} non-mated pairs."
    )
    footer = (
        f"{report.command or 'fiqa.threshold(...)'} · fiqa {fiqa.__version__} · {report.protocol}"
    )
    return page(
        "Where to cut",
        "".join(parts),
        lead=lead,
        footer=footer,
        style=_STYLE + SLIDER_STYLE,
        script=CUTS,
    )


def _verdict(report: CutReport, point: OperatingPoint) -> str:
    cut, safe = point.cut, point.cut.safe
    hundred = cut.hundred
    wish = (
        f"FNMR of at most {point.wish.fnmr:g}" if point.wish.fnmr is not None
        else f"at least {point.wish.coverage:g} of the images kept"
    )  # fmt: skip
    plain = f"{_costs(cut.effect)}. Right on these images; a coin toss on other people."
    plain_100 = None if hundred is None else hundred.effect
    if safe.effect is None or point.safe_typed is None:
        body = _large(point.typed, plain_100) + f"<p>{escape(plain)}</p>"
        body += f'<p class="lack">{escape(missing_sentence(safe, point.wish))}</p>'
    else:
        side = "at least" if point.wish.fnmr is None else "at most"
        body = _large(point.safe_typed, None if hundred is None else hundred.safe.effect)
        body += f"<p>{escape(_costs(safe.effect))}.</p>"
        body += (
            f"<p>As many other people: {side} {safe.limit:.4g}, with {safe.confidence:.0%}"
            " confidence.</p>"
            f'<p class="plain">Plain cut: {escape(point.typed)}{_of_100(plain_100)}.'
            f" {escape(plain)}</p>"
        )
    return f'<article class="verdict"><h2>{escape(wish)}: reject below</h2>{body}</article>'


def _large(typed: str, hundred: CutEffect | None) -> str:
    return f'<p class="cut">{escape(typed)}<small>{_of_100(hundred)}</small></p>'


def _of_100(effect: CutEffect | None) -> str:
    return "" if effect is None else f" ({effect.cut:.0f} of 100)"


def _costs(effect: CutEffect) -> str:
    fnmr = "no mated pair kept" if effect.fnmr is None else f"FNMR {effect.fnmr:.4g}"
    return (
        f"Keeps {effect.coverage:.1%} of the images, {fnmr} ({effect.errors:,} errors of"
        f" {effect.mated:,} pairs)"
    )


def _table(table: Table) -> str:
    note = f'<p class="note">{escape(" ".join(table.note.split()))}</p>' if table.note else ""
    return f"<h2>{escape(table.title)}</h2>{table_html(table)}{note}"
