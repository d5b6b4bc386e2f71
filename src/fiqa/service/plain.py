"""What the processes of a service send back: words, numbers and bytes, in bounds and checked.

A picture may have taken over the process that decoded it, so nothing in an answer can run: it is
the length of a JSON text, the text, and a tail of bytes whose layout is fixed.
"""

from __future__ import annotations

import json
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from fiqa import errors
from fiqa.errors import FiqaError, WorkerError
from fiqa.execute.wire import Buffer
from fiqa.execute.worker import Answer
from fiqa.failures import Failures

__all__ = ["PlainForm"]

_TEXT = struct.Struct(">Q")
_FAULTS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, struct.error)


@dataclass(frozen=True)
class PlainForm:
    """The form (fiqa.execute.worker.Form) of one kind of results. What is noted as failed stays
    where it was noted.

    Attributes:
        write: takes results; returns what JSON can tell of them, and the tail.
        read: takes what JSON told and the tail; returns the results. It must raise one of the
            usual errors for whatever is none.
        values: that the text may have, numbers, words, lists and their like together.
        text: bytes of the text; as words they may take four times as many.
        most: bytes of an answer.
    """

    write: Callable[[list[Any]], tuple[Any, bytes]]
    read: Callable[[Any, memoryview], list[Any]]
    values: int
    text: int
    most: int

    def pack(self, answer: Answer) -> Sequence[Buffer]:
        """Returns an answer as bytes.

        Args:
            answer: to a batch.
        """
        error, results, _ = answer
        told, tail = self.write(results)
        whole = [None if error is None else _written(error), told]
        text = json.dumps(whole, separators=(",", ":")).encode()
        return [_TEXT.pack(len(text)), text, tail]

    def unpack(self, data: bytearray) -> Answer:
        """Returns the answer that was packed.

        Args:
            data: whatever came.

        Raises:
            WorkerError: it is none.
        """
        try:
            (size,) = _TEXT.unpack_from(data)
            if size > self.text:
                raise ValueError("its text is too long")
            whole = memoryview(data)
            text = bytes(whole[_TEXT.size : _TEXT.size + size])
            if sum(map(text.count, (b",", b"[", b"{", b":"))) > self.values:
                raise ValueError("it has too many values")
            error, told = from_json(text)
            results = self.read(told, whole[_TEXT.size + size :])
            return None if error is None else _read(error), results, Failures()
        except _FAULTS as fault:
            # no part of what came is told: it may be anything
            raise WorkerError("A worker process must answer in its form.") from fault


def _written(error: Exception) -> list[Any]:
    """An error's kind, its words, and its attributes that are words; of another error than fiqa's
    own the traceback are the words."""
    if not isinstance(error, FiqaError):
        return ["FiqaError", "".join(traceback.format_exception(error)), {"hint": None}]
    told = {k: v for k, v in vars(error).items() if v is None or isinstance(v, str)}
    return [type(error).__name__, error.message, told]


def _read(written: Any) -> FiqaError:
    if not isinstance(written, list):  # each letter of a long word would become an object
        raise ValueError("it has an error that is none")
    kind, message, told = written
    if kind not in errors.__all__ or not isinstance(message, str) or not isinstance(told, dict):
        raise ValueError("it has an error of no kind")
    made: type[FiqaError] = getattr(errors, kind)
    error = made.__new__(made, message)
    FiqaError.__init__(error, message)
    vars(error).update({k: v for k, v in told.items() if v is None or isinstance(v, str)})
    return error
