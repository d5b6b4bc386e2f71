"""What belongs to one identity: codes, groups and class centers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.functional.batches import batches
from fiqa.functional.similarity import normalize

__all__ = ["class_centers", "class_sums", "directions", "encode", "groups", "own_similarity"]

_ROWS = 1 << 15
"""Rows that are normalized at a time: 64 MB of 512 float32 numbers each."""


def encode(identities: ArrayLike, count: int) -> tuple[NDArray[np.int64], int]:
    """Returns (code (N,) of each image 0..K-1 in sorted order of the names, K).

    Args:
        identities: (N,) of any type.
        count: the N that they must have.

    Raises:
        ShapeError: another number of identities.

    >>> encode(["b", "a", "b"], 3)[0].tolist()
    [1, 0, 1]
    """
    names = checks.array(identities, "identities", shape=(count,))
    classes, code = np.unique(names, return_inverse=True)
    return code.astype(np.int64), len(classes)


def groups(code: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Returns the row numbers of each code, ascending, one array per code.

    Args:
        code: (N,) integers.

    >>> [g.tolist() for g in groups(np.array([1, 0, 1]))]
    [[1], [0, 2]]
    """
    if not len(code):
        return []
    order = np.argsort(code, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1)


def class_centers(
    embeddings: NDArray[np.floating[Any]], code: NDArray[np.int64], classes: int
) -> NDArray[np.float32]:
    """Returns the mean direction of each class, (K,D) float32 of unit length.

    The mean is of the vectors at unit length. A class whose vectors cancel out has no direction;
    its center stays the zero vector.

    Args:
        embeddings: (N,D) of any length.
        code: (N,) class of each row, 0..classes-1.
        classes: how many classes there are.

    Raises:
        InputError: NaN or zero rows.

    >>> class_centers(np.array([[1.0, 0], [0, 1.0]]), np.array([0, 0]), 1).round(3).tolist()
    [[0.7070000171661377, 0.7070000171661377]]
    """
    return directions(class_sums(embeddings, code, classes))


def directions(total: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns sums of vectors at unit length, float32; a sum of no length stays zero.

    Args:
        total: (K,D) sums.

    >>> directions(np.array([[3.0, 4.0], [0, 0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return (total / np.where(length > 1e-12, length, 1.0)).astype(np.float32)


def own_similarity(
    embeddings: NDArray[np.floating[Any]],
    code: NDArray[np.int64],
    classes: int,
    *,
    leave_out: bool = False,
    least: int = 1,
    total: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Returns cos(e_i, center of the own class), (N,) float32, NaN where there is no center.

    Args:
        embeddings: (N,D) of any length; read in blocks of rows.
        code: (N,) class of each row, 0..classes-1.
        classes: how many classes there are.
        leave_out: whether an image is left out of its own center, which is then the mean of the
            others of the class.
        least: images that make a center; a class with fewer others (or images) has none.
        total: (K,D) the class_sums where they are known.

    Raises:
        InputError: NaN or zero rows.

    >>> e = np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]])
    >>> own_similarity(e, np.array([0, 0, 1]), 2, leave_out=True).round(2).tolist()
    [0.6000000238418579, 0.6000000238418579, nan]
    """
    count = np.bincount(code, minlength=classes)
    if total is None:
        total = class_sums(embeddings, code, classes)
    result = np.empty(len(code), np.float32)
    for piece in batches(len(code), _ROWS):
        unit = normalize(embeddings[piece], "embeddings").astype(np.float64)
        # The sum less the own vector, not a second pass; float64 keeps what is left exact enough.
        center = total[code[piece]] - unit if leave_out else total[code[piece]]
        length = np.linalg.norm(center, axis=1)
        cosine = np.einsum("nd,nd->n", unit, center) / np.where(length > 1e-12, length, 1.0)
        others = count[code[piece]] - (1 if leave_out else 0)
        result[piece] = np.where(others >= max(least, 1), cosine, np.nan)
    return result


def class_sums(
    embeddings: NDArray[np.floating[Any]],
    code: NDArray[np.int64],
    classes: int,
    *,
    place: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Returns the sum of each class's vectors at unit length, (K,D).

    Args:
        embeddings: (N,D) of any length; read in blocks of rows.
        code: (N,) class of each row, 0..classes-1.
        classes: how many classes there are.
        place: (N,) ascending, where some whole classes of a longer table are given: the place of
            each row in it. The sums are then those of the table, to the last bit.

    Raises:
        InputError: NaN or zero rows.

    >>> class_sums(np.array([[1.0, 0], [0, 2.0]]), np.array([0, 0]), 1).tolist()
    [[1.0, 1.0]]
    """
    total = np.zeros((classes, embeddings.shape[1]))
    for piece in batches(len(code), _ROWS) if place is None else _blocks(place):
        unit = normalize(embeddings[piece], "embeddings")
        # a sum per class beats one reduceat over all of them eight times
        for rows in groups(code[piece]):
            total[code[piece.start + rows[0]]] += unit[_slice(rows)].sum(axis=0, dtype=np.float64)
    return total


def _blocks(place: NDArray[np.int64]) -> Iterator[slice]:
    """Yields what lies in each block of the longer table."""
    ends = np.append(np.flatnonzero(np.diff(place // _ROWS)) + 1, len(place))
    start = 0
    for end in ends.tolist():
        if end > start:
            yield slice(start, end)
        start = end


def _slice(rows: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Ascending row numbers as a slice where they are consecutive, which copies nothing."""
    return slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] == len(rows) - 1 else rows
