"""Drawing scores into a PNG: text that fits, level chips, factor bars, crops; the ladder picture.

Pillow draws; the typeface is the DejaVu Sans that comes with matplotlib, found without importing
it.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fiqa.data.store import atomic_path
from fiqa.errors import ShapeError
from fiqa.functional.table import printable
from fiqa.report.page import LEVEL_COLORS

__all__ = ["COLORS", "Picture", "save_ladders_png"]

COLORS = {
    "page": "#ffffff", "panel": "#f6f5f2", "ink": "#1b1d21", "soft": "#5d626b",
    "track": "#e2e0da", "bar": "#7d8796", "cost": "#b83a06",
}  # fmt: skip
"""The light colors of report/page.py, by what they are for."""


@lru_cache(maxsize=32)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    spec = importlib.util.find_spec("matplotlib")
    folder = Path((spec.submodule_search_locations or ["."])[0]) if spec else Path()
    file = folder / "mpl-data" / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    return ImageFont.truetype(str(file), size)


class Picture:
    """A white canvas of `width` x `height` pixels.

    Coordinates are the upper left corner of what is drawn.
    """

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), COLORS["page"])
        self._draw = ImageDraw.Draw(self._image)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """What is drawn so far, (H,W,3) uint8."""
        return np.asarray(self._image).copy()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int,
        *,
        bold: bool = False,
        color: str = "ink",
        width: float = math.inf,
        middle: bool = False,
    ) -> float:
        """Draws one line and returns how wide it became.

        It is shortened with an ellipsis where it is wider than `width`, and stands about `x` where
        `middle`.
        """
        font, line = _font(size, bold), printable(text)
        if font.getlength(line) > width:
            while line and font.getlength(line + "…") > width:
                line = line[:-1]
            line += "…"
        used = float(font.getlength(line))
        self._draw.text(
            (x - used / 2 if middle else x, y), line, font=font, fill=COLORS.get(color, color)
        )
        return used

    def paragraph(
        self, x: float, y: float, text: str, size: int, *, width: float, lines: int = 3
    ) -> None:
        """Draws soft text broken into at most `lines` lines of `width`."""
        font, rows = _font(size, False), [""]
        for word in printable(text).split():
            longer = f"{rows[-1]} {word}".strip()
            if font.getlength(longer) <= width:
                rows[-1] = longer
            else:
                rows.append(word)
        for k, row in enumerate(rows[:lines]):
            self.text(x, y + k * size * 1.3, row, size, color="soft", width=width)

    def _round(
        self, x: float, y: float, width: float, height: float, radius: float, color: str
    ) -> None:
        """Draws a rounded rectangle with smooth corners: a mask at four times the size, scaled
        down."""
        # Pillow draws edges without smoothing: scaling down makes it.
        size = (round(width), round(height))
        mask = Image.new("L", (4 * size[0], 4 * size[1]))
        ImageDraw.Draw(mask).rounded_rectangle(
            (0, 0, 4 * size[0] - 1, 4 * size[1] - 1), 4 * radius, fill=255
        )
        self._image.paste(color, (round(x), round(y)), mask.resize(size, Image.Resampling.BOX))

    def panel(self, x: float, y: float, width: float, height: float) -> None:
        """Draws a rounded light panel."""
        self._round(x, y, width, height, 10, COLORS["panel"])

    def chip(
        self, x: float, y: float, level: str, *, text: str | None = None, width: float | None = None
    ) -> None:
        """Draws a rounded chip, 20 pixels high, in the level's color with its name or `text`."""
        back, ink = LEVEL_COLORS[level]
        label = level if text is None else text
        wide = _font(12, True).getlength(label) + 18 if width is None else width
        self._round(x, y, wide, 20, 10 if width is None else 5, back)
        self.text(x + wide / 2, y + 3, label, 12, bold=True, color=ink, middle=True)

    def bar(
        self, x: float, y: float, width: float, value: float | None, *, color: str = "bar"
    ) -> None:
        """Draws a bar filled to `value` in 0..1; an empty track where it is None."""
        self._round(x, y, width, 6, 3, COLORS["track"])
        if value is not None and value > 0.02:
            self._round(x, y, max(6.0, width * min(value, 1)), 6, 3, COLORS[color])

    def crop(self, x: int, y: int, crop: NDArray[np.uint8] | None, cell: int) -> None:
        """Draws a crop scaled to `cell` pixels, or an empty field where there is none."""
        if crop is None:
            self._round(x, y, cell, cell, 6, COLORS["track"])
            return
        picture = Image.fromarray(crop)
        self._image.paste(
            (
                picture
                if crop.shape[0] == cell
                else picture.resize((cell, cell), Image.Resampling.LANCZOS)
            ),
            (x, y),
        )

    def save(self, path: str | Path, *, colors: int | None = None) -> None:
        """Writes the picture as PNG, whole or not at all.

        Args:
            path: the file.
            colors: 2..256 for a palette, which makes about a third of the size; None for all.
        """
        image = (
            self._image
            if colors is None
            else self._image.quantize(colors, method=Image.Quantize.MEDIANCUT, kmeans=2)
        )
        with atomic_path(path) as aside:
            image.save(aside, "png", optimize=True)


def save_ladders_png(
    ladders: Mapping[str, Sequence[tuple[NDArray[np.uint8], Mapping[str, Any]]]],
    path: str | Path,
    *,
    title: str,
    lead: str,
    labels: Sequence[str],
    cell: int = 112,
    colors: int | None = None,
) -> None:
    """Writes the ladder picture: a row per kind of degradation, a column per strength.

    Under each crop stand a chip of its score and its first reason.

    Args:
        ladders: heading -> one (crop, row of the score table) per column.
        path: the PNG to write.
        title, lead: the two lines on top.
        labels: what stands over each column.
        cell: pixels per crop.
        colors: see Picture.save.

    Raises:
        ShapeError: a ladder with another number of crops than there are labels.
    """
    side, gap, top, pitch = 176, 12, 134, cell + 58
    picture = Picture(side + len(labels) * (cell + gap) + 20, top + len(ladders) * pitch + 4)
    room = side + len(labels) * (cell + gap) - 24
    picture.text(24, 22, title, 24, bold=True, width=room)
    picture.text(24, 58, lead, 14, color="soft", width=room)
    for column, label in enumerate(labels):
        picture.text(
            side + column * (cell + gap) + cell / 2, top - 30, label, 13, color="soft", middle=True
        )
    for line, (heading, rungs) in enumerate(ladders.items()):
        if len(rungs) != len(labels):
            raise ShapeError(
                f"ladders[{heading!r}] must have {len(labels)} crops like the labels, got"
                f" {len(rungs)}."
            )
        y = top + line * pitch
        first, _, second = heading.partition("\n")
        picture.text(24, y + cell / 2 - 20, first, 16, bold=True, width=side - 36)
        picture.text(24, y + cell / 2 + 4, second, 13, color="soft", width=side - 36)
        for column, (crop, row) in enumerate(rungs):
            x = side + column * (cell + gap)
            picture.crop(x, y, crop, cell)
            picture.chip(
                x, y + cell + 4, str(row["level"]), text=f"{row['uqs']}  {row['level']}", width=cell
            )
            reasons = list(row.get("reasons") or ())
            note = reasons[0].replace("_", " ") if reasons else ""
            picture.text(
                x + cell / 2, y + cell + 28, note, 12, color="soft", width=cell, middle=True
            )
    picture.save(path, colors=colors)
