"""What the processes of a service send back: words, numbers and arrays, in bounds and checked.

A picture may have taken over the process that decoded it, so nothing in an answer can run: it is
the length of a JSON text, the text, and the bytes of the arrays that the text lists.
"""

from __future__ import annotations

import json
import math
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fiqa import errors
from fiqa.errors import FiqaError, WorkerError
from fiqa.execute.wire import Buffer
from fiqa.execute.worker import Answer
from fiqa.failures import Failures

__all__ = ["Arrays", "PlainForm"]

Arrays: TypeAlias = list[NDArray[Any]]
_TEXT = struct.Struct(">Q")
_FAULTS = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, RecursionError, struct.error),
)
_KINDS = {"uint8": np.uint8, "bool": np.bool_, "float32": np.float32}


@dataclass(frozen=True)
class PlainForm:
    """The form (fiqa.execute.worker.Form) of one kind of results. What is noted as failed stays
    where it was noted.

    Attributes:
        write: takes a result and a list that it adds arrays to; returns what JSON can tell of it.
        read: takes what JSON told and the list of all arrays; returns the result. It must raise
            ValueError or TypeError for whatever is none.
        values: that the text may have, numbers, words, lists and their like together.
        most: bytes of an answer.
    """

    write: Callable[[Any, Arrays], Any]
    read: Callable[[Any, Arrays], Any]
    values: int
    most: int

    def pack(self, answer: Answer) -> Sequence[Buffer]:
        """Returns an answer as bytes.

        Args:
            answer: to a batch.
        """
        error, results, _ = answer
        arrays: Arrays = []
        told: dict[str, Any] = {"error": None if error is None else _written(error)}
        told["results"] = [self.write(result, arrays) for result in results]
        told["arrays"] = [[value.dtype.name, *value.shape] for value in arrays]
        text = json.dumps(told, separators=(",", ":")).encode()
        return [_TEXT.pack(len(text)), text, *(value.tobytes() for value in arrays)]

    def unpack(self, data: bytearray) -> Answer:
        """Returns the answer that was packed.

        Args:
            data: whatever came.

        Raises:
            WorkerError: it is none.
        """
        try:
            (size,) = _TEXT.unpack_from(data)
            text = bytes(memoryview(data)[_TEXT.size : _TEXT.size + size])
            if sum(map(text.count, (b",", b"[", b"{", b":"))) > self.values:
                raise ValueError("it has too many values")
            told = json.loads(text)
            arrays = _arrays(told["arrays"], memoryview(data)[_TEXT.size + size :])
            error = None if told["error"] is None else _read(*told["error"])
            return error, [self.read(result, arrays) for result in told["results"]], Failures()
        except _FAULTS as fault:
            # no part of what came is told: it may be anything
            raise WorkerError("A worker process must answer in its form.") from fault


def _arrays(listed: list[Any], data: memoryview) -> Arrays:
    arrays: Arrays = []
    for name, *shape in listed:
        if not all(type(side) is int and 0 <= side < 2**32 for side in shape):
            raise ValueError("it has an array of no shape")
        kind = np.dtype(_KINDS[name])
        count = math.prod(shape)
        part, data = data[: count * kind.itemsize], data[count * kind.itemsize :]
        # a bool that is neither 0 nor 1 is none
        plain = (
            np.frombuffer(part, np.uint8) != 0 if kind == np.bool_ else np.frombuffer(part, kind)
        )
        arrays.append(plain.reshape(shape))
    if len(data):
        raise ValueError("it has bytes that belong to no array")
    return arrays


def _written(error: Exception) -> list[Any]:
    """An error's kind, its words, and its attributes that are words; of another error than fiqa's
    own the traceback are the words."""
    if not isinstance(error, FiqaError):
        return ["FiqaError", "".join(traceback.format_exception(error)), {"hint": None}]
    told = {k: v for k, v in vars(error).items() if v is None or isinstance(v, str)}
    return [type(error).__name__, error.message, told]


def _read(kind: str, message: str, told: dict[str, str | None]) -> FiqaError:
    if kind not in errors.__all__ or not isinstance(message, str) or not isinstance(told, dict):
        raise ValueError("it has an error of no kind")
    made: type[FiqaError] = getattr(errors, kind)
    error = made.__new__(made, message)
    FiqaError.__init__(error, message)
    vars(error).update({k: v for k, v in told.items() if v is None or isinstance(v, str)})
    return error
