"""What stands over the cards of a contact sheet: counts, the histogram, and fields that sort and
filter; what its notes and statuses are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqa.languages import PHRASES, number, phrase, reason_name
from fiqa.meanings import meaning
from fiqa.report.page import LEVEL_COLORS, escape
from fiqa.vocabulary import LEVELS, STATUSES

__all__ = [
    "TOOLS_STYLE",
    "card_data",
    "histogram",
    "lead",
    "note_name",
    "pager",
    "status_name",
    "summary",
    "tools",
]

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


def _words(code: str) -> str:
    return code.replace("_", " ")


def note_name(code: str, language: str) -> str:
    """Returns what is called by the code of a note; one that is in no table is itself.

    Args:
        code: of fiqa.vocabulary.NOTES, or another.
        language: one of fiqa.languages.LANGUAGES.
    """
    return phrase(code, language) if code in PHRASES else _words(code)


def status_name(code: str, language: str) -> str:
    """Returns what a status is called: its code in English, elsewhere what it means.

    Args:
        code: of fiqa.vocabulary.STATUSES; another is itself.
        language: one of fiqa.languages.LANGUAGES.

    >>> status_name("no_face", "en"), status_name("no_face", "es")
    ('no face', 'El detector no encontró ningún rostro')
    """
    if language == "en" or code not in STATUSES:
        return _words(code)
    return meaning(code, language).rstrip(".。")


def _name(kind: str, language: str) -> str:
    """Of a level, or of the status of a row that has none."""
    return phrase(kind, language) if kind in LEVELS else status_name(kind, language)


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


def lead(rows: Sequence[Row], shown: int, order: str, language: str = "en") -> str:
    """Returns the sentences under the heading: how many rows, scored and found by whom.

    Args:
        rows: of the table of scores.
        shown: how many of them are on the page.
        order: "worst" where the best are left out.
        language: of the sentences.
    """

    def told(name: str, *values: Any) -> str:
        return phrase(name, language).format(
            *(value if isinstance(value, str) else number(value, language) for value in values)
        )

    scored = [int(row["uqs"]) for row in rows if row.get("uqs") is not None]
    models = sorted({str(row["model"]) for row in rows if row.get("model")})
    first = told("row" if len(rows) == 1 else "rows", len(rows), len(scored))
    parts = [first + (told("by", ", ".join(models)) if models else "")]
    detectors = sorted({str(row["detector"]) for row in rows if row.get("detector")})
    if detectors:
        parts.append(told("faces_found_by", ", ".join(detectors)))
    if scored:
        parts.append(told("median", float(np.median(scored))))
    if shown < len(rows):
        which = "best_left_out" if order == "worst" else "last_left_out"
        parts.append(told(which, len(rows) - shown))
    stop = phrase("stop", language)
    return (stop.join(part[0].upper() + part[1:] for part in parts) + stop).rstrip()


def summary(rows: Sequence[Row], language: str) -> str:
    """Returns the share of each level as one bar, and its counts in words; failed rows are a grey
    part of their own, never a score of 0.

    Args:
        rows: of the table of scores.
        language: of all that it says.
    """
    counts = Counter(str(row["level"]) for row in rows if row.get("uqs") is not None)
    failed = Counter(
        status_name(str(row.get("status", "failed")), language)
        for row in rows
        if row.get("uqs") is None
    )
    parts = [
        (phrase(level, language), counts[level], LEVEL_COLORS[level][0])
        for level in LEVELS
        if counts[level]
    ]
    parts += [(status, count, "var(--bar)") for status, count in failed.items()]
    bar = "".join(f'<i style="flex:{count};background:{color}"></i>' for _, count, color in parts)
    key = "".join(
        f'<span><i style="background:{color}"></i><b>{number(count, language)}</b>'
        f" {escape(what)}</span>"
        for what, count, color in parts
    )
    return f'<div class="mix">{bar}</div><div class="key">{key}</div>' if parts else ""


def pager(language: str, *, live: bool = False) -> str:
    """Returns the buttons that turn pages, and where the script says which cards are shown.

    Args:
        language: one of fiqa.languages.LANGUAGES.
        live: whether a reader for the blind speaks it when it changes.
    """
    back, on, shown, none = (
        escape(phrase(name, language)) for name in ("back", "next", "shown", "none_fits")
    )
    role = ' role="status"' if live else ""
    return (
        f'<div class="pager"><button type="button" class="back">{back}</button>'
        f'<button type="button" class="on">{on}</button>'
        f'<p class="told"{role} data-shown="{shown}"'
        f' data-none="{none}"></p></div>'
    )


def tools(rows: Sequence[Row], language: str = "en") -> str:
    """Returns what sorts and filters the cards; it is hidden until the script runs.

    Args:
        rows: of the cards.
        language: of all that it says.
    """

    def choice(key: str, options: Sequence[tuple[str, str]]) -> str:
        shown = "".join(
            f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
        )
        label = escape(phrase(_LABELS[key], language))
        return f'<label>{label}<select id="{key}" autocomplete="off">{shown}</select></label>'

    def counted(name: str, count: int) -> str:
        return f"{name} ({number(count, language)})"

    def told(*names: str) -> list[tuple[str, str]]:
        return [(name, phrase(name, language)) for name in names]

    levels = Counter(map(_class, rows))
    known = [level for level in LEVELS if level in levels]
    order = [*known, *sorted(set(levels) - set(known))]
    reasons = Counter(reason for row in rows for reason in row.get("reasons") or ())
    search, name = (escape(phrase(each, language)) for each in ("search", "tools"))
    named = [(each, counted(_name(each, language), levels[each])) for each in order]
    parts = [
        f'<label>{search}<input type="search" id="find" autocomplete="off"></label>',
        choice("level", [("", phrase("all", language)), *named]),
    ]
    if reasons:
        order = sorted(reasons, key=lambda reason: (-reasons[reason], reason))
        named = [(each, counted(reason_name(each, language), reasons[each])) for each in order]
        parts.append(choice("reason", [("", phrase("any", language)), *named]))
    parts.append(choice("sort", told("given", "worst", "best", "name")))
    if len({_group(row) for row in rows}) > 1:
        what = "person" if any(row.get("identity") for row in rows) else "folder"
        groups = {"": "none", "each": f"each_{what}", "ends": f"ends_{what}"}
        parts.append(
            choice("group", [(key, phrase(each, language)) for key, each in groups.items()])
        )
    return (
        f'<section class="tools" aria-label="{name}" hidden>{"".join(parts)}'
        f"{pager(language, live=True)}</section>"
    )


_LABELS = {"level": "level", "reason": "reason", "sort": "order", "group": "groups"}


def histogram(rows: Sequence[Row], language: str = "en") -> str:
    """Returns how many faces have which score, in steps of 5; nothing for fewer than two.

    Args:
        rows: of the table of scores.
        language: of all that it says.
    """
    scored = [int(row["uqs"]) for row in rows if row.get("uqs") is not None]
    if len(scored) < 2:
        return ""
    counts = np.histogram(scored, bins=20, range=(0, 100))[0].tolist()
    each = phrase("bin", language)
    titles = (
        each.format(5 * k, 5 * k + (4 if k < 19 else 5), number(count, language))
        for k, count in enumerate(counts)
    )
    bars = "".join(
        f'<i style="height:{100 * count / max(counts):.1f}%" title="{title}"></i>'
        for count, title in zip(counts, titles, strict=True)
    )
    ends = (
        '<div class="ends" aria-hidden="true"><span>0</span><span>50</span><span>100</span></div>'
    )
    tenths = (number(float(value), language) for value in np.quantile(scored, (0.1, 0.5, 0.9)))
    text = escape(phrase("histogram", language).format(*tenths))
    return f'<div class="hist" role="img" aria-label="{text}">{bars}</div>{ends}'
