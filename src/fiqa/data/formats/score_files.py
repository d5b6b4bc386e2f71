"""Score files of other tools: `path score` lines, CSV with a file-name column, OFIQ CSV, and
pickled dicts of name to number.

What a file is shows in its content, not in its suffix. A failure (an empty cell, None, -1 in OFIQ)
is absent from the scores and counted.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqa.data.columns import cells, delimiter_of, plain_name
from fiqa.data.formats import ofiq
from fiqa.data.formats.safe_pickle import load
from fiqa.data.formats.source import TEXT_LIMIT, read_bytes, text_of
from fiqa.data.reading import reader, reading
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["NAME_COLUMNS", "VALUE_COLUMNS", "NamedScores", "choose_column", "named_scores", "read"]

NAME_COLUMNS = ("id", "filename", "file_name", "filepath", "path", "image", "file", "img", "name")
"""Columns that name the image, the first that is there; case does not matter."""

VALUE_COLUMNS = ("raw", "value", "score", "quality", "quality_score", "uqs")
"""Columns that hold the quality, the first that is there; case does not matter."""

_FAILED = ("", "none", "null", "na", "n/a")
_PICKLES = (".pkl", ".pickle", ".p")


class NamedScores(NamedTuple):
    """The scores of a file.

    Attributes:
        name: as the file has them.
        value: (N,) float64, finite.
        failed: rows without a number.
        column: where the numbers stood.
    """

    name: list[str]
    value: NDArray[np.float64]
    failed: int
    column: str


@reader
def read(path: PathLike, *, column: str | None = None) -> NamedScores:
    """Returns the scores of a file, whichever of the forms above it has.

    Args:
        path: the file.
        column: the column of numbers, for a CSV that has more than one candidate.

    Raises:
        UnsafeFileError: a pickle of anything but plain data.
        ReadError: not a score file, or a row that has no number where one must stand.
        InputError: a name twice, NaN or infinity, no such column.
    """
    where = os.fspath(path)
    data = read_bytes(path, limit=TEXT_LIMIT)
    if data[:1] == b"\x80" or where.lower().endswith(_PICKLES):
        return _from_pickle(data, where)
    text = text_of(data, where)
    # -1 % (n + 1) is n: a text without a line break is its own first line.
    first = text[: text.find("\n") % (len(text) + 1)].strip("\r")
    fields = list(map(plain_name, cells(first)))
    if ofiq.is_header(first) and not set(fields) & set(VALUE_COLUMNS):
        with reading(where):
            table = ofiq.parse(text)
        names, values, used = table.select(column)
        return named_scores(names, values, where=where, column=used)
    if len(fields) > 1 and any(name in fields for name in NAME_COLUMNS):
        return _from_csv(text, where, column)
    if column is not None:
        raise InputError(f"column must be None for {where!r}, which has no header; got {column!r}.")
    return _from_lines(text, where)


def named_scores(
    names: Sequence[str], values: Sequence[Any], *, where: str, column: str
) -> NamedScores:
    """Returns rows of (name, number or nothing) as NamedScores.

    Args:
        names: N names.
        values: N cells of any kind.
        where: the file, for the message.
        column: where the numbers stood.

    Raises:
        ReadError: a value that is no number.
        InputError: a name twice or empty, NaN or infinity.

    >>> named_scores(["a", "b"], ["0.5", ""], where="x.csv", column="score")[:1]
    (['a'],)
    """
    if len(set(names)) != len(names) or "" in names:
        earlier: set[str] = set()
        # set.add returns None, so a new name is remembered and passed over
        twice = next(n for n in names if n in earlier or n == "" or earlier.add(n))  # type: ignore[func-returns-value]
        raise InputError(
            f"{where!r} must name each image once, got {twice!r} "
            + ("twice." if twice else "(no name).")
        )
    kept: list[str] = []
    numbers: list[float] = []
    for row, (name, value) in enumerate(zip(names, values, strict=True), 1):
        number = _number(value, where, row, column)
        if number is not None:
            kept.append(name)
            numbers.append(number)
    wrong = next(
        (name for name, number in zip(kept, numbers, strict=True) if not math.isfinite(number)),
        None,
    )
    if wrong is not None:
        raise InputError(
            f"{where!r} must hold finite numbers in {column!r}, got NaN or infinity for {wrong!r}.",
            hint="leave the cell of a failed image empty",
        )
    return NamedScores(kept, np.array(numbers, np.float64), len(names) - len(kept), column)


def choose_column(
    columns: Sequence[str], usual: Sequence[str], asked: str | None, where: str
) -> str | None:
    """Returns the column that was asked for, or the first of the usual ones, or None.

    Case and spaces around a name make no difference.

    Args:
        columns: those of the file.
        usual: names to look for where none was asked for, in plain form.
        asked: the name that was asked for, or None.
        where: the file, for the message.

    Raises:
        InputError: what was asked for is not there.

    >>> choose_column(["Path", "Score"], ("path",), None, "x.csv")
    'Path'
    """
    lower = {plain_name(name): name for name in reversed(columns)}
    if asked is not None:
        if asked not in columns and plain_name(asked) not in lower:
            raise InputError(
                f"column must be one of {where!r}: {', '.join(columns)}; got {asked!r}."
            )
        return asked if asked in columns else lower[plain_name(asked)]
    return next((lower[name] for name in usual if name in lower), None)


def _number(value: Any, where: str, row: int, column: str) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _FAILED):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ReadError(
            f"{where!r} row {row} must have a number in {column!r}, got {str(value)[:40]!r}."
        ) from error


def _from_pickle(data: bytes, where: str) -> NamedScores:
    with reading(where):
        value = load(data)
    if not isinstance(value, Mapping):
        raise ReadError(
            f"{where!r} must hold a dict of name to number.", status="unsupported_format"
        )
    names = [
        key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else key for key in value
    ]
    if any(isinstance(number, str | bytes) for number in value.values()):
        raise ReadError(
            f"{where!r} must hold a dict of name to number, it holds text.",
            status="unsupported_format",
        )
    return named_scores(names, list(value.values()), where=where, column="value")


def _from_csv(text: str, where: str, column: str | None) -> NamedScores:
    apart = delimiter_of(text.split("\n", 1)[0])
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=apart) if row]
    header = [cell.strip() for cell in rows[0]]
    name = choose_column(header, NAME_COLUMNS, None, where)
    used = choose_column(header, VALUE_COLUMNS, column, where)
    others = [cell for cell in header if cell != name]
    if used is None and len(others) == 1:
        used = others[0]
    if used is None or name is None:
        raise InputError(
            f"{where!r} must have a column of quality, it has {', '.join(header)}.",
            hint="column= says which; fiqa convert FILE OUT.csv --column NAME makes a table of one",
        )
    short = next((i for i, row in enumerate(rows) if len(row) < len(header) - 1), None)
    if short is not None:
        raise ReadError(
            f"{where!r} row {short} must have {len(header)} cells, got {len(rows[short])}.",
            status="corrupt",
        )
    name_place, value_place = header.index(name), header.index(used)
    values = [row[value_place] if value_place < len(row) else "" for row in rows[1:]]
    return named_scores([row[name_place] for row in rows[1:]], values, where=where, column=used)


def _from_lines(text: str, where: str) -> NamedScores:
    names, values = [], []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip("\r")
        if not line.strip():
            continue
        name, value = _split(line)
        if name is None:
            raise ReadError(
                f"{where!r} line {number} must be `path score`, got {line[:60]!r}.",
                status="unsupported_format",
            )
        names.append(name)
        values.append(value)
    if not names:
        raise ReadError(
            f"{where!r} must hold `path score` lines, it holds none.", status="unsupported_format"
        )
    return named_scores(names, values, where=where, column="score")


def _split(line: str) -> tuple[str | None, str]:
    """Returns (path, number) of a line.

    The path may hold spaces; the number follows the last space, tab or comma.
    """
    # White space first: a comma separates only where no white space does.
    for parts in (line.rsplit(None, 1), line.rsplit(",", 1)):
        try:
            float(parts[-1])
        except ValueError:
            continue
        if len(parts) == 2 and parts[0].strip():
            return parts[0].strip(" \t,"), parts[1]
    return None, ""
