"""How nouns show themselves in a notebook: small HTML tables and line drawings, as text."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import ShapeError
from fiqa.functional.table import printable, shown
from fiqa.vocabulary import STATUSES

__all__ = [
    "columns_html",
    "counts_line",
    "facts_html",
    "failure_line",
    "histogram_svg",
    "image_uri",
    "steps_svg",
]

_WIDTH, _HEIGHT = 320, 150
_INK, _SOFT = "#1e5cab", "#8a94a3"


def counts_line(values: Iterable[str]) -> str:
    """Returns how often each value occurs, the commonest first.

    Args:
        values: any number of words.

    >>> counts_line(["ok", "no_face", "ok"])
    '2 ok, 1 no_face'
    """
    names, counts = np.unique(np.asarray(list(values), dtype=np.str_), return_counts=True)
    # Equal counts by name, so that the line is always the same.
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    return ", ".join(f"{counts[i]:,} {names[i]}" for i in order)


def failure_line(
    paths: Iterable[str], statuses: Iterable[str], messages: Iterable[str] | None = None
) -> str:
    """Returns the first row that is not ok, and why; "" without any.

    Args:
        paths: of each row.
        statuses: of each row, as in fiqa.vocabulary.STATUSES.
        messages: why, of each row; None is what its status means.

    >>> failure_line(["a.jpg", "b.jpg"], ["ok", "not_found"])
    "the first is 'b.jpg', not_found: There is no file at that path (or no longer)."
    """
    rows = list(zip(paths, statuses, strict=True))
    told = [""] * len(rows) if messages is None else messages
    for (path, status), message in zip(rows, told, strict=True):
        if status != "ok":
            words = message or STATUSES.get(str(status), "")
            return f"the first is {str(path)!r}, {status}: {words}"
    return ""


def facts_html(title: str, facts: Iterable[tuple[str, object]]) -> str:
    """Returns a heading and a table of name and value; empty values are left out.

    Args:
        title: the heading.
        facts: (name, value) of each row.

    >>> "<td>iso</td>" in facts_html("Curve", [("protocol", "iso"), ("note", "")])
    True
    """
    rows = [(name, value) for name, value in facts if value not in ("", None, ())]
    body = "".join(
        f"<tr><th style='text-align:left'>{_text(name)}</th><td>{_text(value)}</td></tr>"
        for name, value in rows
    )
    return f"<div><strong>{_text(title)}</strong><table>{body}</table></div>"


def image_uri(
    image: NDArray[np.uint8], form: Literal["jpeg", "png"] = "jpeg", *, quality: int = 82
) -> str:
    """Returns a data URI of an RGB image (H,W,3) uint8.

    Args:
        image: the pixels.
        form: "jpeg" for photographs, "png" for drawings.
        quality: of JPEG, 1..95.

    Raises:
        ShapeError: for another shape or dtype.
        UnknownNameError: for another form.
    """
    from PIL import Image

    pixels = checks.array(image, "image", shape=("H", "W", 3))
    if pixels.dtype != np.uint8:
        raise ShapeError(f"image must be uint8 RGB in 0..255, got {pixels.dtype}.")
    checks.choice(form, "form", ("jpeg", "png"))
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality} if form == "jpeg" else {"optimize": True}
    Image.fromarray(pixels).save(buffer, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def columns_html(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a heading and a table with a head row.

    Args:
        title: the heading.
        columns: the head row.
        rows: cells, as many as there are columns.
    """
    head = "".join(f"<th style='text-align:left'>{_text(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div><strong>{_text(title)}</strong><table><tr>{head}</tr>{body}</table></div>"


def steps_svg(x: ArrayLike, y: ArrayLike, *, x_name: str, y_name: str) -> str:
    """Returns a step curve as SVG; both axes start at 0.

    Args:
        x: (K,) ascending, at least 0.
        y: (K,) at least 0.
        x_name: what x is, written below.
        y_name: what y is, written above.
    """
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(across) > 400:  # more points than pixels say nothing more
        chosen = np.unique(np.linspace(0, len(across) - 1, 400).astype(np.int64))
        across, up = across[chosen], up[chosen]
    # A curve that is 0 throughout still has axes to be drawn on.
    right, top = max(float(across.max()), 1e-12), max(float(up.max()), 1e-12)
    # 40 pixels at the left and 30 below are kept for words.
    px, py = 40 + across / right * (_WIDTH - 50), 120 - up / top * 100
    path = f"M{px[0]:.1f} {py[0]:.1f}" + "".join(
        f"H{a:.1f}V{b:.1f}" for a, b in zip(px[1:], py[1:], strict=True)
    )
    line = f'<path d="{path}" fill="none" stroke="{_INK}" stroke-width="1.5"/>'
    return _svg(line, f"{right:.3g}", f"{top:.3g}", x_name, y_name)


def histogram_svg(values: ArrayLike, *, name: str, bins: int = 30) -> str:
    """Returns a histogram as SVG.

    Args:
        values: (N,) numbers; may be empty.
        name: what they are, written below.
        bins: how many bars.
    """
    data = np.asarray(values, np.float64)
    counts, edges = np.histogram(data, bins=bins) if len(data) else (np.zeros(bins), np.zeros(2))
    tallest, step = max(int(counts.max(initial=0)), 1), (_WIDTH - 50) / bins
    bars = "".join(
        f'<rect x="{40 + i * step:.1f}" y="{120 - 100 * n / tallest:.1f}" '
        f'width="{step * 0.9:.1f}" height="{100 * n / tallest:.1f}" fill="{_INK}"/>'
        for i, n in enumerate(counts)
    )
    low = f"{edges[0]:.3g} .. " if len(data) else ""
    return _svg(bars, f"{low}{edges[-1]:.3g}", f"{tallest:,}", name, "faces")


def _svg(content: str, right: str, top: str, x_name: str, y_name: str) -> str:
    axes = f'<path d="M40 20V120H{_WIDTH - 10}" fill="none" stroke="{_SOFT}"/>'
    words = (
        f'<text x="36" y="26" text-anchor="end">{html.escape(top)}</text>'
        f'<text x="{_WIDTH - 10}" y="134" text-anchor="end">{html.escape(right)}</text>'
        f'<text x="40" y="146">{html.escape(x_name)}</text>'
        f'<text x="40" y="14">{html.escape(y_name)}</text>'
    )
    style = f'font-family="sans-serif" font-size="10" fill="{_SOFT}"'
    box = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">{axes}{content}<g'
        f" {style}>{words}</g></svg>"
    )


def _text(value: object) -> str:
    return html.escape(printable(shown(value)))
