"""What stands over the cards of a contact sheet: the histogram, and fields that sort and filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqa.languages import phrase, reason_name
from fiqa.report.page import escape
from fiqa.vocabulary import LEVELS

__all__ = ["PAGER", "TOOLS_STYLE", "card_data", "histogram", "tools", "words"]

Row = Mapping[str, Any]

TOOLS_STYLE = """
.card{content-visibility:auto;contain-intrinsic-size:auto 230px}
.card>a{color:inherit;text-decoration:none;display:block;align-self:start}
.cards h2{grid-column:1/-1;margin:20px 0 0;overflow-wrap:anywhere}
.tools{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:end;margin:0 0 20px;font-size:14px}
.tools[hidden]{display:none}
.tools label{display:grid;gap:3px;color:var(--soft);flex:1 1 150px}
.pager{display:flex;flex:1 0 100%;gap:10px;align-items:center}
.tools input,.tools select,.tools button{font:inherit;color:var(--ink);background:var(--card);
border:1px solid var(--bar);border-radius:8px;padding:7px 10px;min-height:38px;max-width:100%}
.tools button:disabled{opacity:.5}
.told{margin:0;padding:8px 0;font-variant-numeric:tabular-nums}
.hist{display:flex;align-items:end;gap:2px;height:72px;max-width:520px;margin:0 0 4px}
.hist i{flex:1;background:var(--bar);border-radius:2px 2px 0 0}
.ends{display:flex;justify-content:space-between;max-width:520px;font-size:12.5px;
color:var(--soft);margin-bottom:24px}
.tools.foot{margin:20px 0 0}
"""


def words(code: str) -> str:
    """Returns a code as a person reads it."""
    return code.replace("_", " ")


def _word(kind: str, language: str) -> str:
    """A level in the language; a status as it is."""
    return phrase(kind, language) if kind in LEVELS else words(kind)


def card_data(row: Row) -> str:
    """Returns the attributes of a card that the script sorts and filters by."""
    reasons = " ".join(row.get("reasons") or ())
    score = "" if row.get("uqs") is None else f' data-score="{int(row["uqs"])}"'
    return (
        f'{score} data-level="{escape(_class(row))}" data-reasons="{escape(reasons)}"'
        f' data-group="{escape(_group(row))}"'
    )


def _class(row: Row) -> str:
    """The level of a row, or why it has none."""
    return str(row.get("status", "failed") if row.get("uqs") is None else row["level"])


def _group(row: Row) -> str:
    """Who is in the picture: the identity where it is known, else the folder of the file."""
    if row.get("identity"):
        return str(row["identity"])
    path = str(row.get("path") or row.get("id") or "").replace("\\", "/")
    return path.rpartition("/")[0]


def _choice(key: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    shown = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
    )
    return f'<label>{label}<select id="{key}" autocomplete="off">{shown}</select></label>'


PAGER = (
    '<div class="pager"><button type="button" class="back">Back</button>'
    '<button type="button" class="on">Next</button><p class="told"{live}></p></div>'
)


def tools(rows: Sequence[Row], language: str = "en") -> str:
    """Returns what sorts and filters the cards; it is hidden until the script runs.

    Args:
        rows: of the cards.
        language: of the names of levels and reasons.
    """
    levels = Counter(map(_class, rows))
    known = [level for level in LEVELS if level in levels]
    order = [*known, *sorted(set(levels) - set(known))]
    reasons = Counter(reason for row in rows for reason in row.get("reasons") or ())
    parts = [
        '<label>Search names<input type="search" id="find" autocomplete="off"></label>',
        _choice(
            "level", "Level",
            [("", "all"),
             *((each, f"{_word(each, language)} ({levels[each]:,})") for each in order)],
        ),
    ]  # fmt: skip
    if reasons:
        named = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
        options = [(each, f"{reason_name(each, language)} ({reasons[each]:,})") for each in named]
        parts.append(_choice("reason", "Reason", [("", "any"), *options]))
    orders = [
        ("given", "as given"), ("worst", "lowest first"), ("best", "highest first"),
        ("name", "by name"),
    ]  # fmt: skip
    parts.append(_choice("sort", "Order", orders))
    if len({_group(row) for row in rows}) > 1:
        what = "person" if any(row.get("identity") for row in rows) else "folder"
        groups = [("", "none"), ("each", f"by {what}"), ("ends", f"worst and best of each {what}")]
        parts.append(_choice("group", "Groups", groups))
    live = PAGER.format(live=' role="status"')
    return (
        f'<section class="tools" aria-label="Sort and filter" hidden>{"".join(parts)}{live}'
        "</section>"
    )


def histogram(rows: Sequence[Row]) -> str:
    """Returns how many faces have which score, in steps of 5; nothing for fewer than two."""
    scored = [int(row["uqs"]) for row in rows if row.get("uqs") is not None]
    if len(scored) < 2:
        return ""
    counts = np.histogram(scored, bins=20, range=(0, 100))[0].tolist()
    bars = "".join(
        f'<i style="height:{100 * count / max(counts):.1f}%"'
        f' title="{5 * k} to {5 * k + (4 if k < 19 else 5)}: {count:,}"></i>'
        for k, count in enumerate(counts)
    )
    ends = (
        '<div class="ends" aria-hidden="true"><span>0</span><span>50</span><span>100</span></div>'
    )
    low, middle, high = (f"{value:g}" for value in np.quantile(scored, (0.1, 0.5, 0.9)))
    text = f"Histogram of the scores: a tenth below {low}, half below {middle}, a tenth over {high}"
    return f'<div class="hist" role="img" aria-label="{text}">{bars}</div>{ends}'
