"""Parquet files: what a file claims is checked before polars believes it, and what polars then
makes of damage is an error.

One wrong byte in the header of a page can claim gigabytes, and native code that asks for them ends
the whole process. So the footer and the header of every page are read here first: they are structs
of Thrift's compact protocol [1, 2].

[1] https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
[2] https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift (the numbers
    of the fields)
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, BinaryIO

from fiqa.data.reading import no_panics
from fiqa.errors import UnsafeFileError

__all__ = ["check_parquet", "fetched_groups", "read_parquet", "row_groups"]

_MAGIC = b"PAR1"
_COPIED = 1 << 22
"""Bytes that are copied at once."""
_DEPTH = 32
"""Levels of nesting; native code recurses with them."""
_SMALL, _MOST_COMPRESSED = 1 << 24, 1000
"""Bytes that are unpacked without asking, and how many times its size a larger part may become."""
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE = (1, 2), 3, (4, 5, 6), 7  # kinds of values
_TEXT, _LISTS, _MAP, _STRUCT = 8, (9, 10), 11, 12
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4  # of the file
_CHILDREN = 5  # of an element of the schema
_COLUMNS, _GROUP_ROWS = 1, 3  # of a row group
_ELSEWHERE, _ABOUT = 1, 3  # of a column chunk
_VALUES, _PACKED, _FIRST, _DICTIONARY = 5, 7, 9, 11  # of what is said about it
_UNPACKED_PAGE, _PACKED_PAGE, _PAGE_KINDS = 2, 3, {5, 7, 8}  # of the header of a page
_DICTIONARY_PAGE = 7

Struct = dict[int, Any]


def read_parquet(file: BinaryIO) -> Any:
    """Returns the polars frame in an open Parquet file.

    Args:
        file: open for reading bytes.

    Raises:
        ValueError, UnsafeFileError: see check_parquet. These, and what polars itself raises, a
            panic included, are for the guard around the reader (fiqa.data.reading); the report of a
            panic does not reach stderr.
    """
    import polars as pl

    check_parquet(file)
    file.seek(0)
    with no_panics:
        return pl.read_parquet(file)


def row_groups(file: BinaryIO) -> list[int]:
    """Returns how many rows each group of an open Parquet file has, after its check.

    Args:
        file: open for reading bytes.

    Raises:
        ValueError, UnsafeFileError: see check_parquet.
    """
    check_parquet(file)
    size = file.seek(0, 2)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = size - 8 - int.from_bytes(data[-8:-4], "little")
        footer, _ = _Thrift(data, start, size - 8).struct()
    return [group[_GROUP_ROWS] for group in footer[_GROUPS]]


def fetched_groups(file: IO[bytes]) -> Iterator[tuple[Path, int, int]]:
    """Yields the groups of rows of a Parquet file that is in no mapped file: the path of one on the
    disk that has that group alone (with a hole in the place of each other one), the group's first
    row and how many rows it has. The file on the disk is gone when the next one is asked for.

    Args:
        file: open for reading bytes.

    Raises:
        ValueError, UnsafeFileError: as check_parquet, of the group that is next.
    """
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    tail = file.read(8)
    start = size - 8 - int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or start < 4:
        raise ValueError("it must end with the length of what stands before it, and PAR1")
    file.seek(start)
    content = file.read(size - start)
    footer, _ = _Thrift(content, 0, len(content) - 8).struct()
    first = 0
    with _fields_there(), TemporaryDirectory() as folder:
        _check_depth(footer[_SCHEMA])
        _check_rows(footer)
        for group in footer[_GROUPS]:
            rows = group[_GROUP_ROWS]
            path = Path(folder, "group.parquet")
            with open(path, "w+b") as part:
                part.write(_MAGIC)
                for column in group[_COLUMNS]:
                    _copy(file, part, *_span(column, start))
                part.seek(start)
                part.write(content)
                part.flush()
                with mmap.mmap(part.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    for column in group[_COLUMNS]:
                        _check_column(data, column, rows, start)
            yield path, first, rows
            first += rows


def _copy(file: IO[bytes], part: IO[bytes], start: int, stop: int) -> None:
    file.seek(start)
    part.seek(start)
    while start < stop and (piece := file.read(min(_COPIED, stop - start))):
        part.write(piece)
        start += len(piece)


@contextmanager
def _fields_there() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a field that must be there is not, or is of another kind") from error


def check_parquet(file: BinaryIO) -> None:
    """Returns if a Parquet file claims no more rows, values and bytes than it can hold.

    Args:
        file: open for reading bytes.

    Raises:
        ValueError: no Parquet file, damaged, or its parts contradict each other.
        UnsafeFileError: a page unpacks to far more than it is, or a column lies in another file.
    """
    size = file.seek(0, 2)
    if size < 12:
        raise ValueError(f"it must have at least 12 bytes, it has {size}")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != _MAGIC or data[-4:] != _MAGIC:
            raise ValueError("it must begin and end with PAR1")
        start = size - 8 - int.from_bytes(data[-8:-4], "little")
        with _fields_there():
            footer, _ = _Thrift(data, start, size - 8).struct()
            _check_depth(footer[_SCHEMA])
            for group in footer[_GROUPS]:
                for column in group[_COLUMNS]:
                    _check_column(data, column, group[_GROUP_ROWS], start)
            _check_rows(footer)


def _check_rows(footer: Struct) -> None:
    claimed = sum(group[_GROUP_ROWS] for group in footer[_GROUPS])
    if footer[_ROWS] != claimed:
        raise ValueError(f"it says {footer[_ROWS]} rows and its groups {claimed}")


def _check_depth(schema: list[Struct]) -> None:
    """Refuses a schema in which native code would recurse without end.

    A schema is its tree, flattened from the root.
    """
    open_: list[int] = []
    for element in schema:
        while open_ and open_[-1] <= 0:
            open_.pop()
        if open_:
            open_[-1] -= 1
        open_.append(element.get(_CHILDREN, 0))
        if len(open_) > _DEPTH:
            raise ValueError(f"its columns nest more than {_DEPTH} deep")


def _span(column: Struct, end: int) -> tuple[int, int]:
    """Returns where a column begins and ends, before the footer at `end`."""
    if _ELSEWHERE in column:
        raise UnsafeFileError("All columns must be in the file, one names another file.")
    about = column[_ABOUT]
    # The dictionary, where there is one, stands before the first page.
    start = min(about[_FIRST], about.get(_DICTIONARY) or about[_FIRST])
    stop = start + about[_PACKED]
    if not 4 <= start <= stop <= end:
        raise ValueError(f"a column claims the bytes {start} to {stop} of {end}")
    return start, stop


def _check_column(data: mmap.mmap, column: Struct, rows: int, end: int) -> None:
    start, stop = _span(column, end)
    about = column[_ABOUT]
    if about[_VALUES] < rows:
        raise ValueError(f"a column has {about[_VALUES]} values in {rows} rows")
    _check_claim(about[_VALUES], stop - start, "values")
    values = sum(_pages(data, start, stop))
    if values != about[_VALUES]:
        raise ValueError(f"a column says {about[_VALUES]} values and its pages {values}")


def _pages(data: mmap.mmap, start: int, stop: int) -> Iterator[int]:
    """Yields the number of values of each page of a column, after checking what it claims.

    A page that is a dictionary has none.
    """
    while start < stop:
        header, start = _Thrift(data, start, stop).struct()
        kind = next(iter(header.keys() & _PAGE_KINDS), -1)
        packed, unpacked, values = header[_PACKED_PAGE], header[_UNPACKED_PAGE], header[kind][1]
        if min(packed, unpacked, values) < 0 or packed > stop - start:
            raise ValueError(f"a page claims {packed} bytes, {stop - start} are left")
        _check_claim(unpacked, packed, "bytes")
        _check_claim(values, packed, "values")
        start += packed
        yield 0 if kind == _DICTIONARY_PAGE else values


def _check_claim(claimed: int, packed: int, what: str) -> None:
    if claimed > _SMALL and claimed > _MOST_COMPRESSED * packed:
        raise UnsafeFileError(
            f"A part of {packed} bytes must hold at most {_MOST_COMPRESSED} times as many {what},"
            f" it claims {claimed}.",
            status="too_large",
        )


class _Thrift:
    """Reads structs of the compact protocol from `data`, between `place` and `end`.

    It raises ValueError where there is none.
    """

    def __init__(self, data: mmap.mmap | bytes, place: int, end: int) -> None:
        if not 0 <= place <= end <= len(data):
            raise ValueError(f"a part claims the bytes {place} to {end} of {len(data)}")
        self.data, self.place, self.end = data, place, end

    def struct(self, depth: int = 0) -> tuple[Struct, int]:
        """Returns field number -> value, and the place behind it."""
        if depth > _DEPTH:
            raise ValueError(f"it nests more than {_DEPTH} deep")
        result: Struct = {}
        number = 0
        while head := self.byte():
            # The high bits are the step from the last field; 0 says that the number itself follows.
            number = number + (head >> 4) if head >> 4 else self.signed()
            kind = head & 15
            result[number] = kind == 1 if kind in _BOOLEANS else self.value(kind, depth)
        return result, self.place

    def value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self.signed()
        if kind == _TEXT:
            self.skip(self.varint())
            return None
        if kind == _STRUCT:
            return self.struct(depth + 1)[0]
        if kind in _LISTS:
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15, depth + 1) for _ in range(self.counted(count))]
        if kind in (*_BOOLEANS, _BYTE):
            return self.byte()
        if kind == _DOUBLE:
            self.skip(8)
            return None
        if kind == _MAP and (count := self.varint()):
            kinds = self.byte()
            return [
                (self.value(kinds >> 4, depth + 1), self.value(kinds & 15, depth + 1))
                for _ in range(self.counted(count))
            ]
        if kind == _MAP:
            return []
        raise ValueError(f"a value of the unknown kind {kind} at byte {self.place}")

    def byte(self) -> int:
        self.skip(1)
        return self.data[self.place - 1]

    def skip(self, count: int) -> None:
        self.place += self.counted(count)

    def counted(self, count: int) -> int:
        """Returns a count of things that take at least a byte each."""
        if count > self.end - self.place:
            raise ValueError(
                f"it claims {count} at byte {self.place}, {self.end - self.place} are left"
            )
        return count

    def varint(self) -> int:
        result = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
        raise ValueError(f"a number without end at byte {self.place}")

    def signed(self) -> int:
        number = self.varint()
        # Zigzag: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
        return number >> 1 ^ -(number & 1)
