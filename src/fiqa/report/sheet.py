"""The contact sheet: a card per face with score, level, what costs and what to do about it.

As HTML, and as a picture.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.tables import decode_text
from fiqa.errors import ShapeError
from fiqa.languages import advice, known_language, phrase, reason_name
from fiqa.meanings import meaning
from fiqa.reason_words import REASONS
from fiqa.report.factor_bars import (
    BARS_STYLE,
    bad_factors,
    bars,
    costliest,
    factor_qualities,
    scale_line,
)
from fiqa.report.page import LEVEL_COLORS, escape, image_uri, page
from fiqa.report.picture import Picture
from fiqa.report.scripts import SHEET
from fiqa.report.sheet_tools import (
    TOOLS_STYLE,
    card_data,
    histogram,
    lead,
    note_name,
    pager,
    status_name,
    summary,
    tools,
)
from fiqa.types import PathLike
from fiqa.vocabulary import FACTORS, LEVELS, STATUSES

__all__ = ["costliest", "name", "save_sheet_png", "sheet"]

Row = Mapping[str, Any]
Crops = Sequence[NDArray[np.uint8] | None] | NDArray[np.uint8]

_STYLE = """
.mix{display:flex;height:14px;border-radius:7px;overflow:hidden;gap:2px;margin:20px 0 10px;
background:var(--track)}
.mix i{min-width:3px}
.key{display:flex;flex-wrap:wrap;gap:6px 20px;font-size:14.5px;margin-bottom:28px;
font-variant-numeric:tabular-nums}
.key b{font-weight:600}
.key i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));gap:16px}
.card{display:grid;grid-template-columns:112px minmax(0,1fr);gap:0 16px;background:var(--card);
border:1px solid var(--line);border-radius:12px;
padding:14px;align-content:start}
.card img,.none{width:112px;height:112px;border-radius:8px;display:block;background:var(--track)}
.none{display:grid;place-items:center;color:var(--soft);font-size:13px;text-align:center}
.score{display:flex;align-items:center;gap:10px;font-size:32px;line-height:1;font-weight:650;
letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.chip{font-size:13px;line-height:1;font-weight:600;letter-spacing:0;padding:5px 9px;
border-radius:99px}
.why{margin:9px 0 0;font-size:14px;line-height:1.4}
.why b{font-weight:600;color:var(--cost)}
.why span{display:block;color:var(--soft)}
.map{margin-top:6px}
.name{grid-column:1/-1;margin:12px 0 0;font-size:12.5px;color:var(--soft);white-space:nowrap;
overflow:hidden;text-overflow:ellipsis}
.note{margin-top:2px}
@media (max-width:400px){.card{grid-template-columns:96px minmax(0,1fr);gap:0 14px}
.card img,.none{width:96px;height:96px}.bars{gap:5px 14px}}
"""


def name(row: Row, language: str = "en") -> str:
    """Returns what a person calls the row: its file, and which face where it is not the first.

    Args:
        row: of the table of scores.
        language: one of fiqa.languages.LANGUAGES.

    >>> name({"path": "in/a.jpg", "face_index": 1})
    'a.jpg, face 2'
    """
    path = str(row.get("path") or row.get("id") or "")
    base = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or path
    index = row.get("face_index") or 0
    return phrase("face_of", language).format(base, index + 1) if index else base


def _score_order(row: Row) -> tuple[bool, float]:
    """Failed rows first, then the lowest score."""
    uqs = row.get("uqs")
    # False sorts before True.
    return (uqs is not None, float(uqs) if uqs is not None else 0.0)


def _places(
    rows: Sequence[Row], crops: Crops, limit: int, order: Literal["given", "worst"]
) -> list[int]:
    """Which rows are shown; raises ShapeError or InputError."""
    if len(rows) != len(crops):
        raise ShapeError(
            f"crops must have one entry per row ({len(rows)}), got {len(crops)}.",
            hint="None where a row has no crop",
        )
    checks.in_range(limit, "limit", 1, math.inf)
    checks.choice(order, "order", ("given", "worst"))
    places = list(range(len(rows)))
    if order == "worst":
        places.sort(key=lambda place: _score_order(rows[place]))
    return places[: int(min(limit, len(places)))]


def _could_be(row: Row, language: str) -> str:
    """What the score would be then, "" where it is not known or hardly another."""
    value = (row.get("measures") or {}).get("score_could_be")
    if value is None or math.isnan(value) or value < row["uqs"] + 5:
        return ""
    return " " + phrase("could_be", language).format(round(value))


def _verdict(row: Row, language: str = "en") -> tuple[str, str]:
    """What the row is told: a headline and a sentence.

    Only a good face without reasons has nothing to correct.
    """
    reasons, most = list(row.get("reasons") or ()), costliest(row)
    if reasons:
        named = ", ".join(reason_name(code, language) for code in reasons)
        told = advice(reasons[:1], language)[0] if reasons[0] in REASONS else ""
        return named, told + _could_be(row, language)
    if most is None:
        return "", ""
    fine = row["level"] in LEVELS[3:]
    head = phrase("nothing" if fine else "no_single_reason", language)
    return head, phrase("weakest", language).format(phrase(most, language))


def _why(row: Row, language: str) -> str:
    head, told = _verdict(row, language)
    if not head:
        return ""
    first, comma, rest = escape(head).partition(",")
    head = f"<b>{first}</b>{comma}{rest}" if row.get("reasons") else first
    return f'<p class="why" lang="{language}">{head}<span>{escape(told)}</span></p>'


def _notes(row: Row, language: str) -> list[str]:
    """What was converted, guessed or turned on the way to the crop, in words."""
    told = []
    for note in filter(None, str(row.get("notes") or "").split(";")):
        code, _, detail = note.partition("=")
        named = note_name(code, language)
        told.append(phrase("note", language).format(named, detail) if detail else named)
    for kind, value in (("turned", row.get("turn")), ("found_by", row.get("detector"))):
        if value:
            told.append(phrase(kind, language).format(value))
    return told


def _chip(level: str, language: str) -> str:
    back, ink = LEVEL_COLORS[level]
    told = phrase(level, language)
    return (
        f'<span class="chip" lang="{language}" style="background:{back};color:{ink}">{told}</span>'
    )


def _card(
    row: Row,
    crop: NDArray[np.uint8] | None,
    folder: str | None,
    language: str,
    heat: NDArray[np.uint8] | None = None,
) -> str:
    path = escape(row.get("path") or row.get("id") or "")
    called = escape(name(row, language))
    label = f'<p class="name" title="{path}">{called}</p>'
    label += "".join(f'<p class="name note">{escape(note)}</p>' for note in _notes(row, language))
    status, uqs = str(row.get("status", "ok")), row.get("uqs")
    picture = (
        f'<div class="none">{escape(phrase("no_crop", language))}</div>'
        if crop is None
        else (
            f'<img src="{image_uri(crop)}" width="112" height="112" loading="lazy" decoding="async"'
            f' alt="{called}">'
        )
    )
    link = _link(row, folder)
    if link:
        opens = phrase("open", language).format(called)
        picture = f'<a href="{link}" aria-label="{opens}">{picture}</a>'
    if heat is not None:
        picture = f"<div>{picture}{_map(heat, called, language)}</div>"
    head = f'<article class="card"{card_data(row)}>{picture}'
    if uqs is None:
        told = meaning(status, language) if status in STATUSES else ""
        # only in English has a status a name beside its meaning
        parts = (status_name(status, "en"), told) if language == "en" or not told else (told, "")
        what = "<b>{}</b><span>{}</span>".format(*map(escape, parts))
        why = f'<p class="why" lang="{language}">{what}</p>'
        return f"{head}<div>{why}</div>{label}</article>"
    score = f'<div class="score">{int(uqs)}{_chip(str(row["level"]), language)}</div>'
    return f"{head}<div>{score}{_why(row, language)}</div>{bars(row, language)}{label}</article>"


def _map(heat: NDArray[np.uint8], whose: str, language: str) -> str:
    """Whose: escaped."""
    return (
        f'<img class="map" src="{image_uri(heat)}" width="112" height="112" loading="lazy"'
        f' decoding="async" alt="{escape(phrase("map", language))}: {whose}">'
    )


def _link(row: Row, folder: str | None) -> str:
    """The photograph as seen from the folder of the page, "" where it is no file."""
    path = decode_text(str(row.get("path") or ""))
    if folder is None or not path:
        return ""
    # "./" so that no name can begin with a scheme.
    return escape("./" + quote(os.fsencode(os.path.relpath(path, folder).replace(os.sep, "/"))))


def _map_line(maps: Crops | None, language: str) -> str:
    told = "" if maps is None else phrase("map_says", language)
    return told and f'<p class="scale" lang="{language}">{told}</p>'


def sheet(
    rows: Sequence[Row],
    crops: Crops,
    *,
    title: str = "",
    footer: str = "",
    limit: int = 500,
    order: Literal["given", "worst"] = "given",
    folder: PathLike | None = None,
    language: str = "en",
    maps: Crops | None = None,
) -> str:
    """Returns the contact sheet as one self-contained HTML page.

    A script of the page sorts, filters, searches and groups the cards and shows 60 at a time;
    without it all are there.

    Args:
        rows: N rows of the score table, as dicts (fiqa.score lists the columns). A failed row has
            `uqs` None.
        crops: N aligned crops (S,S,3) uint8 RGB, None where a row has none. They go in as JPEG
            thumbnails of their own size, and each is asked for once, when it is its turn.
        title: the heading, plain text; "" for "Face quality" in the language.
        footer: plain text at the end, best the command that made the rows.
        limit: the most cards on the page; the summary counts all rows, and the page says how many
            are left out.
        order: "given", or "worst" for failed rows and low scores first.
        folder: where the page will lie; each card then links its photograph from there.
        language: of all that the page says, one of fiqa.languages.LANGUAGES.
        maps: N heat maps (fiqa.report.heat) to stand under the crops, None where a row has none.

    Raises:
        ShapeError: another number of crops or maps than rows.
        InputError: limit under 1.
        UnknownNameError: order, language.

    >>> "no face" in sheet([{"path": "a.jpg", "status": "no_face", "uqs": None}], [None])
    True
    """
    known_language(language)
    places = _places(rows, crops, limit, order)
    base = None if folder is None else os.fspath(folder)
    if maps is not None:
        _places(rows, maps, limit, order)
    cards = "".join(
        _card(rows[place], crops[place], base, language, None if maps is None else maps[place])
        for place in places
    )
    over = tools([rows[place] for place in places], language)
    body = (
        f"{summary(rows, language)}{scale_line([rows[place] for place in places], language)}"
        f"{_map_line(maps, language)}{histogram(rows, language)}{over}"
        f'<section class="cards">{cards}</section>'
        f'<div class="tools foot" hidden>{pager(language)}</div>'
    )
    return page(
        title or phrase("sheet", language),
        body,
        lead=lead(rows, len(places), order, language),
        footer=footer,
        style=_STYLE + BARS_STYLE + TOOLS_STYLE,
        script=SHEET if places else "",
        language=language,
    )


def _draw_card(
    picture: Picture, x: int, y: int, row: Row, crop: NDArray[np.uint8] | None, cell: int
) -> None:
    picture.crop(x, y, crop, cell)
    right, room = x + cell + 14, 250 - 28
    if row.get("uqs") is None:
        status = str(row.get("status", "failed"))
        picture.text(
            right, y + 2, status_name(status, "en"), 17, bold=True, color="cost", width=room
        )
        picture.paragraph(right, y + 28, STATUSES.get(status, ""), 13, width=room)
    else:
        used = picture.text(right, y - 2, str(int(row["uqs"])), 30, bold=True)
        picture.chip(right + used + 10, y + 4, str(row["level"]))
        head, told = _verdict(row)
        picture.text(
            right,
            y + 40,
            head,
            15,
            bold=True,
            color="cost" if row.get("reasons") else "ink",
            width=room,
        )
        picture.paragraph(right, y + 61, told, 13, width=room)
    qualities, marked = factor_qualities(row), bad_factors(row)
    for k, factor in enumerate(FACTORS if qualities else ()):
        left, top = x + (k % 2) * 190, y + cell + 12 + (k // 2) * 19
        color: Literal["cost", "soft"] = "cost" if factor in marked else "soft"
        picture.text(left, top, phrase(factor), 12, color=color)
        picture.bar(
            left + 82,
            top + 5,
            84,
            qualities.get(factor),
            color="cost" if factor in marked else "bar",
        )
    picture.text(x, y + cell + (73 if qualities else 12), name(row), 12, color="soft", width=360)


def save_sheet_png(
    rows: Sequence[Row],
    crops: Crops,
    path: str | Path,
    *,
    title: str = "Face quality",
    columns: int = 3,
    limit: int = 30,
    order: Literal["given", "worst"] = "given",
) -> None:
    """Writes the contact sheet as one PNG picture, `columns` of its cards beside each other.

    Args and Raises: as `sheet`; InputError also for fewer than 1 column.
    """
    places = _places(rows, crops, limit, order)
    checks.in_range(columns, "columns", 1, 12)
    cell, wide, high, top = 112, 392, 232, 116
    lines = math.ceil(len(places) / columns)
    picture = Picture(wide * columns + 24, top + high * lines + 12)
    picture.text(24, 24, title, 26, bold=True, width=wide * columns - 24)
    picture.text(
        24, 62, lead(rows, len(places), order), 15, color="soft", width=wide * columns - 24
    )
    for k, place in enumerate(places):
        x, y = 24 + (k % columns) * wide, top + (k // columns) * high
        picture.panel(x - 12, y - 12, wide - 12, high - 12)
        _draw_card(picture, x, y, rows[place], crops[place], cell)
    picture.save(path)
