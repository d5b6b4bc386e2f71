"""Checks at the edge of the pure functions: shapes, finiteness, ranges, names.

A check returns the value in the form in which the function needs it, or raises an error that says
what must hold and what came.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa.errors import InputError, ShapeError, UnknownNameError

__all__ = [
    "array",
    "choice",
    "crops",
    "finite",
    "floats",
    "ids",
    "in_range",
    "matrix",
    "path",
    "seed",
    "unit_rows",
]


def array(
    value: ArrayLike, name: str, *, shape: tuple[int | str, ...], dtype: Any = None
) -> NDArray[Any]:
    """Returns `value` as an array of the wanted shape.

    Args:
        value: anything numpy can read.
        name: the parameter's name, for the message.
        shape: one entry per axis: a number that must match, or a letter ("N") that matches any
            length (twice: the same).
        dtype: converted to when given.

    Raises:
        ShapeError: another number of axes or another length, or not convertible to `dtype`.

    >>> array([[1, 2]], "points", shape=("N", 2)).shape
    (1, 2)
    """
    try:
        result = np.asarray(value) if dtype is None else np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"{name} must be an array of {np.dtype(dtype)}; it cannot be converted: {error}."
        ) from error
    lengths: dict[str, int] = {}
    # A letter takes the first length that it meets and must find the same one again.
    fits = result.ndim == len(shape) and all(
        lengths.setdefault(axis, length) == length if isinstance(axis, str) else axis == length
        for axis, length in zip(shape, result.shape, strict=True)
    )
    if not fits:
        expected = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        raise ShapeError(f"{name} must have shape {expected}, got {result.shape}.")
    return result


def matrix(value: ArrayLike, name: str, *, rows: int | None = None) -> NDArray[Any]:
    """Returns (N,D) numbers as they are: nothing is copied, a memory map stays one.

    Args:
        value: anything numpy can read.
        name: the parameter's name, for the message.
        rows: the N that it must have; None is any.

    Raises:
        ShapeError: not two axes, or another N.
    """
    result = np.asanyarray(value)
    if result.ndim != 2 or rows not in (None, len(result)):
        raise ShapeError(
            f"{name} must have shape ({'N' if rows is None else rows}, D), got {result.shape}."
        )
    return result


def finite(value: NDArray[Any], name: str) -> NDArray[Any]:
    """Returns an array that holds neither NaN nor infinity, as it is.

    Args:
        value: numbers of any shape.
        name: the parameter's name, for the message.

    Raises:
        InputError: NaN or infinity; the message counts them.
    """
    bad = int(value.size - np.count_nonzero(np.isfinite(value)))
    if bad:
        raise InputError(
            f"{name} must be finite, got {bad} NaN or infinite of {value.size} values.",
            hint="leave failed rows out; missing is absent, never NaN",
        )
    return value


def floats(value: ArrayLike, name: str, *, shape: tuple[int | str, ...]) -> NDArray[Any]:
    """Returns finite numbers in their own float type, whole numbers as float64.

    Args:
        value: anything numpy can read.
        name: the parameter's name, for the message.
        shape: as `array`.

    Raises:
        ShapeError: another shape.
        InputError: NaN or infinity.
    """
    result = array(value, name, shape=shape)
    return finite(result if result.dtype.kind == "f" else result.astype(np.float64), name)


def ids(value: Iterable[Any], name: str, *, length: int | None = None) -> NDArray[np.str_]:
    """Returns ids as a (N,) array of str, each at most once.

    Args:
        value: the ids.
        name: the parameter's name, for the message.
        length: the N that there must be; None is any.

    Raises:
        ShapeError: not one axis, or another N.
        InputError: an id that occurs twice.
    """
    result = np.asarray(list(value) if not isinstance(value, np.ndarray) else value, dtype=np.str_)
    if result.ndim != 1 or (length is not None and len(result) != length):
        raise ShapeError(
            f"{name} must have shape ({'N' if length is None else length},), got {result.shape}."
        )
    unique, counts = np.unique(result, return_counts=True)
    if len(unique) != len(result):
        raise InputError(
            f"{name} must be unique, got {str(unique[counts.argmax()])!r} {counts.max()} times."
        )
    return result


def choice(value: str, name: str, options: Iterable[str]) -> str:
    """Returns a name that is one of the options, as it is.

    Args:
        value: the name.
        name: the parameter's name, for the message.
        options: what it may be.

    Raises:
        UnknownNameError: another name; the message says the closest option.
    """
    names = list(options)
    if value not in names:
        raise UnknownNameError(name, str(value), names)
    return value


def in_range(
    value: float,
    name: str,
    low: float,
    high: float,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Returns a number that lies between two bounds, as it is.

    Args:
        value: the number.
        name: the parameter's name, for the message.
        low: the lower bound.
        high: the upper bound.
        open_low: the lower bound itself is out.
        open_high: the upper bound itself is out.

    Raises:
        InputError: out of range, NaN, or no number.
    """
    _number(value, name)
    inside = (value > low if open_low else value >= low) and (
        value < high if open_high else value <= high
    )
    if not inside:
        raise InputError(
            f"{name} must be in {'(' if open_low else '['}{low}, {high}{')' if open_high else ']'},"
            f" got {value}."
        )
    return value


