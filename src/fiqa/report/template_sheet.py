"""The contact sheet of template candidates: each person's images with the paper's five criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.functional.display import image_uri
from fiqa.methods.dmsfiqa.criteria import FRONTAL, MET, Criterion
from fiqa.report.page import escape, page

__all__ = ["TemplateCard", "template_sheet"]

_STYLE = """
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(172px,1fr));gap:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px;
font-size:13.5px;line-height:1.45;overflow-wrap:anywhere}
.card.chosen{border:2px solid var(--focus)}
.card img,.none{width:112px;height:112px;border-radius:8px;display:block;margin-bottom:8px;
background:var(--track)}
.none{display:grid;place-items:center;color:var(--soft)}
.card ul{list-style:none;margin:8px 0 0;padding:0}
.card li::before{display:inline-block;width:1.5em;font-weight:650}
.met::before{content:"✓"}
.fails::before{content:"✗"}
.unknown::before{content:"?"}
.fails{color:var(--cost)}
.unknown,.card small{color:var(--soft)}
"""
_WORDS = {True: "met", False: "fails", None: "unknown"}


@dataclass(frozen=True, eq=False)
class TemplateCard:
    """One candidate.

    Attributes:
        name: its id.
        identity: who it is.
        chosen: whether it is the template.
        judge, centrality: what it was proposed by.
        criteria: the five, fewer where they could not be measured.
        crop: (H,W,3) RGB, None where it cannot be read.
    """

    name: str
    identity: str
    chosen: bool
    judge: float
    centrality: float
    criteria: Sequence[Criterion]
    crop: NDArray[np.uint8] | None


def template_sheet(cards: Sequence[TemplateCard], *, left_out: int = 0, command: str = "") -> str:
    """Returns the whole document, the people with a template that fails a criterion first.

    Args:
        cards: the candidates of each person side by side.
        left_out: people that the page does not show.
        command: the line that made it, for the foot.
    """
    people: dict[str, list[TemplateCard]] = {}
    for card in cards:
        people.setdefault(card.identity, []).append(card)
    bad = {name for name, own in people.items() if any(c.chosen and _fails(c) for c in own)}
    order = sorted(people, key=lambda name: (name not in bad, name))
    body = "".join(_person(name, people[name], fails=name in bad) for name in order)
    lead = f"{len(people):,} people, {len(cards):,} candidates."
    lead += (
        f" The template of {len(bad):,} fails a criterion; they come first."
        if bad
        else " No template fails a criterion that could be measured."
    )
    lead += f" {left_out:,} more people are not shown." if left_out else ""
    rule = (
        f"<p>Unoccluded, lit, whole and sharp: the factor's quality is at least {MET:g}. Near"
        f" frontal: yaw and pitch within {FRONTAL:g} degrees; it needs landmarks. A blue frame: the"
        " template. To choose another, write <code>chosen</code> = 1 in its line of the table.</p>"
    )
    footer = f"{command or 'fiqa label dmsfiqa'} · fiqa {fiqa.__version__}"
    return page("Template candidates", rule + body, lead=lead, footer=footer, style=_STYLE)


def _fails(card: TemplateCard) -> bool:
    return any(one.met is False for one in card.criteria)


def _person(name: str, cards: Sequence[TemplateCard], *, fails: bool) -> str:
    words = sorted(
        {
            c.name
            for card in cards
            if card.chosen
            for c in card.criteria
            if not c.met and c.met is not None
        }
    )
    note = f" <small>the template fails: {escape(', '.join(words))}</small>" if fails else ""
    return f'<h2>{escape(name)}{note}</h2><div class="row">{"".join(map(_card, cards))}</div>'


def _card(card: TemplateCard) -> str:
    picture = (
        '<div class="none">no image</div>'
        if card.crop is None
        else f'<img src="{image_uri(card.crop)}" alt="{escape(card.name)}">'
    )
    items = "".join(
        f'<li class="{_WORDS[one.met]}">{escape(one.name)}'
        f"<br><small>{escape(one.measure or 'cannot be measured')}</small></li>"
        for one in card.criteria
    )
    chosen = "<b>template</b><br>" if card.chosen else ""
    return (
        f'<article class="card{" chosen" if card.chosen else ""}">{picture}{chosen}'
        f"{escape(card.name)}<br><small>judge {card.judge:.2f}, centrality"
        f" {card.centrality:.2f}</small><ul>{items}</ul></article>"
    )
