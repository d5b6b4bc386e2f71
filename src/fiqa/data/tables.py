"""Tables on disk: .parquet, .csv and .jsonl by suffix, the same columns in all three.

In Parquet a row of scores has nested columns; CSV and JSON lines hold them flattened, and reading
puts them together again:

- `factors` and `measures` (structs) <-> one column per field, `factor_blur`, `measure_yaw`, ...;
- `bbox` <-> `bbox_x`, `bbox_y`, `bbox_width`, `bbox_height`; `landmarks` <-> `landmark_0_x`,
  `landmark_0_y`, ... `landmark_4_y`;
- `reasons` (list of codes) <-> in CSV the codes joined by `;` (no code holds one; none at all is an
  empty text); JSON lines keep the list.

CSV: comma, every text quoted, an empty cell is a missing number, a text is written unchanged even
where it starts with = + - @ (values must come back exactly; a spreadsheet program should import
such files as text). NaN is written as missing. A column read from CSV becomes numeric only if every
cell is written as a number is (so identity `007` stays text), and columns in TEXT always stay text.

Text that is no UTF-8 (file names with undecodable bytes) is kept as `bytes:` + percent-encoded
bytes; so is text that begins with `bytes:`. A frame holds the encoded form; `decode_text` gives the
path to open.
"""

from __future__ import annotations

import json
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
from fiqa.data.columns import TEXT, typed
from fiqa.data.formats.source import utf8_of
from fiqa.data.frames import Frame, columns_of, is_frame, series
from fiqa.data.parquet import read_parquet
from fiqa.data.reading import reader
from fiqa.data.store import Parts, atomic_path, open_regular
from fiqa.errors import InputError, ReadError, WriteError

__all__ = [
    "READABLE",
    "SUFFIXES",
    "TableWriter",
    "decode_text",
    "encode_text",
    "flatten",
    "frame_of",
    "read_table",
    "table_suffix",
    "unflatten",
    "write_rows",
    "write_table",
]

SUFFIXES = (".parquet", ".csv", ".jsonl")
"""The suffixes of tables; each names its format."""

READABLE = (*SUFFIXES, ".tsv")
"""The suffixes of tables that are read."""

_STRUCTS = {"factors": "factor_", "measures": "measure_"}
_LISTS = {
    "bbox": ["bbox_x", "bbox_y", "bbox_width", "bbox_height"],
    "landmarks": [f"landmark_{point}_{axis}" for point in range(5) for axis in "xy"],
}
_MARK = "bytes:"
_ROW_GROUP = 1 << 16
_DEEPEST = 32


def table_suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a table's path in lower case; raises UnknownNameError with the closest
    one for any other.

    >>> table_suffix("scores.CSV")
    '.csv'
    """
    return checks.choice(os.path.splitext(os.fspath(path))[1].lower(), "table suffix", SUFFIXES)


def encode_text(value: str) -> str:
    r"""Returns `value` if it is UTF-8 text, otherwise `bytes:` and its bytes percent-encoded;
    decode_text takes it back exactly.

    >>> encode_text("a b.jpg"), encode_text("caf\udce9.jpg")
    ('a b.jpg', 'bytes:caf%E9.jpg')
    """
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

    >>> decode_text("bytes:caf%E9.jpg") == "caf\udce9.jpg"
    True
    """
    if not value.startswith(_MARK):
        return value
    return unquote_to_bytes(value.removeprefix(_MARK)).decode("utf-8", "surrogateescape")


