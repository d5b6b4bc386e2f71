"""Rows of text tables: cells of CSV and JSON lines, and the types that their text shows."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl

from fiqa.data import columns
from fiqa.data.columns import TEXT, typed

__all__ = ["WRITTEN_AS", "json_rows", "of_kind", "text_cells", "typed_cells"]

WRITTEN_AS = {
    "truth": r"^(true|false)$",
    # Eighteen digits always fit in 64 bits; a leading zero makes a name, as 007 is.
    "whole": r"^-?(0|[1-9][0-9]{0,17})$",
    "fraction": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$",
}
"""What a column's cells are, and how each of them is written; the first that fits all counts."""
_TYPES = {"whole": pl.Int64, "fraction": pl.Float64}
_DEEPEST = 32
"""Levels of nesting in a JSON line."""


def text_cells(text: bytes, suffix: str) -> pl.DataFrame:
    """Returns the cells of a CSV, all of them text.

    Args:
        text: in UTF-8.
        suffix: of the file, in lower case.
    """
    apart = columns.delimiter_of(text.split(b"\n", 1)[0], suffix)
    cells = _unquoted(pl.read_csv(text, infer_schema=False, separator=apart), text, apart)
    if any(name != name.strip() for name in cells.columns):  # `path, score`
        return cells.with_columns(pl.all().str.strip_chars())
    return cells


def _unquoted(cells: pl.DataFrame, text: bytes, apart: str) -> pl.DataFrame:
    """A frame whose names have their quotes once: polars leaves those of a header doubled."""
    if not any('"' in name for name in cells.columns):
        return cells
    lines = io.StringIO(text.decode("utf-8", "replace"), newline="")
    header = next(csv.reader(lines, delimiter=apart))
    return cells.rename(
        {
            name: plain
            for name, plain in zip(cells.columns, header, strict=False)
            if '"' in name and plain not in cells.columns
        }
    )


def json_rows(text: bytes) -> list[dict[str, Any]]:
    """Returns the rows of JSON lines.

    Args:
        text: in UTF-8.

    Raises:
        ValueError: a line that is no JSON object, or that nests too deep.
    """
    rows = [_parsed(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line is not a JSON object")
    return rows


def _parsed(line: bytes) -> Any:
    """Returns the value of a JSON line; raises ValueError where it nests too deep.

    polars would take minutes and gigabytes to find its type.
    """
    value = json.loads(line)
    if line.count(b"[") + line.count(b"{") > _DEEPEST and not _shallow(value, _DEEPEST):
        raise ValueError(f"a value nests more than {_DEEPEST} deep")
    return value


def _shallow(value: Any, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not inner or (left > 0 and all(_shallow(item, left - 1) for item in inner))


def typed_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Returns a frame whose numbers and truth values have their type.

    A column has one only where every cell is written as one.

    Args:
        frame: of text.
    """
    return frame.with_columns(
        column if column.name in TEXT else _typed_column(column) for column in frame.get_columns()
    )


def _typed_column(column: pl.Series) -> pl.Series:
    cells = column.drop_nulls()
    if not len(cells):
        return typed(column)
    kind = next((name for name, cell in WRITTEN_AS.items() if cells.str.contains(cell).all()), "")
    return of_kind(column, kind)


def of_kind(column: pl.Series, kind: str) -> pl.Series:
    """Returns a column of text in the type that its cells are written as.

    Args:
        column: of text.
        kind: a key of WRITTEN_AS; any other leaves it text.
    """
    if kind == "truth":
        return column == "true"
    return column.cast(_TYPES[kind]) if kind in _TYPES else column
