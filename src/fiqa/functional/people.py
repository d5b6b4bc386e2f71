"""Who is like whom: two names that may be one person, and how strangers look to a folder.

Every limit is a ratio or a share within the same vectors, so that it means the same for any
recognizer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_centers
from fiqa.functional.similarity import normalize

__all__ = ["Neighbors", "SamePerson", "neighbors", "same_people"]

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Neighbors:
    """What every image looks like to the people that it is not filed under.

    Attributes:
        nearest: (N,) code of the other person whose center is nearest.
        cosine: (N,) to that center.
        stranger: (N,) cosine to the center of one other person, each of them in turn.
    """

    nearest: NDArray[np.int64]
    cosine: NDArray[np.float32]
    stranger: NDArray[np.float32]


def neighbors(vectors: NDArray[np.float32], code: NDArray[np.int64], classes: int) -> Neighbors:
    """Returns the nearest other person of every image, and one to stand for any stranger.

    Args:
        vectors: (N,D) of any length.
        code: (N,) person of each, 0..classes-1.
        classes: how many people there are, at least 2.

    Raises:
        InputError: fewer than 2 people, or a vector of length zero.

    >>> found = neighbors(np.eye(3, dtype=np.float32), np.array([0, 1, 2]), 3)
    >>> found.cosine.tolist()
    [0.0, 0.0, 0.0]
    """
    if classes < 2:
        raise InputError(f"classes must be at least 2, got {classes}; there is no other person.")
    centers = class_centers(vectors, code, classes)
    n = len(code)
    nearest, cosine = np.zeros(n, np.int64), np.zeros(n, np.float32)
    stranger = np.zeros(n, np.float32)
    for piece in batches(n, _ROWS):
        table = normalize(vectors[piece], "vectors") @ centers.T
        rows, own = np.arange(len(table)), code[piece]
        # Each row asks another of the others, so that all of them are asked about as often.
        step = 1 + (np.arange(piece.start, piece.stop) % (classes - 1))
        stranger[piece] = table[rows, (own + step) % classes]
        table[rows, own] = -np.inf
        nearest[piece] = table.argmax(axis=1)
        cosine[piece] = table[rows, nearest[piece]]
    return Neighbors(nearest, cosine, stranger)


@dataclass(frozen=True)
class SamePerson:
    """Two names that may be one person.

    Attributes:
        first: code of the one.
        second: code of the other, larger than `first`.
        likeness: mean cosine across the two over that within each; 1 is one person.
        cosine: mean across the two.
    """

    first: int
    second: int
    likeness: float
    cosine: float


def same_people(
    vectors: NDArray[np.float32],
    code: NDArray[np.int64],
    classes: int,
    *,
    least: float,
    least_of_one: float | None = None,
) -> list[SamePerson]:
    """Returns the people who are as like another as each of the two is to themselves: each with the
    one that is most like them, so that there are at most as many pairs as people.

        likeness = mean cos(a, b) / sqrt(mean cos within a * mean cos within b)

    A person with one image has no within: the median of the others stands for it, and nobody's is
    taken to be under half of that median. Without any person of two images there is no scale, and
    nothing is found.

    Args:
        vectors: (N,D) of any length.
        code: (N,) person of each, 0..classes-1.
        classes: how many people there are.
        least: likeness from which a pair is returned, over 0.
        least_of_one: the same where one of the two has a single image; None for `least`.

    Returns:
        The pairs, the most alike first.

    Raises:
        InputError: a likeness that is not over 0, or a vector of length zero.

    >>> same_people(np.eye(2, dtype=np.float32), np.array([0, 1]), 2, least=0.8)
    []
    """
    single = least if least_of_one is None else least_of_one
    for value, name in ((least, "least"), (single, "least_of_one")):
        checks.in_range(value, name, 1e-6, np.inf)
    sums, count = _sums(vectors, code, classes)
    squares = np.einsum("kd,kd->k", sums, sums)
    several = count > 1
    if not several.any():
        return []
    within = np.full(classes, np.nan)
    within[several] = (squares - count)[several] / (count * (count - 1))[several]
    usual = float(np.median(within[several]))
    if usual <= 0:
        return []
    scale = np.sqrt(np.maximum(np.where(several, within, usual), 0.5 * usual))
    mean = sums / count[:, None]
    found: dict[tuple[int, int], SamePerson] = {}
    for piece in batches(classes, _ROWS):
        cosine = mean[piece] @ mean.T
        likeness = cosine / (scale[piece, None] * scale)
        limit = np.where(several[piece, None] & several, least, single)
        likeness[likeness < limit] = -np.inf
        own = np.arange(piece.start, piece.stop)
        rows = np.arange(len(own))
        likeness[rows, own] = -np.inf
        nearest = likeness.argmax(axis=1)
        for row in np.flatnonzero(np.isfinite(likeness[rows, nearest])).tolist():
            first, second = sorted((int(own[row]), int(nearest[row])))
            values = float(likeness[row, nearest[row]]), float(cosine[row, nearest[row]])
            found.setdefault((first, second), SamePerson(first, second, *values))
    return sorted(found.values(), key=lambda pair: (-pair.likeness, pair.first, pair.second))


def _sums(
    vectors: NDArray[np.float32], code: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sums = np.zeros((classes, vectors.shape[1]))
    for piece in batches(len(code), _ROWS):
        np.add.at(sums, code[piece], normalize(vectors[piece], "vectors").astype(np.float64))
    return sums, np.bincount(code, minlength=classes).astype(np.float64)
