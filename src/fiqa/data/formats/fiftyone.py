"""CSV that FiftyOne's CSV importer reads: a column `filepath`, then one column per field."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from fiqa.data.formats.source import read_text, write_whole
from fiqa.data.reading import reader
from fiqa.errors import InputError, ReadError, ShapeError
from fiqa.types import PathLike

__all__ = ["cell", "read", "write"]


def write(path: PathLike, filepath: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> None:
    """Writes one row per image, whole or not at all; a missing value is an empty cell.

    Args:
        path: where.
        filepath: N paths, as they are to be opened.
        fields: name -> N values: numbers, text, true or false, None.

    Raises:
        InputError: a field named `filepath`.
        ShapeError: lengths that differ.
        WriteError: the disk refused.
    """
    if "filepath" in fields:
        raise InputError("fields must not hold `filepath`, which the paths take.")
    write_whole(path, table_text("filepath", filepath, fields).encode("utf-8", "surrogateescape"))


def table_text(first: str, names: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> str:
    """Returns the text of a CSV.

    Args:
        first: the name of the first column.
        names: its N cells.
        fields: name -> N values of each further column.

    Raises:
        ShapeError: a field of another length.
    """
    for name, values in fields.items():
        if len(values) != len(names):
            raise ShapeError(f"fields[{name!r}] must have {len(names)} values, got {len(values)}.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([first, *fields])
    writer.writerows(
        [name, *map(cell, row)] for name, *row in zip(names, *fields.values(), strict=True)
    )
    return text.getvalue()


def cell(value: Any) -> str:
    """Returns a value as text: None is empty, a list is joined by `;`.

    Args:
        value: a number, text, true or false, a list of these, None.

    >>> cell(None), cell(0.5), cell(["a", "b"])
    ('', '0.5', 'a;b')
    """
    # NaN is the only value that differs from itself.
    if value is None or value != value:
        return ""
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@reader
def read(path: PathLike, *, first: str = "filepath") -> tuple[list[str], dict[str, list[str]]]:
    """Returns (paths, field -> cells as text) of such a CSV.

    Args:
        path: the file.
        first: the name that its first column must have.

    Raises:
        ReadError: another first column, or rows of different lengths.
    """
    rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    if rows[0][:1] != [first] or any(len(row) != len(rows[0]) for row in rows):
        raise ReadError(
            f"{os.fspath(path)!r} must be a CSV with the column {first!r} first.",
            status="unsupported_format",
        )
    columns = (
        dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True))
        if len(rows) > 1
        else {}
    )
    return columns.pop(first, []), columns
