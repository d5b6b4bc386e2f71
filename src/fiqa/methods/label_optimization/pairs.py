"""The pairs of an identity that one repeat draws, each as a word that sorts by its similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.batches import batches

__all__ = ["draw_pairs", "generator"]

_GRAM_ROWS = 2048


def generator(seed: int, *key: int) -> np.random.Generator:
    """Returns the random numbers of a seed and a key: the same on every machine.

    >>> float(generator(0, 1).random()) == float(generator(0, 1).random())
    True
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, *key))))


def draw_pairs(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    cluster: NDArray[np.int32],
    draws: Sequence[np.random.Generator],
    words: NDArray[np.uint64],
    at: int = 0,
) -> int:
    """Writes one identity's fresh pairs of every repeat into the columns of `words` from `at` on.

    A word has the sortable similarity in its high half, the lower-quality image in its low half.

    Args:
        vectors: (n,D) unit vectors of the identity's images, in the order of their prior: the
            lower-quality one of a pair is the one that comes first.
        rows: (n,) of the images, in the same order.
        cluster: (n,) of each image, likewise.
        draws: the random numbers of each repeat.
        words: (repeats, L), filled.
        at: the first column.

    Returns:
        the column behind the last one.
    """
    local = np.unique(cluster, return_inverse=True)[1]
    by_cluster = np.argsort(local, kind="stable").astype(np.int32)
    size = np.bincount(local).astype(np.int32)
    first = (np.cumsum(size) - size).astype(np.int32)
    for piece in batches(len(rows), _GRAM_ROWS):
        # The product of a matrix with its own transpose costs half.
        complete = piece.stop - piece.start == len(rows)
        gram = (vectors @ vectors.T if complete else vectors[piece] @ vectors.T).ravel()
        mine, other = np.nonzero(np.arange(len(size)) != local[piece, None])
        start, many = first[other], size[other]
        line = mine * len(rows)
        mine = mine.astype(np.int32) + np.int32(piece.start)
        end = at + len(mine)
        for word, rng in zip(words[:, at:end], draws, strict=True):
            step = (rng.random(len(mine), np.float32) * many).astype(np.int32)
            # In float32 a number just under 1 times `many` may round up to `many`.
            theirs = by_cluster[start + np.minimum(step, many - 1, out=step)]
            # Similarity in the high half decides the order; the row below it comes along.
            word[:] = _sortable(gram[line + theirs])
            word <<= np.uint64(32)
            word |= rows[np.minimum(mine, theirs)].view(np.uint64)
        at = end
    return at


def _sortable(value: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Floats as integers of the same order: negative ones are inverted, positive ones get the sign
    bit."""
    bits = value.view(np.uint32)
    sign = (value.view(np.int32) >> 31).view(np.uint32)
    ordered: NDArray[np.uint32] = bits ^ (sign | np.uint32(0x80000000))
    return ordered
