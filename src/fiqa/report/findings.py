"""The page of findings: what was found, each with its picture and the one it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.report.page import escape, image_uri, page
from fiqa.vocabulary import ISSUES, REMEDIES

__all__ = ["MOST", "THUMBNAIL", "findings_page"]

MOST = 60
"""Cards of one kind on the page; the table has them all."""
THUMBNAIL = 168
"""The longer side of a picture, pixels."""

Row = Mapping[str, Any]
Picture = Callable[[str], NDArray[np.uint8] | None]

_STYLE = """
.kinds{display:flex;flex-wrap:wrap;gap:8px;margin:20px 0 8px;padding:0;list-style:none}
.kinds a,.kinds span{display:block;padding:6px 13px;border-radius:99px;font-size:14.5px;
border:1px solid var(--line);background:var(--card);color:inherit;text-decoration:none}
.kinds b{font-weight:650;font-variant-numeric:tabular-nums;margin-right:6px}
.none{color:var(--soft)}
h2{margin:44px 0 4px;scroll-margin-top:12px}
.do{color:var(--soft);margin-bottom:16px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,372px),1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:12px}
.one{display:grid;grid-template-columns:112px minmax(0,1fr);gap:0 14px}
.one figcaption{margin-top:0}
.one.bare{grid-template-columns:1fr}
.card figure{margin:0;min-width:0}
.card img,.gone{display:grid;place-items:center;width:100%;aspect-ratio:1;object-fit:contain;
border-radius:8px;background:var(--track);color:var(--soft);font-size:13px;text-align:center}
figcaption.of{margin-top:6px;font-size:12.5px;line-height:1.4;overflow-wrap:anywhere}
.card p{margin:10px 0 0;font-size:14px;line-height:1.45;overflow-wrap:anywhere}
.name{font-size:12.5px;line-height:1.4;color:var(--soft);overflow-wrap:anywhere}
.grave{font-weight:650;color:var(--cost);font-variant-numeric:tabular-nums;margin-right:8px}
.notes{margin-top:44px;font-size:14.5px;color:var(--soft)}
.notes h2{color:var(--ink);margin-top:0}
.notes li{overflow-wrap:anywhere}
"""


def findings_page(
    rows: Sequence[Row],
    picture: Picture,
    *,
    verdict: str,
    skipped: Mapping[str, str],
    looked: Mapping[str, int],
    notes: Sequence[str] = (),
    footer: str = "",
) -> str:
    """Returns the page as one self-contained HTML document.

    Args:
        rows: the findings, the gravest kinds first, with the fields of
            fiqa.cleaning.findings.Finding.
        picture: path -> (H,W,3) uint8 RGB to show, None where it cannot be shown.
        verdict: the answer in one sentence.
        skipped: issue -> why it was not looked for.
        looked: issue -> how many images were asked.
        notes: further sentences.
        footer: plain text at the end.

    >>> text = findings_page([], lambda path: None, verdict="Nothing.", skipped={}, looked={})
    >>> "Nothing." in text
    True
    """
    kinds = [issue for issue in ISSUES if any(row["issue"] == issue for row in rows)]
    by_kind = {issue: [row for row in rows if row["issue"] == issue] for issue in kinds}
    sections = "".join(_section(issue, by_kind[issue], picture) for issue in kinds)
    body = _overview(by_kind, looked) + sections + _about(skipped, notes)
    return page("What is wrong with these faces", body, lead=verdict, footer=footer, style=_STYLE)


def _words(issue: str) -> str:
    return issue.replace("_", " ")


def _overview(by_kind: Mapping[str, Sequence[Row]], looked: Mapping[str, int]) -> str:
    found = "".join(
        f'<li><a href="#{issue}"><b>{len(rows):,}</b>{_words(issue)}</a></li>'
        for issue, rows in by_kind.items()
    )
    clear = "".join(
        f'<li><span class="none"><b>0</b>{_words(issue)}</span></li>'
        for issue in ISSUES
        if issue in looked and issue not in by_kind
    )
    return f'<nav aria-label="Kinds"><ul class="kinds">{found}{clear}</ul></nav>'


def _section(issue: str, rows: Sequence[Row], picture: Picture) -> str:
    cards = "".join(_card(row, picture) for row in rows[:MOST])
    more = len(rows) - MOST
    rest = f"<p>{more:,} more are in findings.csv.</p>" if more > 0 else ""
    title = f"{_words(issue).capitalize()}: {len(rows):,}"
    return (
        f'<section aria-labelledby="{issue}"><h2 id="{issue}">{title}</h2>'
        f'<p class="do">{escape(ISSUES[issue])} {escape(REMEDIES[issue])}</p>'
        f'<div class="cards">{cards}</div>{rest}</section>'
    )


def _card(row: Row, picture: Picture) -> str:
    score = f'<span class="grave" title="0.5 at the limit, 1 the gravest">{row["score"]:.2f}</span>'
    words = f"<p>{score}{escape(row['evidence'])}</p>"
    if row["other"]:
        found = _figure(row["path"], row["id"], picture, "found")
        other = _figure(row["other"], row["other_id"], picture, "compared with")
        return f'<article class="card"><div class="two">{found}{other}</div>{words}</article>'
    name = f'<div class="name" title="{escape(row["path"])}">{escape(row["id"])}</div>'
    if row["issue"] == "unreadable":
        return f'<article class="card one bare"><div>{name}{words}</div></article>'
    shown = _shown(row["path"], row["id"], picture, "found")
    return f'<article class="card one">{shown}<div>{name}{words}</div></article>'


def _figure(path: str, name: str, picture: Picture, role: str) -> str:
    return (
        f"<figure>{_shown(path, name, picture, role)}"
        f'<figcaption class="of" title="{escape(path)}"><span class="soft">{role}</span><br>'
        f"{escape(name)}</figcaption></figure>"
    )


def _shown(path: str, name: str, picture: Picture, role: str) -> str:
    pixels = picture(path)
    if pixels is None:
        return '<div class="gone">cannot be shown</div>'
    return (
        f'<img src="{image_uri(pixels)}" loading="lazy" decoding="async"'
        f' alt="{escape(f"{role}: {name}")}">'
    )


def _about(skipped: Mapping[str, str], notes: Sequence[str]) -> str:
    lines = [f"<b>{_words(issue)}</b>: {escape(why)}." for issue, why in skipped.items()]
    told = "".join(f"<li>{line}</li>" for line in lines)
    rest = "".join(f"<p>{escape(note)}</p>" for note in notes)
    head = f"<h2>Not looked for</h2><ul>{told}</ul>" if told else ""
    return f'<section class="notes">{head}{rest}</section>' if head or rest else ""
