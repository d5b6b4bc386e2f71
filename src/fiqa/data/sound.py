"""Pairs that can be: what no comparison of two images of people can be is left out, with counts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.types import Pairs

__all__ = ["REASONS", "SoundPairs", "sentences", "sound", "warn"]

REASONS = {
    "self": "compare an image with itself",
    "both": "are listed as mated and as non-mated",
    "repeated": "are listed before, in this or the other order",
    "one_person": "are non-mated and of one person",
}
"""Why a pair is left out, each with what is said of such pairs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SoundPairs:
    """Which pairs can be, and why the others cannot.

    Attributes:
        kept: (P,) bool, the pairs that can be.
        left_out: reason -> how many others, by the first reason of REASONS that holds.
    """

    kept: NDArray[np.bool_]
    left_out: dict[str, int] = field(default_factory=dict)


def sound(
    pairs: Pairs,
    *,
    identity: NDArray[np.str_] | None = None,
    content: NDArray[np.str_] | None = None,
) -> SoundPairs:
    """Returns which pairs can be.

    Left out are: an image with itself (the same id, or equal content where the pair is non-mated);
    a pair that is listed as mated and as non-mated, every time; a pair that is listed again in
    either order; a non-mated pair of one identity.

    Args:
        pairs: any.
        identity: (N,) who is on each of `pairs.ids`, "" where it is not known; None asks nothing.
        content: (N,) a hash of each of them, "" where it is not known; None asks nothing.

    Raises:
        ShapeError: lengths that differ.

    >>> import numpy as np
    >>> index = np.array([[0, 1], [1, 0], [1, 1], [0, 2]])
    >>> pairs = Pairs(np.array(["a", "b", "c"]), index, np.array([True, True, False, False]))
    >>> result = sound(pairs)
    >>> result.kept.tolist(), result.left_out
    ([True, False, False, True], {'self': 1, 'repeated': 1})
    """
    n = len(pairs.ids)
    low, high = pairs.index.min(axis=1, initial=n), pairs.index.max(axis=1, initial=-1)
    wrong: dict[str, NDArray[np.bool_]] = {"self": low == high}
    if content is not None:
        hashes = checks.array(content, "content", shape=(n,), dtype=np.str_)
        wrong["self"] |= ~pairs.mated & (hashes[low] == hashes[high]) & (hashes[low] != "")
    # One number for each unordered pair, so that pairs are compared without a sort of rows.
    _, first, code = np.unique(low * max(n, 1) + high, return_index=True, return_inverse=True)
    mated = np.bincount(code, weights=pairs.mated, minlength=len(first))
    times = np.bincount(code, minlength=len(first))
    wrong["both"] = ((mated > 0) & (mated < times))[code]
    wrong["repeated"] = first[code] != np.arange(len(pairs))
    if identity is not None:
        people = checks.array(identity, "identity", shape=(n,), dtype=np.str_)
        wrong["one_person"] = ~pairs.mated & (people[low] == people[high]) & (people[low] != "")
    kept = np.ones(len(pairs), bool)
    counts = {}
    # A pair counts for the first reason that holds, so that the counts add up.
    for reason, rows in wrong.items():
        counts[reason] = int(np.count_nonzero(rows & kept))
        kept &= ~rows
    return SoundPairs(kept, {reason: count for reason, count in counts.items() if count})


def sentences(left_out: Mapping[str, int]) -> list[str]:
    """Returns a sentence for each reason.

    Args:
        left_out: reason -> how many pairs.

    >>> sentences({"self": 2})
    ['2 pairs compare an image with itself and were left out.']
    """
    return [
        f"{count} pairs {REASONS[reason]} and were left out." for reason, count in left_out.items()
    ]


def warn(left_out: Mapping[str, int], where: str) -> None:
    """Says on the log what a reader left out of a file.

    Args:
        left_out: reason -> how many pairs.
        where: the file.
    """
    for sentence in sentences(left_out):
        _log.warning("%s: %s", where, sentence)
