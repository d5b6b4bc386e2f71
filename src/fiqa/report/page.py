"""The shell of every page that fiqa writes: one HTML file that loads nothing.

It reads well on a phone and on a desk, in light and in dark.

A page carries its style inline and its images as data URIs, and its Content-Security-Policy forbids
everything else, so what a file name holds stays text. A page that runs a script of ours names it by
its hash, so that nothing else runs; without it everything is there and visible.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from fiqa.errors import InputError, ShapeError
from fiqa.functional.display import image_uri
from fiqa.functional.table import Table, is_number, printable, shown
from fiqa.types import PathLike
from fiqa.vocabulary import LEVELS

__all__ = [
    "LEVEL_COLORS",
    "check_page",
    "escape",
    "figure",
    "image_uri",
    "page",
    "table",
    "table_html",
]

LEVEL_COLORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    dict(
        zip(
            LEVELS,
            (
                ("#a3122a", "#ffffff"), ("#bd5209", "#ffffff"), ("#e9bd3a", "#1b1d21"),
                ("#14786b", "#ffffff"), ("#1e5cab", "#ffffff"),
            ),
            strict=True,
        )
    )
)  # fmt: skip
"""Per level, the color of its chip and of the text on it: red, orange, yellow, teal, blue differ
for every kind of color vision; contrast at least 4.5."""

_STYLE = """
:root{color-scheme:light dark;--bg:#f7f6f3;--card:#fff;--ink:#1b1d21;--soft:#5d626b;--line:#e2e0da;
--track:#e9e7e2;--bar:#7d8796;--cost:#c2410c;--focus:#1e5cab;--shade:#0003}
@media (prefers-color-scheme:dark){:root{--bg:#141518;--card:#1e2024;--ink:#eceae6;--soft:#a2a7b0;
--line:#32353b;--track:#33363d;--bar:#8a94a3;--cost:#fb923c;--focus:#7db3f5;--shade:#0009}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);-webkit-text-size-adjust:100%;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1240px;margin:0 auto;padding:40px 24px 56px}
h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:20px;line-height:1.3;margin:40px 0 12px}
p{margin:0 0 12px;max-width:75ch}
.lead,figcaption,footer,.soft{color:var(--soft)}
.lead{font-size:17px;overflow-wrap:anywhere}
code,pre{font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;
white-space:pre-wrap;overflow-wrap:anywhere}
a{color:inherit}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
figure{margin:24px 0}
figure img{display:block;max-width:100%;height:auto;border-radius:8px}
figcaption{font-size:14px;margin-top:8px;max-width:85ch}
img[src^="data:image/svg"]{width:100%;max-width:720px;background:#fff;border:1px solid #e2e0da}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));
gap:28px 32px;align-items:start}
.plots figure{margin:0}
.plots img[src^="data:image/svg"]{max-width:none}
figure h3{font-size:16px;margin:0 0 8px}
@media (prefers-color-scheme:dark){img[src^="data:image/svg"]{filter:invert(.885) hue-rotate(180deg)
}}
.wide{overflow-x:auto;margin:16px 0;background:
linear-gradient(90deg,var(--bg) 40%,transparent) 0/40px 100% no-repeat local,
linear-gradient(270deg,var(--bg) 40%,transparent) 100%/40px 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) 0/12px 100% no-repeat,
linear-gradient(270deg,var(--shade),transparent) 100%/12px 100% no-repeat}
.note{font-size:13.5px;color:var(--soft);max-width:110ch;overflow-wrap:anywhere}
ul.notes{padding-left:20px;max-width:85ch}
table{border-collapse:collapse;font-size:14.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:14px;padding-bottom:8px}
th,td{padding:6px 22px 6px 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td{white-space:nowrap}
th{font-weight:600;white-space:nowrap}
th.n,.n{text-align:right}
footer{margin-top:48px;padding-top:16px;border-top:1px solid var(--line);font-size:14px;
overflow-wrap:anywhere}
@media (max-width:600px){main{padding:24px 16px 40px}h1{font-size:25px}.lead{font-size:16px}}
@media print{body,.wide{background:#fff}img[src^="data:image/svg"]{filter:none}}
"""


def check_page(path: PathLike, name: str = "html") -> None:
    """Refuses a page that could not be written, before the work begins.

    Raises:
        InputError: a folder, or a name without .html; `name` is what the option is called.
    """
    file = Path(path)
    if file.suffix.lower() not in (".html", ".htm") or file.is_dir():
        raise InputError(f"{name} must be a file that ends in .html, got {os.fspath(path)!r}.")


def escape(text: object) -> str:
    """Returns `text` safe inside HTML and inside a quoted attribute.

    >>> escape('<script>"')
    '&lt;script&gt;&quot;'
    """
    return html.escape(printable(str(text)), quote=True)


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def figure(uri: str, caption: str, *, alt: str) -> str:
    """Returns an image with its caption; `caption` and `alt` are plain text."""
    return (
        f'<figure><img src="{escape(uri)}"'
        f' alt="{escape(alt)}"><figcaption>{escape(caption)}</figcaption></figure>'
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    caption: str = "",
    digits: int | None = None,
) -> str:
    """Returns an HTML table of plain-text cells; a column of numbers stands right.

    It scrolls by itself where it is too wide, with the keyboard too.

    Args:
        columns: the headings.
        rows: cells of any type; None is shown as a dash, a float with four significant digits.
        caption: plain text over the table.
        digits: of floats, after the point.

    Raises:
        ShapeError: where a row has another number of cells than there are columns.
    """
    cells = [list(row) for row in rows]
    for row in cells:
        if len(row) != len(columns):
            raise ShapeError(
                f"rows must have {len(columns)} cells like the columns, got {len(row)}."
            )
    right = [
        all(is_number(row[k]) or row[k] is None for row in cells) and bool(cells)
        for k in range(len(columns))
    ]
    side = [' class="n"' if here else "" for here in right]
    head = "".join(
        f'<th scope="col"{a}>{escape(name)}</th>' if name else "<td></td>"
        for a, name in zip(side, columns, strict=True)
    )
    lines = [
        "".join(f"<td{a}>{escape(shown(v, digits))}</td>" for a, v in zip(side, row, strict=True))
        for row in cells
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    name = escape(caption or "Table of " + ", ".join(filter(None, columns)))
    return (
        f'<div class="wide" role="group" tabindex="0" aria-label="{name}"><table>{title}<thead>'
        f"<tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def table_html(table_: Table) -> str:
    """Returns a table as HTML, without its title and note."""
    return table(table_.columns, table_.rows, digits=table_.digits)


def page(
    title: str,
    body: str,
    *,
    lead: str = "",
    footer: str = "",
    style: str = "",
    script: str = "",
    language: str = "en",
) -> str:
    """Returns a whole HTML document.

    Args:
        title: plain text, the heading and the tab's name.
        body: HTML made by the caller from escaped parts; goes in as it is.
        lead: plain text under the heading.
        footer: plain text at the end: the command, the version, the protocol.
        style: more CSS, after the shell's own.
        script: JavaScript of this package, the only one that the page may run; no part of it may
            come from a reader's files.
        language: of the text, one of fiqa.languages.LANGUAGES.

    >>> page("a < b", "<p>text</p>").count("a &lt; b")
    2
    """
    allowed = f"; script-src 'sha256-{_sha256(script)}'" if script else ""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'{allowed}">
<title>{escape(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<main>
<header><h1>{escape(title)}</h1>{f'<p class="lead">{escape(lead)}</p>' if lead else ""}</header>
{body}
{f"<footer>{escape(footer)}</footer>" if footer else ""}
</main>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""
