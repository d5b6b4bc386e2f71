"""Tables on disk: .parquet, .csv and .jsonl by suffix, the same columns in all three.

In Parquet a row of scores has nested columns; CSV and JSON lines hold them flattened
(fiqa.data.nested), and reading puts them together again.

CSV: comma, every text quoted, an empty cell is a missing number, a text is written unchanged even
where it starts with = + - @ (values must come back exactly; a spreadsheet program should import
such files as text). NaN is written as missing. A column read from CSV becomes numeric only if every
cell is written as a number is (so identity `007` stays text), and columns in TEXT always stay text.

Text that is no UTF-8 (file names with undecodable bytes) is kept as `bytes:` + percent-encoded
bytes; so is text that begins with `bytes:`. A frame holds the encoded form; `decode_text` gives the
path to open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import NoneType, TracebackType
from typing import IO, Any, Self
from urllib.parse import quote, unquote_to_bytes

import numpy as np
import polars as pl

from fiqa import checks
from fiqa.data import columns
from fiqa.data.columns import typed
from fiqa.data.formats.source import utf8_of
from fiqa.data.frames import Frame, columns_of, is_frame, series
from fiqa.data.nested import flatten, unflatten
from fiqa.data.parquet import read_parquet
from fiqa.data.parts import is_parts, read_parts
from fiqa.data.reading import reader
from fiqa.data.rows import json_rows, text_cells, typed_cells
from fiqa.data.store import Parts, atomic_path, open_regular
from fiqa.errors import InputError, ReadError, WriteError
from fiqa.types import PathLike

__all__ = [
    "READABLE",
    "SUFFIXES",
    "TableWriter",
    "decode_text",
    "encode_text",
    "frame_of",
    "read_table",
    "table_suffix",
    "write_rows",
    "write_table",
]

SUFFIXES = (".parquet", ".csv", ".jsonl")
"""The suffixes of tables; each names its format."""

READABLE = (*SUFFIXES, ".tsv")
"""The suffixes of tables that are read."""

_MARK = "bytes:"
_ENCODING = "save it as UTF-8: iconv -f latin1 -t utf-8 OLD > NEW, or in a spreadsheet CSV UTF-8"
_ROW_GROUP = 1 << 16
"""Rows of a row group, always as many, so that a rerun after a kill gives the same bytes."""


def table_suffix(path: PathLike) -> str:
    """Returns the suffix of a table's path in lower case.

    Args:
        path: the table.

    Raises:
        UnknownNameError: another suffix than those of SUFFIXES.

    >>> table_suffix("scores.CSV")
    '.csv'
    """
    return checks.choice(os.path.splitext(os.fspath(path))[1].lower(), "table suffix", SUFFIXES)


def encode_text(value: str) -> str:
    r"""Returns UTF-8 text as it is, other text as `bytes:` and its bytes percent-encoded.

    decode_text takes it back exactly.

    Args:
        value: any text, surrogates of undecodable bytes included.

    >>> encode_text("a b.jpg"), encode_text("caf\udce9.jpg")
    ('a b.jpg', 'bytes:caf%E9.jpg')
    """
    # Nearly all text is ASCII, and asking costs far less than encoding it.
    if value.isascii() and not value.startswith(_MARK):
        return value
    try:
        value.encode()
        if not value.startswith(_MARK):
            return value
    except UnicodeEncodeError:
        pass
    return _MARK + quote(value.encode("utf-8", "surrogateescape"), safe="/ ")


def decode_text(value: str) -> str:
    r"""Returns the text that encode_text was given.

    Args:
        value: the encoded form.

    >>> decode_text("bytes:caf%E9.jpg") == "caf\udce9.jpg"
    True
    """
    if not value.startswith(_MARK):
        return value
    return unquote_to_bytes(value.removeprefix(_MARK)).decode("utf-8", "surrogateescape")


def frame_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Returns rows as a frame; a key that a row does not have is missing there.

    Args:
        rows: name -> value: plain values, numpy scalars and arrays, any text.

    >>> frame_of([{"id": "a", "score": np.float32(0.5)}, {"id": "b"}])["score"].to_list()
    [0.5, None]
    """
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return _frame({name: _plain([row.get(name) for row in listed]) for name in names})


