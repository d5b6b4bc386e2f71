"""Long manifests in Parquet: read some thousand rows at a time.

Types are in the file, so the first look asks only what the text of paths and ids tells. A column
whose pieces would not be what the whole is (of mixed or nested types, of a type that our tables do
not have) has the table read as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fiqa.data import columns
from fiqa.data.long_manifest import LongManifest, Look, readable
from fiqa.data.parquet import row_groups
from fiqa.data.reading import no_panics, reading
from fiqa.data.store import open_regular
from fiqa.errors import ReadError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["long_parquet"]

_LONG = 50_000
"""Rows from which a table is read piece by piece."""
_PIECE = 1 << 12
"""Rows of a piece."""
_HELD = 1 << 16
"""Rows that are decoded at a time, of the same row group, and that the first look takes at once."""


class LongParquet(LongManifest):
    """A LongManifest in a Parquet file."""

    def cells(self) -> Iterator[pl.DataFrame]:
        """Yields the rows as they are in the table, some thousands at a time.

        Raises:
            ReadError: they cannot be read any more.
        """
        yield from _cells(self.path, self.names, _groups(self.path), _PIECE)

    def _typed(self, cells: pl.DataFrame) -> pl.DataFrame:
        return cells


def long_parquet(path: str) -> LongManifest | None:
    """Returns a Parquet table of many rows as a manifest that is read piece by piece; None where it
    is short, or has to be read as a whole.

    Args:
        path: of the file.
    """
    import polars as pl

    if not os.path.isfile(path):
        return None
    try:
        groups = _groups(path)
        if sum(groups) < _LONG:
            return None
        with reading(path), no_panics:
            schema = pl.scan_parquet(path, glob=False).collect_schema()
        names = columns.canonical(list(schema), path)
        if not readable(names) or not all(map(_whole_in_pieces, names, schema.values())):
            return None
        look, known = Look(names, text=False), set[str]()
        for cells in _cells(path, names, groups, _HELD):
            if not look.at(cells):
                return None
            known |= {one.name for one in cells.get_columns() if one.null_count() < len(one)}
    except (ReadError, ValueError, pl.exceptions.PolarsError):
        return None  # whoever reads it as a whole says what is wrong
    if look.found() is None:
        return None
    nothing = dict.fromkeys(set(names) - known, "nothing")
    return LongParquet(path, tuple(names), look.total, nothing, **look.of_paths())


def _groups(path: str) -> list[int]:
    with reading(path), open_regular(path) as file:
        return row_groups(file)


def _cells(
    path: str, names: Sequence[str], groups: Sequence[int], most: int
) -> Iterator[pl.DataFrame]:
    import polars as pl

    table, first = pl.scan_parquet(path, glob=False), 0
    for rows in groups:
        for start in range(0, rows, _HELD):
            with reading(path), no_panics:
                held = table.slice(first + start, min(_HELD, rows - start)).collect()
            held.columns = list(names)
            for piece in range(0, len(held), most):
                yield held.slice(piece, most)
        first += rows


def _whole_in_pieces(name: str, kind: Any) -> bool:
    """Whether some rows of a column have the type that all of them have."""
    import polars as pl

    if name in columns.TEXT:
        return bool(kind == pl.String)
    inner = kind.inner if isinstance(kind, pl.List | pl.Array) else kind
    plain = inner == pl.String or inner == pl.Boolean or inner.is_numeric()
    if not plain or inner.is_decimal():
        return False
    # a type that a column has only where nothing is known of it would be that of some pieces
    return bool(columns.typed(pl.Series(name, [None], dtype=kind)).dtype == kind)
