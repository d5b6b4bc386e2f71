"""The columns of a manifest that no table of ours knows (camera, regime, drive, timestamp, ...), on
their way into the tables that are made from it.

They keep their names, their types and their order, and stand behind the columns of the table
itself. What is carried is decided by the name alone: a name that our tables use for something else
(fiqa.data.columns) stays with them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fiqa.data import columns
from fiqa.data.long_manifest import LongManifest
from fiqa.data.store import hash_rows
from fiqa.types import Manifest

__all__ = ["Carried", "carried_frame", "carried_names"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Carried:
    """The carried columns of a manifest, row by row.

    Attributes:
        frame: (N rows) of them, in the manifest's order; without columns where there are none.
    """

    frame: pl.DataFrame

    @classmethod
    def of(cls, manifest: Manifest) -> Carried:
        """Returns what a manifest has to carry.

        Args:
            manifest: any.
        """
        named = carried_names(manifest.columns)
        return cls(pl.DataFrame([_series(name, manifest.columns[name]) for name in named]))

    def known(self, *names: str) -> Carried:
        """Returns the same without those of some columns that are empty: the table has its own.

        Args:
            names: of the columns.
        """
        empty = [name for name in names if name in self.frame.columns and _empty(self.frame[name])]
        return Carried(self.frame.drop(empty))

    def beside(self, table: pl.DataFrame, rows: Sequence[int]) -> pl.DataFrame:
        """Returns a table with the carried columns behind its own, or in the place of those of the
        same name.

        Args:
            table: M rows.
            rows: (M,) of the manifest, from which each of its rows was made.
        """
        if not self.frame.width or not table.width:
            return table
        return table.with_columns(self.taken(rows).get_columns())

    def taken(self, rows: Sequence[int]) -> pl.DataFrame:
        """Returns the carried columns of some rows.

        Args:
            rows: of the manifest.
        """
        return self.frame[list(rows)] if self.frame.width else self.frame

    def digest(self) -> dict[str, str]:
        """Returns what a record says of the columns; nothing where there are none."""
        if not self.frame.width:
            return {}
        schema = [(name, str(kind)) for name, kind in self.frame.schema.items()]
        return {"columns": hash_rows([*schema, *self.frame.iter_rows()])}


class LongCarried:
    """The carried columns of a manifest that is read piece by piece.

    Rows are taken in their order: those that were passed are read again from the beginning.

    Args:
        manifest: the manifest.
        known: columns that are left out where they are empty.
    """

    def __init__(self, manifest: LongManifest, *known: str) -> None:
        self._manifest = manifest
        empty = [name for name in known if manifest.kinds.get(name) == "nothing"]
        self._names = [name for name in carried_names(manifest.names) if name not in empty]
        self._restart()

    def _restart(self) -> None:
        self._pieces = self._manifest.pieces()
        self._held = pl.DataFrame()
        self._first = self._next = 0

    def beside(self, table: pl.DataFrame, rows: Sequence[int]) -> pl.DataFrame:
        """Returns a table with the carried columns, as Carried.beside.

        Args:
            table: M rows.
            rows: (M,) of the manifest, none before the one before it.
        """
        if not self._names or not table.width:
            return table
        if rows[0] < self._first:
            self._restart()
        while self._next <= rows[-1]:
            piece = Carried.of(next(self._pieces)).frame.select(self._names)
            before = self._held.slice(max(rows[0] - self._first, 0)) if self._held.width else None
            self._first = max(self._first, min(rows[0], self._next))
            self._next += len(piece)
            parts = [piece] if before is None else [before, piece]
            self._held = pl.concat(parts, how="vertical_relaxed")
        places = [row - self._first for row in rows]
        return table.with_columns(self._held[places].get_columns())

    def digest(self) -> dict[str, str]:
        """Returns what a record says of the columns: nothing, it names the whole table."""
        return {}


def carried_names(names: Iterable[str]) -> list[str]:
    """Returns the names that are carried, in their order.

    Args:
        names: of a manifest's columns.

    >>> carried_names(["camera", "sha256", "track", "factor_x", "drive"])
    ['camera', 'track', 'drive']
    """
    listed = list(names)
    kept = [name for name in listed if not columns.is_ours(name)]
    ours = [name for name in listed if name not in kept and name not in columns.OF_FILES]
    if ours:
        _log.info("columns that a table has of its own are not carried: %s", ", ".join(ours))
    return kept


def carried_frame(table: pl.DataFrame) -> pl.DataFrame:
    """Returns the carried columns of a table that was read.

    Args:
        table: with columns named as ours are.
    """
    return table.select(carried_names(table.columns))


def _empty(column: pl.Series) -> bool:
    return column.null_count() == len(column)


def _series(name: str, values: Any) -> pl.Series:
    """A column of a manifest with nulls where nothing is known."""
    from fiqa.data.tables import encode_text

    if values.dtype.kind == "U":
        texts = [encode_text(value) if value else None for value in values.tolist()]
        return pl.Series(name, texts, dtype=pl.String)
    if values.dtype.kind == "O":
        return pl.Series(name, values.tolist(), strict=False)
    series = pl.Series(name, np.ascontiguousarray(values))
    return series.fill_nan(None) if series.dtype.is_float() else series