def _plain(values: list[Any]) -> list[Any]:
    """Values of one column as plain Python with encoded text.

    They are looked at by type, because a table has few types and many cells.
    """
    kinds = set(map(type, values))
    if kinds <= {int, float, bool, NoneType}:
        return values
    if kinds <= {str, NoneType}:
        return [value if value is None else encode_text(value) for value in values]
    if kinds <= {list, tuple, NoneType} and set(
        map(type, chain.from_iterable(filter(None, values)))
    ) <= {int, float}:
        return values
    return [_plain_cell(value) for value in values]


def _plain_cell(value: Any) -> Any:
    if isinstance(value, str):
        return encode_text(str(value))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return dict(zip(value, _plain(list(value.values())), strict=True))
    return _plain(list(value)) if isinstance(value, (list, tuple)) else value


def _frame(named: Mapping[str, list[Any] | pl.Series]) -> pl.DataFrame:
    """A frame of columns, those of our tables in their type even where nothing is known.

    Columns of mixed int and float are float.
    """
    table = {
        name: values if isinstance(values, pl.Series) else series(name, values)
        for name, values in named.items()
    }
    return pl.DataFrame([typed(values) for values in table.values()])


def write_table(frame: pl.DataFrame, path: PathLike) -> None:
    """Writes a frame as its suffix says, whole or not at all.

    Args:
        frame: columns named as ours are.
        path: one of SUFFIXES by its suffix.

    Raises:
        UnknownNameError: another suffix.
        InputError: a nested column that has no flat form.
        WriteError: the disk refused.
    """
    suffix = table_suffix(path)
    with atomic_path(path) as aside, _refusing(path), open(aside, "wb") as file:
        if suffix == ".parquet":
            frame.write_parquet(file, row_group_size=_ROW_GROUP)
        else:
            write_rows(frame, file, suffix)


def write_rows(frame: pl.DataFrame, stream: IO[bytes], suffix: str, *, header: bool = True) -> None:
    """Writes a frame, flattened, to a stream of bytes as `.csv` or `.jsonl`.

    Args:
        frame: columns named as ours are.
        stream: open for bytes.
        suffix: `.csv` or `.jsonl`.
        header: False leaves out the line of column names of a CSV.

    Raises:
        UnknownNameError: another suffix.
        InputError: a nested column that has no flat form.
    """
    lines = checks.choice(suffix, "format of rows", (".csv", ".jsonl")) == ".jsonl"
    flat = flatten(frame, lists=lines)
    if lines:
        stream.write(flat.write_ndjson().encode())
    else:
        stream.write(flat.write_csv(include_header=header, quote_style="non_numeric").encode())


@reader
def read_table(source: PathLike | Frame) -> pl.DataFrame:
    """Returns a table: columns named as ours are, nested ones put together, text encoded.

    Names are those of fiqa.data.columns; decode_text gives text back.

    A text table may begin with a byte-order mark, be UTF-16, and have `;` or tabs between cells.

    Args:
        source: a file (one of READABLE by its suffix), a folder of parts (fiqa.data.parts) on a
            disk or in a store, or a frame of polars or pandas.

    Raises:
        UnknownNameError: another suffix.
        ReadError: not_found, unreadable, or not a table of that format.
    """
    if not isinstance(source, (str, os.PathLike)):
        return unflatten(_named(_of_memory(source), "the frame"))
    path = os.fspath(source)
    if is_parts(path):
        return _named(read_parts(path), path)
    suffix = checks.choice(os.path.splitext(path)[1].lower(), "table suffix", READABLE)
    with open_regular(path) as file:
        try:
            if suffix == ".parquet":
                return _named(read_parquet(file), path)
            text = utf8_of(file.read(), path)
            if suffix == ".jsonl":
                return unflatten(_named(_of_rows(json_rows(text)), path))
            return unflatten(typed_cells(_named(text_cells(text, suffix), path)))
        # A file without a line is a table without columns.
        except pl.exceptions.NoDataError:
            return pl.DataFrame()
        except ReadError:
            raise
        except (pl.exceptions.PolarsError, ValueError, RecursionError) as error:
            hint = _ENCODING if "utf-8" in str(error).lower() else None
            raise ReadError(
                f"{path!r} must be a table in {suffix} form: {error}.", status="corrupt", hint=hint
            ) from error


