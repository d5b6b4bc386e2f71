"""The judge `table`: factors that a person or another tool wrote, found by the id of a face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.names import find_ids, strangers
from fiqa.data.reading import reader
from fiqa.data.store import sha256_file
from fiqa.data.tables import decode_text, read_table
from fiqa.errors import InputError, ReadError
from fiqa.methods.labeler import STATUS
from fiqa.types import FloatArray
from fiqa.vocabulary import FACTORS

__all__ = ["TableJudge"]

_PREFIX = "factor_"


@dataclass(frozen=True)
class TableJudge:
    """Factors in a table with a column `id` and one or more of the six factors.

    A factor is a column of its name, with `factor_` before it as in our CSV, or a field of the
    column `factors` as in our Parquet: tables of `fiqa score --explain` and `fiqa label dmsfiqa`
    are read as they are. Qualities are in 0..1, higher is better; an empty cell is not known.

    Attributes:
        path: the table, .parquet, .csv or .jsonl.
    """

    path: str
    name: str = "table"

    def load(self) -> None:
        """Reads the table.

        Raises:
            ReadError: there is none, or it has no factors.
            InputError: a number outside 0..1, or an id twice.
        """
        if not self.path:
            raise InputError(
                "the judge table must have a table.", hint="--set table.file=factors.csv"
            )
        _read(self.path)

    def rows(self, ids: pl.Series) -> tuple[FloatArray, NDArray[np.str_]]:
        """Returns (N,6) float32 factors of the ids, and (N,) statuses: ok or no_factors.

        Raises: as `load`; InputError: no row of the table is of one of the ids.
        """
        names, values = _read(self.path)
        ours = ids.to_list()
        place = find_ids(names, ours)
        if not (place >= 0).any():
            raise InputError(strangers(names, ours, what=f"ids of {self.path!r}"))
        result = np.full((len(ours), len(FACTORS)), np.nan, np.float32)
        result[place[place >= 0]] = values[place >= 0]
        status = np.where(np.isfinite(result).any(axis=1), "ok", "no_factors").astype(STATUS)
        return result, status

    def describe(self) -> dict[str, Any]:
        """Returns the table's name and the sha256 of it."""
        return {"judge": self.name, "file": self.path, "sha256": sha256_file(Path(self.path))}


@reader
def _read(path: str) -> tuple[list[str], NDArray[np.float32]]:
    """(ids, (N,6) factors) of a table."""
    frame = read_table(path)
    if "factors" in frame.columns and isinstance(frame.schema["factors"], pl.Struct):
        frame = frame.unnest("factors")
    columns = {
        name: next((c for c in (name, f"{_PREFIX}{name}") if c in frame.columns), None)
        for name in FACTORS
    }
    if "id" not in frame.columns or not any(columns.values()):
        raise ReadError(
            f"{path!r} must have a column id and at least one of {', '.join(FACTORS)}; it has"
            f" {', '.join(frame.columns[:8])}.",
            status="corrupt",
        )
    values = np.full((len(frame), len(FACTORS)), np.nan)
    for k, column in enumerate(columns.values()):
        if column is not None:
            values[:, k] = _numbers(frame[column], column, path)
    ids = [decode_text(str(name)) for name in frame["id"].to_list()]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(f"every id must be in {path!r} once, {twice!r} is there more often.")
    return ids, values.astype(np.float32)


def _numbers(column: pl.Series, name: str, path: str) -> NDArray[np.float64]:
    texts = column.cast(pl.String).str.strip_chars() if column.dtype == pl.String else column
    empty = texts.is_null() | (texts == "" if texts.dtype == pl.String else texts.is_null())
    value = texts.cast(pl.Float64, strict=False)
    bad = ~empty & (value.is_null() | ~value.is_between(0.0, 1.0).fill_null(False))
    bad &= ~value.is_nan().fill_null(False)
    if bad.any():
        row = int(bad.arg_true()[0])
        raise InputError(
            f"{name} in {path!r} must lie in 0..1 or be empty, got {column[row]!r} in row"
            f" {row + 1}.",
            hint="divide by the end of its scale; a measure that is better when low: 1 - x",
        )
    return value.to_numpy().astype(np.float64)
