"""A table of results, once: as text for a terminal, as Markdown, CSV and JSON.

CSV and JSON keep full precision.

Its HTML is fiqa.report.page.table_html.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fiqa.errors import ShapeError

__all__ = ["Table", "file_stem", "is_number", "printable", "shown"]

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table of results.

    Attributes:
        name: a file stem.
        title: above the table.
        columns: their names.
        rows: of cells; None is not known.
        note: protocol and counts, below the table.
        digits: of floats, after the point.

    Raises:
        ShapeError: where a row has another number of cells than there are columns.

    >>> areas = [["a", 0.25], ["b", None]]
    >>> print(Table("t", "Areas", ("method", "area"), areas, note="iso").text())
    Areas
      method   area
      a       0.250
      b           –
      iso
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    digits: int = 3

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ShapeError(
                    f"rows must have {len(self.columns)} cells like the columns, got {len(row)}."
                )

    def _cells(self) -> list[list[str]]:
        return [[printable(shown(cell, self.digits)) for cell in row] for row in self.rows]

    def _right(self) -> list[bool]:
        """Which columns hold numbers."""
        return [
            any(isinstance(row[k], int | float) for row in self.rows)
            and not any(isinstance(row[k], str) for row in self.rows)
            for k in range(len(self.columns))
        ]

    def text(self) -> str:
        """Returns the table with aligned columns under its title, its note below."""
        lines = [list(self.columns), *self._cells()]
        wide = [max(len(line[k]) for line in lines) for k in range(len(self.columns))]
        right = self._right()
        body = [
            "  "
            + "  ".join(
                c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, wide, right, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *body, *([f"  {self.note}"] if self.note else [])])

    def markdown(self) -> str:
        """Returns the table in Markdown, its title above and its note below."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        rule = "|" + "|".join("---:" if right else "---" for right in self._right()) + "|"
        rows = [line(self.columns), rule, *(line(cells) for cells in self._cells())]
        return (
            "\n".join([f"**{self.title}**", "", *rows, *(["", self.note] if self.note else [])])
            + "\n"
        )

    def csv(self) -> str:
        """Returns the table as CSV in full precision, an empty cell where a number is missing."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            writer.writerow([printable(cell) if isinstance(cell, str) else cell for cell in row])
        return stream.getvalue()

    def json(self) -> dict[str, Any]:
        """Returns the table as plain data."""
        rows = [
            [None if isinstance(c, float) and not math.isfinite(c) else c for c in row]
            for row in self.rows
        ]
        return {
            "name": self.name,
            "title": self.title,
            "columns": list(self.columns),
            "rows": rows,
            "note": self.note,
        }


def printable(text: str) -> str:
    """Returns a text with every character that would not show as itself as its escape.

    Those are controls, direction marks and lone surrogates.

    Args:
        text: any text.

    >>> printable("a\\nb\\u202e.jpg")
    'a\\\\nb\\\\u202e.jpg'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def is_number(value: object) -> bool:
    """Returns whether a cell holds a number (a bool is none).

    Args:
        value: of a cell.
    """
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def shown(value: object, digits: int | None = None) -> str:
    """Returns a cell as text: None a dash, large integers with thousands apart.

    Args:
        value: of the cell.
        digits: of a float after the point; None is four significant ones.

    >>> shown(0.5), shown(0.5, 3), shown(12000), shown(None)
    ('0.5', '0.500', '12,000', '–')
    """
    if value is None:
        return "–"
    # numpy's floats too: they would print with their type.
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if digits is None else f"{value:.{digits}f}"
    return f"{value:,}" if is_number(value) and abs(int(value)) >= 10_000 else str(value)  # type: ignore[call-overload]


def file_stem(name: str, names: Sequence[str]) -> str:
    """Returns a name with only letters, digits, dot, dash and underscore.

    It is numbered where two names would become equal.

    Args:
        name: one of `names`.
        names: all of them.

    >>> file_stem("a b", ["a/b", "a b"]), file_stem("x", ["x"])
    ('a_b-2', 'x')
    """
    safe = [
        "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in other)[:80]
        for other in names
    ]
    # Only equal names before it count, so the first of them stays as it is.
    place = list(names).index(name)
    twin = safe[:place].count(safe[place])
    return f"{safe[place]}-{twin + 1}" if twin else safe[place]