def _of_memory(source: Frame) -> pl.DataFrame:
    """A frame with the text that tables hold; one of polars is taken as it is."""
    if isinstance(source, pl.DataFrame):
        return source
    if not is_frame(source):
        raise InputError(f"A table must be a file or a frame, got {type(source).__name__}.")
    table = columns_of(source)
    return _frame({name: _plain(list(values)) for name, values in table.items()})


def _of_rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of plain values as a frame; a key that a row does not have is missing there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return _frame({name: [row.get(name) for row in rows] for name in names})


def _named(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """A frame whose columns have our names.

    Columns without name and content are left out; a separator at the end of each line makes one.
    """
    nameless = [name for name in frame.columns if not name.partition("_duplicated_")[0].strip()]
    kept = frame.drop(name for name in nameless if frame[name].null_count() == len(frame))
    return kept.rename(dict(zip(kept.columns, columns.canonical(kept.columns, where), strict=True)))


@contextmanager
def _refusing(path: PathLike) -> Iterator[None]:
    """Turns polars' own errors while writing (it wraps the system's) into a WriteError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise WriteError(f"{os.fspath(path)!r} could not be written: {error}.") from error


class TableWriter:
    """Writes a table batch by batch in bounded memory, and survives a kill.

    The table appears whole when the block ends well.

    Call `write` once per batch, in order. After a kill, the same call with the same `fingerprint`
    finds `done` batches already there: skip those. The final file is the same, byte for byte, as
    without the kill. The fingerprint must cover everything that decides the rows, batch size
    included.

    Args:
        path: one of SUFFIXES by its suffix.
        fingerprint: of all that decides the rows.

    Raises:
        UnknownNameError: another suffix.
        WriteError: `path` is a folder, or the disk refused.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> with TableWriter(path, fingerprint="f" * 64) as out:
    ...     for batch in [[{"id": "a", "score": 0.5}], [{"id": "b", "score": None}]][out.done :]:
    ...         out.write(batch)
    >>> path.read_text()
    '"id","score"\\n"a",0.5\\n"b",\\n'
    """

    def __init__(self, path: PathLike, *, fingerprint: str) -> None:
        self.path = Path(path)
        self.suffix = table_suffix(path)
        if self.path.is_dir():
            raise WriteError(
                f"A table must be a file, {str(path)!r} is a folder.", hint="name a file in it"
            )
        self._parts = Parts(path, fingerprint, ".parquet")
        self._next = self._parts.done

    @property
    def done(self) -> int:
        """How many batches are on disk."""
        return self._parts.done

    def write(self, rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> None:
        """Adds the next batch; an empty one counts too.

        Args:
            rows: name -> value of each row, or a frame of them.

        Raises:
            WriteError: the disk refused.
        """
        with (
            self._parts.writing(self._next) as aside,
            _refusing(self.path),
            open(aside, "wb") as file,
        ):
            (rows if isinstance(rows, pl.DataFrame) else frame_of(rows)).write_parquet(file)
        self._next += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._assemble()
            self._parts.discard()

    def _assemble(self) -> None:
        parts = [
            lazy for lazy in map(pl.scan_parquet, self._parts.paths()) if len(lazy.collect_schema())
        ]
        if not parts:
            write_table(pl.DataFrame(), self.path)
            return
        table = pl.concat(parts, how="diagonal_relaxed")
        with atomic_path(self.path) as aside, _refusing(self.path):
            if self.suffix == ".parquet":
                table.sink_parquet(aside, maintain_order=True, row_group_size=_ROW_GROUP)
                return
            schema = table.collect_schema()
            with open(aside, "wb") as file:
                for number, part in enumerate(parts):
                    # Joined to an empty frame of the whole table, a batch gets the columns and
                    # types of all.
                    empty = pl.DataFrame(schema=schema)
                    batch = pl.concat([empty, part.collect()], how="diagonal_relaxed").select(
                        schema.names()
                    )
                    write_rows(batch, file, self.suffix, header=number == 0)