def frame_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Returns rows (numpy scalars and arrays, any text) as a frame; a key that a row does not have
    is missing there.

    >>> frame_of([{"id": "a", "score": np.float32(0.5)}, {"id": "b"}])["score"].to_list()
    [0.5, None]
    """
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return _frame({name: _plain([row.get(name) for row in listed]) for name in names})


def _plain(values: list[Any]) -> list[Any]:
    """Values of one column as plain Python with encoded text; looked at by type, because a table
    has few types and many cells."""
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
    """Columns of mixed int and float are float; a column of our tables has its type even where
    nothing is known."""
    known = {
        name: values if isinstance(values, pl.Series) else series(name, values)
        for name, values in named.items()
    }
    return pl.DataFrame([typed(values) for values in known.values()])


def flatten(frame: pl.DataFrame, *, lists: bool = False) -> pl.DataFrame:
    """Returns the frame with nested columns spread as the module's docstring says, and NaN as
    missing.

    `lists` leaves `reasons` a list.
    """
    cells: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if name in _STRUCTS and isinstance(kind, pl.Struct):
            cells += [
                column.struct.field(f.name).alias(_STRUCTS[name] + f.name) for f in kind.fields
            ]
        elif name in _LISTS and isinstance(kind, (pl.List, pl.Array)):
            spread = column.cast(pl.List(kind.inner))
            cells += [
                spread.list.get(i, null_on_oob=True).alias(flat)
                for i, flat in enumerate(_LISTS[name])
            ]
        elif name in _LISTS:
            cells += [column.alias(flat) for flat in _LISTS[name]]  # nothing but missing values
        elif name in _STRUCTS and kind == pl.Null:
            continue  # nothing but missing values, and no names of fields
        elif name == "reasons" and isinstance(kind, pl.List) and lists:
            cells.append(column.cast(pl.List(pl.String)))
        elif name == "reasons" and isinstance(kind, pl.List):
            cells.append(column.cast(pl.List(pl.String)).list.join(";").fill_null("").alias(name))
        elif isinstance(kind, (pl.List, pl.Array, pl.Struct)):
            raise InputError(
                f"Column {name!r} must be flat to be written as text, got {kind}.",
                hint="use .parquet",
            )
        else:
            cells.append(column)
    flat_frame = frame.select(cells)
    return flat_frame.with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))


def unflatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Returns the frame with the columns that flatten spread put together again; a row with none of
    their values has a missing value."""
    result: list[pl.Expr] = []
    done: set[str] = set()
    for name in frame.columns:
        prefix = next((p for p in _STRUCTS.items() if name.startswith(p[1])), None)
        whole = (
            prefix[0] if prefix else next((w for w, flat in _LISTS.items() if name in flat), name)
        )
        if whole in done:
            continue
        done.add(whole)
        if prefix:
            fields = [c for c in frame.columns if c.startswith(prefix[1])]
            joined = pl.struct(pl.col(c).alias(c.removeprefix(prefix[1])) for c in fields)
            result.append(_unless_missing(fields, joined).alias(whole))
        elif whole in _LISTS and set(_LISTS[whole]) <= set(frame.columns):
            joined = pl.concat_list(pl.col(c).cast(pl.Float64, strict=False) for c in _LISTS[whole])
            result.append(_unless_missing(_LISTS[whole], joined).alias(whole))
        elif name == "reasons" and not isinstance(frame.schema[name], pl.List):
            text = pl.col(name).cast(pl.String).fill_null("")
            empty = pl.lit([], dtype=pl.List(pl.String))
            result.append(
                pl.when(text == "").then(empty).otherwise(text.str.split(";")).alias(name)
            )
        else:
            result.append(pl.col(name))
    return frame.select(result)


def _unless_missing(columns: Sequence[str], joined: pl.Expr) -> pl.Expr:
    return pl.when(pl.any_horizontal(pl.col(c).is_not_null() for c in columns)).then(joined)


