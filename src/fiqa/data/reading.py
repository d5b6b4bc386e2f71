"""The edge of every reader: whatever the bytes of a file do to what reads them, a ReadError comes
out.

Libraries meet hostile bytes with any exception there is (struct.error, zlib.error, IndexError,
tokenize.TokenError, RecursionError, MemoryError, ...), and polars with a panic, which is no
Exception and is reported on stderr. One guard stands around each reader and turns all of them into
ReadError with the file's name and a status.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, BinaryIO, ParamSpec, TypeVar

from fiqa.errors import (
    ContentError,
    ContentNameError,
    ContentShapeError,
    FiqaError,
    InputError,
    ReadError,
    ShapeError,
    UnknownNameError,
)
from fiqa.types import PathLike

__all__ = ["no_panics", "read_at_most", "reader", "reading"]

P = ParamSpec("P")
R = TypeVar("R")

_CONTENT: tuple[tuple[type[InputError], type[ContentError]], ...] = (
    (UnknownNameError, ContentNameError),
    (ShapeError, ContentShapeError),
    (InputError, ContentError),
)
_REPORT = re.compile(rb"\n?thread '[^\n]*panicked at .*?(?:\nnote: [^\n]*\n?|\Z)", re.DOTALL)
_SHOWN, _LONGEST = 300, 2000
"""Characters that are shown of a library's message, and of our own."""
_NOTHING_THERE = (None, errno.EINVAL)
"""Numbers of an OSError that a library raises because of the bytes: none at all, or a seek to where
there is nothing."""


@contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Gives every error in the block the file's name, as a ReadError where a file is to blame.

    A ReadError keeps its kind and status. An InputError becomes a ContentError, which is both. What
    says nothing of the file stays as it is: a missing extra, data that cannot support a number, a
    disk that cannot be written.

    Args:
        path: the file that the block reads.

    Raises:
        ReadError: as above; with status too_large where memory ran out, unreadable where the system
            refused, else corrupt.

    >>> with reading("a.npz"):
    ...     [][1]
    Traceback (most recent call last):
    fiqa.errors.ReadError: 'a.npz' cannot be read: IndexError: list index out of range.
    """
    where = os.fspath(path)
    try:
        yield
    except FiqaError as error:
        raised = _named(error, where)
        if raised is error:
            raise
        raise raised from error
    except MemoryError as error:
        raise ReadError(
            f"{where!r} asks for more memory than there is.", status="too_large"
        ) from error
    except Exception as error:
        refused = isinstance(error, OSError) and error.errno not in _NOTHING_THERE
        status = "unreadable" if refused else "corrupt"
        raise ReadError(f"{where!r} cannot be read: {_summary(error)}.", status=status) from error
    except BaseException as error:
        if not _panic(error):
            raise
        raise ReadError(
            f"{where!r} is damaged: its reader broke off ({_summary(error)}).", status="corrupt"
        ) from error


def _named(error: FiqaError, where: str) -> FiqaError:
    """Returns the error with the file's name before its message, as the kind that it must be."""
    message = error.message if where in error.message else f"{where!r}: {error.message}"
    if len(message) > _LONGEST:  # the header of a damaged table, for one
        message = f"{message[:_LONGEST]} ..."
    if isinstance(error, ReadError):
        if message == error.message:
            return error
        return type(error)(message, status=error.status, hint=error.hint)
    for plain, kind in _CONTENT:
        if isinstance(error, plain):
            raised = kind(message, status="corrupt", hint=error.hint)
            raised.__dict__.update(closest=getattr(error, "closest", None))
            return raised
    return error


def _summary(error: BaseException) -> str:
    """Returns the kind of an error and the first line of what it says."""
    text = str(error).strip().split("\n", 1)[0].rstrip(".")[:_SHOWN]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _panic(error: BaseException) -> bool:
    """Tells a panic of native code (polars is built with pyo3) from an exit or an interrupt."""
    return type(error).__name__ == "PanicException"


def reader(function: Callable[P, R]) -> Callable[P, R]:
    """Returns a function whose first argument is a path, with `reading` of that path around it.

    Args:
        function: its first argument is the path.

    >>> @reader
    ... def size(path: str) -> int:
    ...     return {}[path]
    >>> size("a.csv")
    Traceback (most recent call last):
    fiqa.errors.ReadError: 'a.csv' cannot be read: KeyError: 'a.csv'.
    """
    first = next(iter(inspect.signature(function).parameters))

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        path: Any = args[0] if args else kwargs.get(first)
        if not isinstance(path, str | os.PathLike):  # no file, or a call that Python itself refuses
            return function(*args, **kwargs)
        with reading(path):
            return function(*args, **kwargs)

    return guarded


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """Returns the rest of a file, at most `most` bytes of it.

    The memory is that of the bytes there are, not of `most`.

    Args:
        file: open for reading bytes.
        most: how many bytes.
    """
    pieces: list[bytes] = []
    step, left = os.fstat(file.fileno()).st_size + 1, most
    while left > 0 and (piece := file.read(min(step, left))):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _NoPanics:
    """Keeps reports of panics off stderr while any thread reads.

    What else is written there in that time follows when the last has left.
    """

    def __init__(self) -> None:
        self._lock, self._depth, self._panicked = threading.Lock(), 0, False
        self._kept: tuple[int, IO[bytes]] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._panicked = False
                if sys.stderr is not None:  # else descriptor 2 is closed, or another file
                    # no place for a temporary file: reports are then not kept off
                    with suppress(OSError):
                        self._kept = _redirect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        with self._lock:
            self._depth -= 1
            self._panicked |= error is not None
            if self._depth or self._kept is None:
                return
            (own, aside), self._kept = self._kept, None
            os.dup2(own, 2)
            os.close(own)
            with aside:
                aside.seek(0)
                report = aside.read()
            rest = _REPORT.sub(b"", report) if self._panicked else report
            with suppress(OSError):
                os.write(2, rest)


def _redirect() -> tuple[int, IO[bytes]]:
    """Points descriptor 2 to a temporary file; returns a copy of what it was, and the file."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    own = os.dup(2)
    try:
        aside = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever leaves last
        os.dup2(aside.fileno(), 2)
    except OSError:
        os.close(own)
        raise
    return own, aside


no_panics = _NoPanics()
"""A context manager for reads of polars: a damaged file makes its native code panic, which reports
on stderr before it can be caught."""
