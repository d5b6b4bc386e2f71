"""The columns of every table: which one a name means, however a foreign tool has spelled it, and
what type it has.

A byte-order mark, spaces around a name and the case of a name that our tables have make no
difference; all other names stay as they are. This is the only place that knows this.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.formats.source import utf8_of
from fiqa.data.reading import reader
from fiqa.data.store import open_regular
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike
from fiqa.vocabulary import FACTORS

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "DELIMITERS",
    "MEASURES",
    "OF_FILES",
    "PEOPLE",
    "PERHAPS_PEOPLE",
    "TEXT",
    "canonical",
    "cells",
    "delimiter_of",
    "identity_like",
    "identity_missing",
    "is_ours",
    "measures",
    "numbers",
    "of_file",
    "plain_name",
    "typed",
]

DELIMITERS = (",", ";", "\t")
"""What may stand between the cells of a text table; the header shows which."""

PEOPLE = ("identity", "identities", "person", "people", "personid", "subject", "subjectid",
          "identityid", "individual", "celebrity", "actor", "driver", "who", "pid")  # fmt: skip
"""Words that name people, in the names that other tools give the column called `identity` here."""
PERHAPS_PEOPLE = ("name", "label", "class", "user", "target", "category")
"""Words that may name people, and files, classes and accounts as well."""
_NO_PERSON = frozenset(
    ("num", "n", "count", "number", "index", "score", "quality", "confidence", "box", "bbox",
     "visible", "detected", "size", "file", "path")
)  # fmt: skip
"""Words beside which a person is counted, measured or located, and not named."""

MEASURES: Mapping[str, int] = MappingProxyType(
    {"landmarks": 10, "eye_distance": 0, "inside": 0, "roll": 0}
)
"""Columns of a manifest of crops that must be numbers: how many in a cell, 0 for one that is no
list."""

TEXT = frozenset(
    (
        "id", "id_a", "id_b", "path", "source", "identity", "split", "track", "status", "reasons",
        "advice", "level", "message", "sha256", "source_sha256", "duplicate_of", "detector",
        "notes", "model", "model_sha256", "preprocess", "format", "mode", "modality", "method",
        "template", "recognizer",
    )
)  # fmt: skip
"""Columns that are text whatever their cells look like (an identity may be named 007)."""

_NUMBERS = ("raw", "score", "match_chance", "confidence", "inside", "eye_distance", "roll")
_WHOLE = ("uqs", "face_index", "frame", "turn")
_LISTS = ("bbox", "landmarks")
_NAMES = frozenset(
    (
        *TEXT, *_NUMBERS, *_WHOLE, *_LISTS,
        "factors", "grey", "kind", "mated", "fold", "value", "vector", "norm", "measures", "chosen",
        "width", "height", "bits", "frames", "bytes",
    )
)  # fmt: skip
OF_FILES = frozenset(
    (
        "source", "source_sha256", "sha256", "duplicate_of", "format", "mode", "bits", "bytes",
        "frames", "width", "height", "grey", "notes", "face_index", "bbox", "confidence",
        "landmarks", "inside", "eye_distance", "detector", "turn", "roll",
    )
)  # fmt: skip
"""Columns that say something of a file or of the face in it, as scan and align found it."""

_VALUES = frozenset(("quality", "quality_score"))
"""Names by which a number of quality is read, besides those of our tables."""
_TRAVELERS = frozenset(("track", "frame", "modality"))
"""Columns of ours that a manifest tells and no verb computes."""
SPREAD = ("factor_", "measure_", "bbox_", "landmark_", "match_chance_")
"""Beginnings of the names of columns: of nested ones in text tables, and of a calibration's."""
_HEAD = 1 << 16
"""Bytes in which the first line of a text table must end."""
_AROUND = " \t\r\n\v\f\u00a0\ufeff"


def plain_name(name: str) -> str:
    """Returns a name as names are compared: without byte-order mark and spaces, in lower case.

    Args:
        name: as a file or a user spells it.

    >>> plain_name("\ufeffIdentity "), plain_name(" File_Name")
    ('identity', 'file_name')
    """
    return name.strip(_AROUND).lower()


def is_ours(name: str) -> bool:
    """Tells whether a table of ours means something by a name; other columns are the user's.

    Args:
        name: as `canonical` spells it.

    >>> is_ours("score"), is_ours("camera"), is_ours("track"), is_ours("factor_blur")
    (True, False, False, True)
    """
    if name in _TRAVELERS:
        return False
    known = name in _NAMES or name in OF_FILES or plain_name(name) in _VALUES
    return known or name.startswith(SPREAD)


