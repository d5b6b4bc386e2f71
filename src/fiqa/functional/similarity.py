"""Cosine similarity of embeddings, for chosen pairs or for all of them in blocks, in bounded
memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError

__all__ = ["blocks", "normalize", "pair_similarity"]


def normalize(vectors: ArrayLike, name: str = "vectors") -> NDArray[np.float32]:
    """Returns (N,D) float32 rows of unit length.

    Args:
        vectors: (N,D) finite numbers, no row of length zero.
        name: what the caller calls them, for the message.

    Raises:
        ShapeError: not two axes.
        InputError: NaN, infinite, or a row of length zero.

    >>> normalize([[3.0, 4.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    rows = checks.finite(checks.array(vectors, name, shape=("N", "D"), dtype=np.float32), name)
    # Squares are summed in float64: long float32 rows lose digits that the cosines need.
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    if np.any(length == 0):
        raise InputError(
            f"{name} must have no row of length zero, got {int(np.count_nonzero(length == 0))} of"
            f" {len(rows)}.",
            hint="leave these rows out; their status is invalid_embedding",
        )
    return np.asarray(rows / length[:, None].astype(np.float32), dtype=np.float32)


def pair_similarity(
    embeddings: ArrayLike, index: ArrayLike, *, chunk: int = 65536
) -> NDArray[np.float32]:
    """Returns the cosine of each listed pair, (P,) float32 in about [-1,1].

    Args:
        embeddings: (N,D) vectors; rows are normalized here.
        index: (P,2) integers in 0..N-1.
        chunk: pairs computed at a time; bounds the memory, never changes the result.

    Raises:
        ShapeError, InputError: shapes, NaN, a zero row, an index out of range.

    >>> pair_similarity([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]], [[0, 1], [0, 2]]).tolist()
    [0.0, 1.0]
    """
    unit = normalize(embeddings)
    pairs = checks.array(index, "index", shape=("P", 2), dtype=np.int64)
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(unit)):
        raise InputError(f"index must lie in 0..{len(unit) - 1}, got {pairs.min()}..{pairs.max()}.")
    result = np.empty(len(pairs), np.float32)
    # Gathering all pairs at once would copy a vector as often as it is paired.
    for start in range(0, len(pairs), chunk):
        part = pairs[start : start + chunk]
        result[start : start + chunk] = np.einsum("pd,pd->p", unit[part[:, 0]], unit[part[:, 1]])
    return result


def blocks(embeddings: ArrayLike, *, rows: int = 1024) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yields (start, similarity (B,N) float32) of the full similarity matrix, row blocks in order.

    Args:
        embeddings: (N,D) vectors; rows are normalized here.
        rows: rows of a block, at least 1.

    Raises:
        ShapeError, InputError: see normalize.

    >>> vectors = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> [(start, block.shape) for start, block in blocks(vectors, rows=2)]
    [(0, (2, 3)), (2, (1, 3))]
    """
    unit = normalize(embeddings)
    for start in range(0, len(unit), rows):
        yield start, unit[start : start + rows] @ unit.T