def write_table(frame: pl.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes a frame as its suffix says, whole or not at all.

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
    """Writes a frame, flattened, to a stream of bytes as `.csv` or `.jsonl`; `header=False` leaves
    out the line of column names of a CSV."""
    lines = checks.choice(suffix, "format of rows", (".csv", ".jsonl")) == ".jsonl"
    flat = flatten(frame, lists=lines)
    if lines:
        stream.write(flat.write_ndjson().encode())
    else:
        stream.write(flat.write_csv(include_header=header, quote_style="non_numeric").encode())


@reader
def read_table(source: str | os.PathLike[str] | Frame) -> pl.DataFrame:
    """Returns a table: columns named as ours are (fiqa.data.columns), nested ones put together,
    text in encoded form (see decode_text).

    A text table may begin with a byte-order mark, be UTF-16, and have `;` or tabs between cells.

    Args:
        source: a file (one of READABLE by its suffix), or a frame of polars or pandas.

    Raises:
        UnknownNameError: another suffix.
        ReadError: not_found, unreadable, or not a table of that format.
    """
    if not isinstance(source, (str, os.PathLike)):
        return unflatten(_named(_of_memory(source), "the frame"))
    path = os.fspath(source)
    suffix = checks.choice(os.path.splitext(path)[1].lower(), "table suffix", READABLE)
    with open_regular(path) as file:
        try:
            if suffix == ".parquet":
                return _named(read_parquet(file), path)
            text = utf8_of(file.read(), path)
            if suffix != ".jsonl":
                apart = columns.delimiter_of(text.split(b"\n", 1)[0], suffix)
                cells = pl.read_csv(text, infer_schema=False, separator=apart)
                if any(name != name.strip() for name in cells.columns):  # `path, score`
                    cells = cells.with_columns(pl.all().str.strip_chars())
                return unflatten(_typed(_named(cells, path)))
            rows = [_parsed(line) for line in text.splitlines() if line.strip()]
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("a line is not a JSON object")
            names = list(dict.fromkeys(name for row in rows for name in row))
            whole = _frame({name: [row.get(name) for row in rows] for name in names})
            return unflatten(_named(whole, path))
        except pl.exceptions.NoDataError:
            return pl.DataFrame()
        except ReadError:
            raise
        except (pl.exceptions.PolarsError, ValueError, RecursionError) as error:
            raise ReadError(
                f"{path!r} must be a table in {suffix} form: {error}.", status="corrupt"
            ) from error


def _of_memory(source: Frame) -> pl.DataFrame:
    """A frame with the text that tables hold; one of polars is taken as it is."""
    if isinstance(source, pl.DataFrame):
        return source
    if not is_frame(source):
        raise InputError(f"A table must be a file or a frame, got {type(source).__name__}.")
    known = columns_of(source)
    return _frame({name: _plain(list(values)) for name, values in known.items()})


def _named(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """A frame whose columns have our names; columns without name and content (a separator at the
    end of each line makes one) are left out."""
    nameless = [name for name in frame.columns if not name.partition("_duplicated_")[0].strip()]
    kept = frame.drop(name for name in nameless if frame[name].null_count() == len(frame))
    return kept.rename(dict(zip(kept.columns, columns.canonical(kept.columns, where), strict=True)))


def _parsed(line: bytes) -> Any:
    """Returns the value of a JSON line; raises ValueError where it nests so deep that polars would
    take minutes and gigabytes for its type."""
    value = json.loads(line)
    if line.count(b"[") + line.count(b"{") > _DEEPEST and not _shallow(value, _DEEPEST):
        raise ValueError(f"a value nests more than {_DEEPEST} deep")
    return value


def _shallow(value: Any, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not inner or (left > 0 and all(_shallow(one, left - 1) for one in inner))


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Gives numbers and truth values their type where every cell is written as one."""
    return frame.with_columns(
        column if column.name in TEXT else _typed_column(column) for column in frame.get_columns()
    )


def _typed_column(column: pl.Series) -> pl.Series:
    known = column.drop_nulls()
    if not len(known):
        return typed(column)
    if known.is_in(["true", "false"]).all():
        return column == "true"
    if known.str.contains(r"^-?(0|[1-9][0-9]{0,17})$").all():
        return column.cast(pl.Int64)
    if known.str.contains(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$").all():
        return column.cast(pl.Float64)
    return column


@contextmanager
def _refusing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns polars' own errors while writing (it wraps the system's) into a WriteError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise WriteError(f"{os.fspath(path)!r} could not be written: {error}.") from error


class TableWriter:
    """Writes a table batch by batch in bounded memory; what was written survives a kill, and the
    table appears whole when the block ends well.

    Call `write` once per batch, in order. After a kill, the same call with the same `fingerprint`
    finds `done` batches already there: skip those. The final file is the same, byte for byte, as
    without the kill. The fingerprint must cover everything that decides the rows, batch size
    included.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> with TableWriter(path, fingerprint="f" * 64) as out:
    ...     for batch in [[{"id": "a", "score": 0.5}], [{"id": "b", "score": None}]][out.done :]:
    ...         out.write(batch)
    >>> path.read_text()
    '"id","score"\\n"a",0.5\\n"b",\\n'
    """

    def __init__(self, path: str | os.PathLike[str], *, fingerprint: str) -> None:
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

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds the next batch; an empty one counts too. Raises WriteError."""
        with (
            self._parts.writing(self._next) as aside,
            _refusing(self.path),
            open(aside, "wb") as file,
        ):
            frame_of(rows).write_parquet(file)
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
                    empty = pl.DataFrame(schema=schema)
                    batch = pl.concat([empty, part.collect()], how="diagonal_relaxed").select(
                        schema.names()
                    )
                    write_rows(batch, file, self.suffix, header=number == 0)