@cache
def _types() -> Mapping[str, pl.DataType]:
    """Name -> the type that our tables have for it."""
    import polars as pl

    number, whole, text = pl.Float64(), pl.Int64(), pl.String()
    return {
        **dict.fromkeys(TEXT - {"reasons", "advice"}, text),
        **dict.fromkeys(_LISTS, pl.List(number)),
        **dict.fromkeys(_NUMBERS, number),
        **dict.fromkeys(_WHOLE, whole),
        **dict.fromkeys(("reasons", "advice"), pl.List(text)),
        "factors": pl.Struct(dict.fromkeys(FACTORS, number)),
        "grey": pl.Boolean(),
    }


def typed(column: pl.Series) -> pl.Series:
    """Returns a column in the type that its name has in our tables where it does not show.

    It does not show in a column without a value, with only empty lists, or with a field without a
    number.

    Args:
        column: of a frame.

    >>> import polars as pl
    >>> typed(pl.Series("score", [None])).dtype, typed(pl.Series("reasons", [[], []])).dtype
    (Float64, List(String))
    """
    import polars as pl

    types = _types()
    if column.name in types and column.null_count() == len(column):
        return pl.Series(column.name, [None] * len(column), dtype=types[column.name])
    if column.name in types and column.dtype == pl.List(pl.Null):
        return column.cast(types[column.name])
    if column.name in ("factors", "measures") and isinstance(column.dtype, pl.Struct):
        kinds = {field.name: field.dtype for field in column.dtype.fields}
        return column.cast(
            pl.Struct(
                {name: kind if kind != pl.Null else pl.Float64 for name, kind in kinds.items()}
            )
        )
    return column


def _ours(name: str) -> str:
    plain = plain_name(name)
    return plain if plain in _NAMES else name.strip(_AROUND)


def canonical(names: Sequence[str], where: str) -> list[str]:
    """Returns the names of columns as our tables have them.

    Args:
        names: as the file has them.
        where: the file, for the message.

    Raises:
        ReadError: two columns mean the same.

    >>> canonical(["\ufeffPath", " Identity", "Camera "], "a.csv")
    ['path', 'identity', 'Camera']
    """
    result = list(map(_ours, names))
    twice = next((k for k, name in enumerate(result) if name in result[:k]), None)
    if twice is None:
        # polars has renamed a second column of one name before it comes here.
        repeated = {f"{name}_duplicated_0": k for k, name in enumerate(result)}
        twice = next((repeated[name] for name in result if name in repeated), None)
    if twice is not None:
        alike = [name for name, short in zip(names, result, strict=True) if short == result[twice]]
        shown = " and ".join(map(repr, alike if len(alike) > 1 else alike * 2))
        raise ReadError(
            f"{where!r} must name each column once, it has {shown}.",
            status="corrupt",
            hint="spaces, and the case of our own names, make no difference",
        )
    return result


def delimiter_of(header: str | bytes, suffix: str = "") -> str:
    r"""Returns what separates the cells below a header: the commonest of DELIMITERS.

    Those inside quotes do not count, and a .tsv has tabs.

    Args:
        header: the first line.
        suffix: of the file, in lower case.

    >>> delimiter_of("path;score"), delimiter_of('"a;b",c'), delimiter_of("id\tvalue")
    (';', ',', '\t')
    """
    line = header.decode("utf-8", "replace") if isinstance(header, bytes) else header
    # Every second piece of a line that is split at its quotes lies outside of them.
    outside = "".join(line.split('"')[::2])
    return "\t" if suffix == ".tsv" else max(DELIMITERS, key=outside.count)


@reader
def of_file(path: PathLike) -> list[str]:
    """Returns the names of the columns of a text table, from its first line alone.

    They are spelled as `canonical` spells them, but columns may repeat.

    Args:
        path: the table.

    Raises:
        ReadError: the file cannot be read.
    """
    where = os.fspath(path)
    with open_regular(path) as file:
        line = utf8_of(file.read(_HEAD), where, complete=False).split(b"\n", 1)[0]
    apart = delimiter_of(line, os.path.splitext(where)[1].lower())
    return list(map(_ours, cells(line.decode("utf-8", "replace"), apart)))


