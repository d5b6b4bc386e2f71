"""Checks at the edge of the pure functions: shapes, finiteness, ranges, names.

A check returns the value in the form in which the function needs it, or raises an error that says
what must hold and what came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa.errors import InputError, ShapeError, UnknownNameError

__all__ = ["array", "choice", "crops", "finite", "ids", "in_range", "matrix", "unit_rows"]


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
    fits = result.ndim == len(shape) and all(
        lengths.setdefault(want, got) == got if isinstance(want, str) else want == got
        for want, got in zip(shape, result.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        raise ShapeError(f"{name} must have shape {wanted}, got {result.shape}.")
    return result


def matrix(value: ArrayLike, name: str, *, rows: int | None = None) -> NDArray[Any]:
    """Returns (N,D) numbers as they are: nothing is copied, a memory map stays one.

    Raises ShapeError (also for another N than `rows`).
    """
    result = np.asanyarray(value)
    if result.ndim != 2 or rows not in (None, len(result)):
        raise ShapeError(
            f"{name} must have shape ({'N' if rows is None else rows}, D), got {result.shape}."
        )
    return result


def finite(value: NDArray[Any], name: str) -> NDArray[Any]:
    """Returns `value` if it holds neither NaN nor infinity; raises InputError with their count
    otherwise."""
    bad = int(value.size - np.count_nonzero(np.isfinite(value)))
    if bad:
        raise InputError(
            f"{name} must be finite, got {bad} NaN or infinite of {value.size} values.",
            hint="leave failed rows out; missing is absent, never NaN",
        )
    return value


def ids(value: Iterable[Any], name: str, *, length: int | None = None) -> NDArray[np.str_]:
    """Returns ids as a (N,) array of str, each at most once; raises ShapeError or InputError."""
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
    """Returns `value` if it is one of `options`; raises UnknownNameError with the closest one
    otherwise."""
    known = list(options)
    if value not in known:
        raise UnknownNameError(name, str(value), known)
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
    """Returns `value` if it lies between `low` and `high`; raises InputError otherwise (also for
    NaN)."""
    inside = (value > low if open_low else value >= low) and (
        value < high if open_high else value <= high
    )
    if not inside:
        raise InputError(
            f"{name} must be in {'(' if open_low else '['}{low}, {high}{')' if open_high else ']'},"
            f" got {value}."
        )
    return value


def crops(value: ArrayLike, name: str = "crops", *, color: str = "RGB") -> NDArray[np.uint8]:
    """Returns aligned crops as (N,S,S,3) uint8 RGB; raises ShapeError for anything else (floats are
    not guessed at).

    Args:
        value: the crops.
        name: the parameter's name, for the message.
        color: the order of their channels, RGB or BGR (as OpenCV reads images).
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
    """Returns (N,D) float32 rows of unit length; raises when a row is not (NaN and zero rows are
    not)."""
    result = array(value, name, shape=("N", "D"), dtype=np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", result, result, dtype=np.float64))
    bad = int(np.count_nonzero(~(np.abs(norms - 1.0) <= tolerance)))
    if bad:
        raise InputError(
            f"{name} must have rows of unit length, got {bad} of {len(result)} that are not.",
            hint="divide each row by its norm; leave out zero and NaN rows",
        )
    return result
