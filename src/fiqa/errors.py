"""Every error that fiqa raises on purpose, as one tree.

    FiqaError
    ├── InputError (ValueError)          a value breaks what the caller promised
    │   ├── ShapeError                   an array has another shape or dtype than it must
    │   └── UnknownNameError             a name that is in no table; carries the closest match
    ├── ReadError (OSError)              a file cannot be read; `status` (fiqa.vocabulary) says why
    │   ├── UnsafeFileError              a file that could run code or exhaust memory
    │   ├── ContentError (InputError)    a file that holds what it must not, or lacks what it must
    │   │   ├── ContentShapeError (ShapeError)
    │   │   └── ContentNameError (UnknownNameError)
    │   └── WeightsError                 a model file is absent, broken, or not that of its card
    ├── WriteError (OSError)             a file cannot be written; nothing is left behind
    ├── DetectorError (RuntimeError)     no face detector can be used as asked
    ├── EvidenceError (ValueError)       the data cannot support the number that was asked for
    ├── WorkerError (RuntimeError)       a worker process ended without an answer
    └── MissingExtraError (ImportError)  an optional dependency is not installed

An error says what must hold, what was given and, where there is one, a remedy on a line that starts
with `hint:`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ContentError",
    "ContentNameError",
    "ContentShapeError",
    "DetectorError",
    "EvidenceError",
    "FiqaError",
    "InputError",
    "MissingExtraError",
    "ReadError",
    "ShapeError",
    "UnknownNameError",
    "UnsafeFileError",
    "WeightsError",
    "WorkerError",
    "WriteError",
]


class FiqaError(Exception):
    """Base of all errors raised by fiqa. `hint` is the remedy, or None."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message), self.__dict__


def _rebuild(kind: type[FiqaError], message: str) -> FiqaError:
    """Returns an error that comes from another process, whatever its constructor takes."""
    error = kind.__new__(kind, message)
    error.args = (message,)
    return error


class InputError(FiqaError, ValueError):
    """A value breaks what the caller promised."""


class ShapeError(InputError):
    """An array has another shape or dtype than it must."""


class UnknownNameError(InputError):
    """A name that is in no table.

    The message lists the table's names and the hint the closest one.
    """

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
        super().__init__(
            f"Unknown {kind} {given!r}; must be one of: {', '.join(names) or '(none)'}.",
            hint=f"did you mean {close[0]!r}?" if close else None,
        )
        self.closest = close[0] if close else None


class ReadError(FiqaError, OSError):
    """A file cannot be read. `status` is the row status that tells why."""

    def __init__(
        self, message: str, *, status: str = "unreadable", hint: str | None = None
    ) -> None:
        FiqaError.__init__(
            self, message, hint=hint
        )  # not super(): a kind of this may be a kind of another error too
        self.status = status


class UnsafeFileError(ReadError):
    """A file that could run code or exhaust memory, refused before it does."""


class ContentError(ReadError, InputError):
    """A file that can be read and holds what it must not, or lacks what it must have: a column, a
    number, a key."""


class ContentShapeError(ContentError, ShapeError):
    """A file whose array has another shape or type than it must."""


class ContentNameError(ContentError, UnknownNameError):
    """A file that uses a name which is in no table. The hint is the closest one."""

    closest: str | None = None


class WeightsError(ReadError):
    """A model file is absent, cannot be loaded, or is not the one that its card describes."""


class WriteError(FiqaError, OSError):
    """A file cannot be written: the disk is full, permission is missing.

    What was there before is unchanged.
    """


class DetectorError(FiqaError, RuntimeError):
    """No face detector can be used as asked."""


class EvidenceError(FiqaError, ValueError):
    """The data cannot support the number that was asked for."""


class WorkerError(FiqaError, RuntimeError):
    """A worker process ended without an answer: a crash in native code, or killed for its
    memory."""


class MissingExtraError(FiqaError, ImportError):
    """An optional dependency is not installed; the hint is the exact install line."""
