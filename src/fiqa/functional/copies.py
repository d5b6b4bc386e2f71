"""Pictures that are copies of each other: a perceptual hash, and the search for its near ones.

The hash is the sign pattern of the 16 x 16 lowest frequencies of a small grey picture: it survives
saving again, scaling, softening and grey, and changes where the picture shows something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.functional.batches import batches

__all__ = ["BITS", "Copies", "Likeness", "first_copies", "picture_hash"]

_SIDE, _LOW = 32, 16
BITS = _LOW * _LOW - 1
"""Bits of a hash: the mean brightness is left out."""
_FLAT = 2.0
"""Levels of standard deviation under which a picture shows nothing that could be a copy."""
_ROWS = 256
_NONE = -2.0
"""Below every likeness."""


def picture_hash(pixels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Returns the hash of a picture and of its mirror image, (2,255) of -1 and 1.

    A picture without contrast has a hash of zeros, which is near to no other.

    Args:
        pixels: (H,W,3) uint8 RGB of any size.

    Raises:
        ShapeError: another shape.

    >>> picture_hash(np.zeros((8, 8, 3), np.uint8)).any()
    np.False_
    """
    import cv2

    checks.array(pixels, "pixels", shape=("H", "W", 3))
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLAT:
        return np.zeros((2, BITS), np.int8)
    low = np.asarray(cv2.dct(small))[:_LOW, :_LOW]
    # A mirror turns the sign of every odd wave across, and leaves the others.
    waves = (low, low * np.where(np.arange(_LOW) % 2, -1, 1))
    flat = [wave.ravel()[1:] for wave in waves]
    return np.stack([np.where(wave > np.median(wave), 1, -1) for wave in flat]).astype(np.int8)


@dataclass(frozen=True)
class Likeness:
    """How like two pictures must be to count as copies.

    Attributes:
        bits: hash bits that may differ.
        cosine: of their vectors, from which the hash may differ by more.
        bits_with_cosine: hash bits that may differ then.
    """

    bits: int = 36
    cosine: float = 0.9
    bits_with_cosine: int = 72


@dataclass(frozen=True, eq=False)
class Copies:
    """Which pictures are copies, and of which.

    Attributes:
        of: (N,) row that a picture is a copy of, -1 where it is none; that row is never a copy.
        bits: (N,) hash bits in which the two differ, 0 where it is none.
        cosine: (N,) of their vectors, NaN where it is none or a vector is missing.
        mirrored: (N,) True where the mirror image is the nearer one.
    """

    of: NDArray[np.int64]
    bits: NDArray[np.int64]
    cosine: NDArray[np.float32]
    mirrored: NDArray[np.bool_]


def first_copies(
    hashes: NDArray[np.int8],
    vectors: NDArray[np.float32] | None = None,
    *,
    likeness: Likeness | None = None,
) -> Copies:
    """Returns for each picture the earlier one that it is a copy of.

    Pictures come in order of preference. Each is compared with those before it that are no copies
    themselves, and belongs to the one that is nearest by its hash, the earlier one where two are
    equally near. So what is kept when all copies go is every picture that is no copy.

    Args:
        hashes: (N,2,255) as picture_hash gives them.
        vectors: (N,D) of unit length, rows of zeros where there is none; None compares hashes
            alone.
        likeness: what counts as a copy.

    Raises:
        ShapeError: other shapes.

    >>> rng = np.random.default_rng(0)
    >>> one = picture_hash(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    >>> other = picture_hash(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    >>> first_copies(np.stack([one, other, one])).of.tolist()
    [-1, -1, 0]
    """
    table = checks.array(hashes, "hashes", shape=("N", 2, BITS)).astype(np.float32)
    n, rule = len(table), likeness or Likeness()
    unit = np.zeros((n, 1), np.float32) if vectors is None else vectors
    unit = checks.array(unit, "vectors", shape=(n, "D"), dtype=np.float32)
    of = np.full(n, -1, np.int64)
    kept: list[int] = []
    for piece in batches(n, _ROWS):
        rows = np.arange(piece.start, piece.stop)
        earlier, nearest = np.array(kept, np.int64), np.full(len(rows), _NONE, np.float32)
        if len(earlier):
            near = _nearness(table, unit, rows, earlier, rule)
            best = near.argmax(axis=1)
            nearest = near[np.arange(len(rows)), best]
            of[rows] = np.where(nearest > _NONE, earlier[best], -1)
        kept += _inside(_nearness(table, unit, rows, rows, rule), nearest, rows, of)
    return _described(table, unit, of)


def _nearness(
    table: NDArray[np.float32],
    unit: NDArray[np.float32],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    rule: Likeness,
) -> NDArray[np.float32]:
    """(R,O) the share of bits that agree less that of those that do not, _NONE for no copies."""
    ours = table[rows, 0]
    agree = np.maximum(ours @ table[others, 0].T, ours @ table[others, 1].T) / BITS
    cosine = unit[rows] @ unit[others].T
    # d of B bits that differ are an agreement of 1 - 2 d / B; half a bit keeps equality exact
    least = 1.0 - 2.0 * (rule.bits + 0.5) / BITS
    least_with = 1.0 - 2.0 * (rule.bits_with_cosine + 0.5) / BITS
    copies = (agree >= least) | ((cosine >= rule.cosine) & (agree >= least_with))
    return np.asarray(np.where(copies, agree, _NONE), np.float32)


def _inside(
    near: NDArray[np.float32],
    nearest: NDArray[np.float32],
    rows: NDArray[np.int64],
    of: NDArray[np.int64],
) -> list[int]:
    """Decides the rows of one block in order, each against those kept before it in the block;
    `nearest` is how near the earlier blocks came. Returns those kept."""
    here = np.zeros(len(rows), bool)
    for k in range(len(rows)):
        line = np.where(here[:k], near[k, :k], _NONE)
        best = int(line.argmax()) if k else 0
        if k and line[best] > nearest[k]:
            of[rows[k]] = rows[best]
        here[k] = of[rows[k]] < 0
    return rows[here].tolist()


def _described(
    table: NDArray[np.float32], unit: NDArray[np.float32], of: NDArray[np.int64]
) -> Copies:
    copy = np.flatnonzero(of >= 0)
    first = of[copy]
    bits, cosine = np.zeros(len(of), np.int64), np.full(len(of), np.nan, np.float32)
    mirrored = np.zeros(len(of), bool)
    for piece in batches(len(copy), 4096):
        own, other = copy[piece], first[piece]
        agree = [np.einsum("nb,nb->n", table[own, 0], table[other, side]) for side in (0, 1)]
        mirrored[own] = agree[1] > agree[0]
        bits[own] = np.rint((BITS - np.maximum(*agree)) / 2).astype(np.int64)
        known = unit[own].any(axis=1) & unit[other].any(axis=1)
        values = np.einsum("nd,nd->n", unit[own], unit[other])
        cosine[own] = np.where(known, values, np.nan)
    return Copies(of, bits, cosine, mirrored)
