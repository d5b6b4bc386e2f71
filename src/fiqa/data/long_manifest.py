"""Manifests too long to be held: a table is looked through once, and then read piece by piece; one
of text here, one of Parquet in fiqa.data.long_parquet.

The first look decides what only the whole table can tell: which columns are numbers, whether ids
and paths are unique, whether folders are identities. Where a table would need more than that (ids
that have to be told apart, columns that are lists, text that is not UTF-8), it is read as a whole.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data import columns
from fiqa.data.columns import TEXT
from fiqa.data.manifest import of_table
from fiqa.data.places import placed
from fiqa.data.reading import reading
from fiqa.data.rows import WRITTEN_AS, of_kind
from fiqa.errors import ReadError
from fiqa.types import Manifest, PathLike
from fiqa.vocabulary import STATUSES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LongManifest", "Look", "long_manifest", "readable"]

_LONG = 4_000_000
"""Bytes from which a table is read piece by piece."""
_FIRST, _PIECE, _LOOKED = 1 << 15, 1 << 19, 1 << 21
"""Bytes of the first piece, of a later one, and of what the first look takes at once."""
_LONGEST = 1 << 22
"""Bytes of a line at most."""


@dataclass(frozen=True)
class LongManifest:
    """A manifest whose rows are read when they are asked for, some thousands at a time.

    Attributes:
        path: of the table.
        names: its columns, as ours are named.
        total: its rows.
        kinds: column -> how its cells are written: a key of fiqa.data.rows.WRITTEN_AS, "text", or
            "nothing"; of Parquet only those that are "nothing".
        folders: whether the folders of its paths are identities.
        absolute: whether all its paths are.
    """

    path: str
    names: tuple[str, ...]
    total: int
    kinds: dict[str, str]
    folders: bool
    absolute: bool

    def __len__(self) -> int:
        return self.total

    def pieces(self) -> Iterator[Manifest]:
        """Yields the rows as manifests, in their order.

        Raises:
            InputError: as fiqa.data.manifest.read_manifest.
        """
        quiet, places = _Later(), logging.getLogger("fiqa.data.places")
        for number, cells in enumerate(self.cells()):
            try:
                if number:
                    places.addFilter(quiet)
                piece = of_table(self._typed(cells), self.path, folders=self.folders)
            finally:
                places.removeFilter(quiet)
            yield piece

    def paths(self) -> Iterator[str]:
        """Yields the paths to open, in the order of the rows."""
        for cells in self.cells():
            paths = cells["path"].to_list()
            yield from paths if self.absolute else placed(paths, self.path)

    def cells(self) -> Iterator[pl.DataFrame]:
        """Yields the rows as they are in the table, some thousands at a time.

        Raises:
            ReadError: they cannot be read any more.
        """
        yield from _batches(self.path, self.names, _FIRST, _PIECE)

    def _typed(self, cells: pl.DataFrame) -> pl.DataFrame:
        return cells.with_columns(of_kind(cells[name], kind) for name, kind in self.kinds.items())


class _Later(logging.Filter):
    """What was said of the first piece is not said of every piece."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING


def long_manifest(path: PathLike) -> LongManifest | None:
    """Returns a table of many rows as a manifest that is read piece by piece; None where it is
    short, or has to be read as a whole.

    Args:
        path: a .csv, .tsv or .parquet file.
    """
    where = os.fspath(path)
    if os.path.splitext(where)[1].lower() == ".parquet":
        from fiqa.data.long_parquet import long_parquet

        return long_parquet(where)
    if os.path.splitext(where)[1].lower() not in (".csv", ".tsv") or not os.path.isfile(where):
        return None
    if os.path.getsize(where) < _LONG:
        return None
    names = _names(where)
    if names is None:
        return None
    look = Look(names)
    try:
        for cells in _batches(where, names, _LOOKED, _LOOKED):
            if not look.at(cells):
                return None
    except (ReadError, ValueError):
        return None  # whoever reads it as a whole says what is wrong
    kinds = look.found()
    return (
        None
        if kinds is None
        else LongManifest(where, look.names, look.total, kinds, **look.of_paths())
    )


def _names(path: str) -> tuple[str, ...] | None:
    """The columns of a table that may be read in pieces, else None."""
    with open(path, "rb") as file:
        header = file.readline(1 << 16)
    if not header.isascii() or b'"' in header or not header.endswith(b"\n"):
        return None
    raw = columns.cells(header.decode())
    if raw != header.decode().rstrip("\r\n").split(columns.delimiter_of(header, path[-4:].lower())):
        return None
    names = columns.canonical(raw, path) if len(set(raw)) == len(raw) and all(raw) else ()
    if any(name.startswith(columns.SPREAD) for name in names):
        return None
    return tuple(names) if readable(names) else None


def readable(names: Sequence[str]) -> bool:
    """Tells whether a table with these columns is a manifest that may be read in pieces.

    Args:
        names: of its columns, as ours are named.

    >>> readable(["path", "camera"]), readable(["path", "person"])
    (True, False)
    """
    if "path" not in names:
        return False
    repeated = {name: ["x", "x"] for name in names if name not in ("path", "id")}
    return "identity" in names or not columns.identity_like(repeated)