def _number(value: Any, name: str) -> None:
    # numpy's numbers count; to Python True is one, to a reader it is none
    if value is True or value is False or not isinstance(value, numbers.Real):
        raise InputError(f"{name} must be a number, got {value!r}.")


def path(value: Any, name: str) -> str:
    """Returns the path of a file or folder as text.

    Args:
        value: text or an os.PathLike.
        name: the parameter's name, for the message.

    Raises:
        InputError: something else, as a frame or an array.
    """
    if not isinstance(value, str | os.PathLike):
        kind = type(value).__name__
        raise InputError(f"{name} must be the path of a file or folder, got a {kind}.")
    return str(os.fspath(value))


def seed(value: Any, name: str = "seed") -> int:
    """Returns a seed of everything random: a whole number that is not negative.

    Args:
        value: the seed.
        name: the parameter's name, for the message.

    Raises:
        InputError: another value.
    """
    whole = isinstance(value, int | np.integer) and value is not True and value is not False
    if not whole or value < 0:
        raise InputError(f"{name} must be a whole number from 0 on, got {value!r}.")
    return int(value)


def crops(value: ArrayLike, name: str = "crops", *, color: str = "RGB") -> NDArray[np.uint8]:
    """Returns aligned crops as (N,S,S,3) uint8 RGB.

    Args:
        value: the crops.
        name: the parameter's name, for the message.
        color: the order of their channels, RGB or BGR (as OpenCV reads images).

    Raises:
        ShapeError: another shape or type; floats are not guessed at.
        UnknownNameError: another order.
    """
    choice(color, "color", ("RGB", "BGR"))
    result = np.asarray(value)
    if result.ndim != 4 or result.shape[1] != result.shape[2] or result.shape[3] != 3:
        raise ShapeError(
            f"{name} must have shape (N, S, S, 3), got {result.shape}.",
            hint="one image? add the batch axis: image[None]",
        )
    if result.dtype != np.uint8:
        raise ShapeError(f"{name} must be uint8 RGB in 0..255, got {result.dtype}.")
    return result if color == "RGB" else np.ascontiguousarray(result[..., ::-1])


def unit_rows(value: ArrayLike, name: str, *, tolerance: float = 1e-3) -> NDArray[np.float32]:
    """Returns (N,D) float32 rows of unit length.

    Args:
        value: the rows.
        name: the parameter's name, for the message.
        tolerance: how far from 1 a length may be.

    Raises:
        ShapeError: not two axes.
        InputError: a row of another length, NaN and zero rows among them.
    """
    result = array(value, name, shape=("N", "D"), dtype=np.float32)
    # Squares are summed in float64: in float32, long rows would fail for rounding alone.
    norms = np.sqrt(np.einsum("nd,nd->n", result, result, dtype=np.float64))
    # Written so that NaN counts as bad.
    bad = int(np.count_nonzero(~(np.abs(norms - 1.0) <= tolerance)))
    if bad:
        raise InputError(
            f"{name} must have rows of unit length, got {bad} of {len(result)} that are not.",
            hint="divide each row by its norm; leave out zero and NaN rows",
        )
    return result
