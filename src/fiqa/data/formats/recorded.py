"""Stand-ins for the numpy words of a pickle: they record and check what a file says, and rebuild
arrays from its bytes themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import ReadError, UnsafeFileError

__all__ = ["WORDS", "RecordedArray", "RecordedDtype", "Spend", "Word", "refuse", "text"]

_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"b1", "f2", "f4", "f8"}


Spend = Callable[[int], None]
"""Told how many bytes a stand-in is about to make; raises when the file has made too many."""


class RecordedArray:
    """A numpy array that a pickle describes.

    dtype and bytes are recorded first; `array` is a read-only view of them.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: NDArray[Any] | None = None) -> None:
        self._array = array

    def fill(self, data: Any, dtype: Any, shape: Any, fortran: bool) -> None:
        """Sets the array from its recorded parts.

        Args:
            data: the bytes.
            dtype: a RecordedDtype.
            shape: a tuple of whole numbers.
            fortran: whether the first axis runs fastest.

        Raises:
            ReadError: a part of another kind, or shape, dtype and byte count do not agree.
        """
        shaped = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        # Real files have at most four axes; numpy's own limit differs with its version.
        described = shaped and len(shape) <= 8 and isinstance(dtype, RecordedDtype)
        if not described or not isinstance(data, bytes | bytearray):
            raise ReadError(
                "An array must have a shape of whole numbers, a dtype and bytes; this one has not."
            )
        if math.prod(shape) * dtype.value.itemsize != len(data):
            raise ReadError(
                f"An array of {shape} {dtype.value} must have as many bytes, got {len(data)}."
            )
        self._array = np.frombuffer(data, dtype.value).reshape(shape, order="F" if fortran else "C")

    @property
    def array(self) -> NDArray[Any]:
        """The array.

        Raises:
            ReadError: the file never gave its content.
        """
        if self._array is None:
            raise ReadError(
                "An array must have content; the file ends without it.", status="truncated"
            )
        return self._array


@dataclass(eq=False)
class RecordedDtype:
    """A number type that a pickle describes.

    Attributes:
        value: the type; it gets its byte order after it is made.
    """

    value: np.dtype[Any]

    def set_order(self, order: str) -> None:
        """Sets the byte order.

        Args:
            order: < > | or =.

        Raises:
            ReadError: anything else.
        """
        if order not in ("<", ">", "|", "="):
            raise ReadError(f"A byte order must be one of < > | =, got {order[:8]!r}.")
        self.value = np.dtype(order + self.value.str[1:]) if order in "<>" else self.value


@dataclass(frozen=True, eq=False)
class Word:
    """A global that the reader knows.

    Attributes:
        name: with its module.
        build: what calling it means here.
    """

    name: str
    build: Callable[[Spend, tuple[Any, ...]], Any]


def refuse(what: str) -> NoReturn:
    """Refuses a pickle that uses more than plain data.

    Args:
        what: it uses, for the message.

    Raises:
        UnsafeFileError: always.
    """
    raise UnsafeFileError(
        f"The pickle must hold plain data only, it uses {what[:120]}; refused before anything ran.",
        hint="do not load this file with pickle either; ask its maker for the data in another form",
    )


def text(value: Any) -> str:
    """Returns a str that may stand as Python-2 str in the file.

    Args:
        value: out of the pickle.

    Raises:
        ReadError: it is no text.
    """
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ReadError(f"Text must stand here, got {type(value).__name__}.")
    return value


def _build_dtype(_: Spend, args: tuple[Any, ...]) -> RecordedDtype:
    name = text(args[0]) if args else ""
    if name not in _NUMBERS:
        refuse(f"the array type {name!r}")
    return RecordedDtype(np.dtype(name))


def _build_array(_: Spend, args: tuple[Any, ...]) -> RecordedArray:
    if not args or not isinstance(args[0], Word) or args[0].name != "numpy.ndarray":
        refuse("an array class other than numpy.ndarray")
    return RecordedArray()


def _build_scalar(_: Spend, args: tuple[Any, ...]) -> Any:
    result = RecordedArray()
    if len(args) != 2:
        raise ReadError(f"A numpy scalar must have a dtype and bytes, got {len(args)} arguments.")
    result.fill(args[1], args[0], (), False)
    return result.array[()]


def _build_from_buffer(_: Spend, args: tuple[Any, ...]) -> RecordedArray:
    if len(args) != 4:
        raise ReadError(f"An array of a buffer must have 4 arguments, got {len(args)}.")
    result = RecordedArray()
    result.fill(args[0], args[1], args[2], args[3] in ("F", b"F"))
    return result


def _build_encoded(spend: Spend, args: tuple[Any, ...]) -> bytes:
    if len(args) != 2 or not isinstance(args[0], str) or text(args[1]) not in ("latin1", "latin-1"):
        refuse("_codecs.encode with another encoding than latin-1")
    spend(len(args[0]))
    return args[0].encode("latin-1")


def _build_bytes(_: Spend, args: tuple[Any, ...]) -> bytes:
    if args:
        refuse("bytes() with an argument")
    return b""


def _build_bool(_: Spend, args: tuple[Any, ...]) -> bool:
    if len(args) > 1 or not all(isinstance(a, int) for a in args):
        refuse("bool() of something else than a number")
    return bool(args and args[0])


def _build_nothing(_: Spend, __: tuple[Any, ...]) -> NoReturn:
    refuse("numpy.ndarray as a function")


def _words() -> dict[tuple[str, str], Word]:
    table: dict[tuple[str, str], Callable[[Spend, tuple[Any, ...]], Any]] = {
        ("numpy", "ndarray"): _build_nothing,
        ("numpy", "dtype"): _build_dtype,
        ("_codecs", "encode"): _build_encoded,
    }
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = _build_array
        table[f"{core}.multiarray", "scalar"] = _build_scalar
        table[f"{core}.numeric", "_frombuffer"] = _build_from_buffer
    for module in ("builtins", "__builtin__"):
        table[module, "bytes"] = _build_bytes
        table[module, "bool"] = _build_bool
    return {key: Word(".".join(key), build) for key, build in table.items()}


WORDS = _words()
"""(module, name) -> the only globals that a file may name."""