def _batches(path: str, names: Sequence[str], size: int, most: int) -> Iterator[pl.DataFrame]:
    """Yields the cells as text, about `size` bytes of lines at first, twice as many each time, and
    `most` at most.

    Raises ReadError where they are not UTF-8, or of another number than the header's; ValueError
    where a cell has no end.
    """
    with open(path, "rb") as file:
        header = file.readline(1 << 16)
        apart = columns.delimiter_of(header, path[-4:].lower())
        rest = b""
        while block := file.read(size):
            size = min(2 * size, most)
            rest += block
            whole = _lines(rest)
            if whole:
                yield _cells(header + rest[:whole], apart, path, names)
            rest = rest[whole:]
            if len(rest) > _LONGEST:
                raise ValueError(f"a line of {path!r} is longer than {_LONGEST} bytes")
        if rest:
            yield _cells(header + rest, apart, path, names)


def _cells(lines: bytes, apart: str, path: str, names: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    with reading(path):
        cells = pl.read_csv(lines, infer_schema=False, separator=apart)
    return cells.rename(dict(zip(cells.columns, names, strict=True)))


def _lines(block: bytes) -> int:
    """Returns how many bytes are whole lines: a line break inside of quotes ends none."""
    end = block.rfind(b"\n") + 1
    while end and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end


class Look:
    """The first look at a table: what it has seen so far.

    Args:
        names: of the columns.
        text: whether the cells are text whose types are to be told.

    Attributes:
        total: rows so far.
    """

    def __init__(self, names: Sequence[str], *, text: bool = True) -> None:
        self.names = tuple(names)
        self.total = 0
        self.parents: set[str | None] = set()
        self.rooted: set[bool] = set()
        self.kinds = {name: {"nothing", *WRITTEN_AS} for name in names if text and name not in TEXT}
        self._keys: list[NDArray[np.uint64]] = []
        self._paths: list[NDArray[np.uint64]] = []

    def at(self, cells: pl.DataFrame) -> bool:
        """Returns whether the table can be read in pieces, as far as these rows tell.

        Args:
            cells: the next rows; path, id and status are text.
        """
        paths = cells["path"]
        unclear = r"\\|^bytes:|(^|/)(\.{0,2})/|^$|\x00"
        rooted = paths.str.starts_with("/")
        self.rooted |= set(rooted.unique().to_list())
        # `//x` at the front and `/x` are one place, as `a/./x` and `a/x` are
        odd = paths.str.strip_prefix("/").str.contains(unclear)
        if paths.null_count() or odd.any() or len(self.rooted) > 1:
            return False
        if (
            "status" in cells.columns
            and not cells["status"].fill_null("").is_in(["", *STATUSES]).all()
        ):
            return False
        self.total += len(cells)
        self._paths.append(paths.hash().to_numpy())
        if not self._keyed(cells, paths):
            return False
        self._kind(cells)
        return True

    def _keyed(self, cells: pl.DataFrame, paths: pl.Series) -> bool:
        """Notes what ids are, or will be made of."""
        if "identity" not in self.names and len(self.parents) < 2:
            self.parents |= set(paths.str.extract(r"([^/]+)/[^/]*$").unique().head(2).to_list())
        if "id" in self.names:
            ids = cells["id"]
            self._keys.append(ids.hash().to_numpy())
            return ids.null_count() == 0
        if not paths.str.contains("/", literal=True).all():
            return False
        self._keys.append(_ends(paths).hash().to_numpy())
        return True

    def _kind(self, cells: pl.DataFrame) -> None:
        for name, kinds in self.kinds.items():
            present = cells[name].drop_nulls()
            if len(present):
                kinds.discard("nothing")
                for kind in kinds & WRITTEN_AS.keys():
                    if not present.str.contains(WRITTEN_AS[kind]).all():
                        kinds.discard(kind)

    def found(self) -> dict[str, str] | None:
        """Returns how the cells of each column are written, None where ids or paths may come
        twice, or there is no row."""
        if not self.total or _repeats(self._keys) or _repeats(self._paths):
            return None
        order = ("nothing", *WRITTEN_AS)
        return {
            name: next((kind for kind in order if kind in left), "text")
            for name, left in self.kinds.items()
        }

    def of_paths(self) -> dict[str, bool]:
        """Returns what the paths say: `folders` and `absolute` of a LongManifest."""
        return {"folders": len(self.parents) > 1, "absolute": self.rooted == {True}}


def _ends(paths: pl.Series) -> pl.Series:
    """The last folder and the name without suffix of each path, of which ids are made."""
    folder, _, name = paths[0].rpartition("/")
    above = folder[: folder.rfind("/") + 1]
    suffix = name[name.rfind(".") :]
    # where all have the folders above and the suffix of the first, no pattern has to be sought
    alike = (
        "." in name
        and paths.str.starts_with(above).all()
        and paths.str.ends_with(suffix).all()
        and (paths.str.count_matches("/", literal=True) == above.count("/") + 1).all()
    )
    if alike:
        return paths.str.strip_prefix(above).str.strip_suffix(suffix)
    return paths.str.extract(r"([^/]*/[^/]*)$").str.replace(r"\.[^./]*$", "")


def _repeats(parts: Sequence[NDArray[Any]]) -> bool:
    values = np.concatenate(parts)
    values.sort()
    return bool((values[1:] == values[:-1]).any())