def cells(header: str, delimiter: str | None = None) -> list[str]:
    """Returns the cells of a header line.

    Args:
        header: the line.
        delimiter: what separates them; None finds out.

    >>> cells('\ufeff"path", Score')
    ['path', 'Score']
    """
    line = header.lstrip("\ufeff").rstrip("\r\n")
    apart = delimiter or delimiter_of(line)
    try:
        rows = list(csv.reader([line], delimiter=apart, skipinitialspace=True))
    except csv.Error:  # a line break inside: not a line of a table
        return [line]
    return [cell.strip(_AROUND) for cell in rows[0]] if rows else []


def identity_like(columns: Mapping[str, Any]) -> list[str]:
    """Returns the columns that may be meant as `identity`, the likeliest first.

    A column is told by the words of its name: `celebrity_id`, `PersonName`, `subject`. Words that
    name files and classes as well (PERHAPS_PEOPLE) count only where values repeat and are no
    fractions; so do names of several words.

    Args:
        columns: name -> values.

    >>> identity_like({"Person": ["a"], "name": ["x", "y"], "label": ["a", "a"]})
    ['Person', 'label']
    >>> identity_like({"celebrity_id": [3, 3, 4], "num_people": [1, 1, 1], "class_id": [0, 0, 1]})
    ['celebrity_id', 'class_id']
    """
    ranks = {}
    for name, values in columns.items():
        words = _words(name)
        rank = next((k for k, word in enumerate((*PEOPLE, *PERHAPS_PEOPLE)) if word in words), None)
        if rank is None or not _NO_PERSON.isdisjoint(words):
            continue
        sure = rank < len(PEOPLE) and len(words - {"id"}) == 1
        if sure or _repeats(values):
            ranks[name] = (rank, len(words))
    return sorted(ranks, key=ranks.__getitem__)


def _words(name: str) -> set[str]:
    """The words of a column's name, in small letters: PersonName and person-name have two."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.strip(_AROUND))
    return set(re.findall(r"[a-z]+", plain_name(apart)))


def _repeats(values: Iterable[Any]) -> bool:
    # People recur and file names do not; fractions are scores, lists are boxes.
    listed = [value for value in values if value not in (None, "")]
    if any(isinstance(value, (float, np.floating, list, dict)) for value in listed):
        return False
    return len(set(listed)) < len(listed)


def identity_missing(columns: Sequence[str], where: str) -> InputError:
    """Returns the error of a table without `identity` that has columns which may be meant.

    Args:
        columns: those that may be meant.
        where: the file, for the message.
    """
    return InputError(
        f"{where} must say who is on an image in a column `identity`; it has none, but "
        f"{', '.join(map(repr, columns))}.",
        hint=(
            f"rename {columns[0]!r} to identity, or drop it and give ids of the form identity/name"
        ),
    )


def numbers(values: Any, column: str, ids: NDArray[np.str_], *, width: int = 0) -> list[Any]:
    """Returns the cells of a column of numbers, None where there is nothing.

    A cell is a float, or a tuple of `width` floats.

    Args:
        values: (N,) cells, of any kind.
        column: its name, for the message.
        ids: (N,) of the rows, for the message.
        width: how many numbers a cell holds; 0 is one number that is no list.

    Raises:
        InputError: a cell that is no such number; the message names column, row and id.

    >>> numbers([1, None], "eye_distance", np.array(["a", "b"]))
    [1.0, None]
    """
    result: list[Any] = []
    for row, value in enumerate(values):
        try:
            result.append(_number(value, width))
        except (TypeError, ValueError, OverflowError):
            content = f"{width} numbers" if width else "a number"
            raise InputError(
                f"Column {column!r} must hold {content} in each row, row {row + 1} "
                f"({str(ids[row])!r}) has {str(value)[:60]!r}.",
                hint="leave the cell empty where nothing is known, or drop the column",
            ) from None
    return result


def measures(table: Mapping[str, Any], ids: NDArray[np.str_]) -> dict[str, list[Any]]:
    """Returns those of MEASURES that a table has, as `numbers` does.

    Args:
        table: name -> cells.
        ids: (N,) of the rows, for the message.

    Raises:
        InputError: as `numbers`.
    """
    return {
        name: numbers(table[name], name, ids, width=width)
        for name, width in MEASURES.items()
        if name in table
    }


def _number(value: Any, width: int) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not width:
        # A truth value is no measure, though Python would count with it.
        if isinstance(value, (bytes, bool, np.bool_)):
            raise TypeError
        return float(value)
    if isinstance(value, (str, bytes)):
        raise TypeError
    listed = [np.nan if cell is None else _number(cell, 0) for cell in value]
    if len(listed) != width or None in listed:
        raise ValueError
    return tuple(listed)
