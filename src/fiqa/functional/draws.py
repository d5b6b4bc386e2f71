"""Draws of identities with replacement, and what a draw makes of mated pairs.

A mated pair weighs as often as its identity was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError

__all__ = ["GRID", "OrderedPairs", "identity_weights", "mated_codes"]

GRID = np.arange(201) / 200
"""Discard fractions at which every draw is kept; areas between them are interpolated."""


def identity_weights(
    count: int, draws: int, level: float, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yields (count,) for each draw: how often each identity is taken, summing to count.

    Args:
        count: how many identities there are, at least 2.
        draws: resamples, at least 2.
        level: confidence in (0,1), checked for the caller.
        seed: of the resampling.

    Raises:
        InputError: draws below 2, level outside (0,1).
        EvidenceError: fewer than two identities.

    >>> [int(w.sum()) for w in identity_weights(3, 2, 0.95, 0)]
    [3, 3]
    """
    if draws < 2:
        raise InputError(f"draws must be at least 2, got {draws}.")
    checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
    if count < 2:
        raise EvidenceError(
            f"A bootstrap by identity needs mated pairs of at least 2 identities, got {count}."
        )
    rng = np.random.default_rng(seed)
    return (np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(draws))


def mated_codes(identities: ArrayLike, same: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Returns ((M,) a number 0..U-1 for the identity of each mated pair, U).

    Args:
        identities: (P,2) of any type.
        same: (P,) True for mated.

    Raises:
        ShapeError: shapes disagree.
        InputError: a mated pair of two identities.

    >>> mated_codes([["a", "a"], ["a", "b"], ["c", "c"]], np.array([True, False, True]))
    (array([0, 1]), 2)
    """
    pairs = checks.array(identities, "identities", shape=(len(same), 2))[same]
    mixed = int(np.count_nonzero(pairs[:, 0] != pairs[:, 1]))
    if mixed:
        raise InputError(
            f"A mated pair must be of one identity, got {mixed} of {len(pairs)} that are of two."
        )
    # Both columns are equal here, so one of them says whose pair it is.
    names, code = np.unique(pairs[:, 0], return_inverse=True)
    return code, len(names)


class OrderedPairs:
    """Mated pairs in the order of their quality, which every draw shares.

    Args:
        quality: (M,) the lower quality of each pair.
        failed: (M,) which of them fail.
        code: (M,) the number of each pair's identity.
    """

    def __init__(
        self, quality: NDArray[Any], failed: NDArray[np.bool_], code: NDArray[np.int64]
    ) -> None:
        order = np.argsort(quality, kind="stable")
        ordered = quality[order]
        self.first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.code = code[order]
        self.bad = np.flatnonzero(failed[order])
        # Of the failed pairs, how many lie before each distinct quality: looked up once for all
        # draws.
        self.gone = np.searchsorted(self.bad, self.first)

    def evaluate(
        self, weight: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns (fnmr (G,), raw area up to there (G,)) on GRID for the weights of one draw.

        Args:
            weight: (U,) how often each identity counts.
        """
        upto = np.cumsum(weight[self.code])
        before = np.concatenate([[0], upto])[self.first]
        errors = np.concatenate([[0], np.cumsum(weight[self.code[self.bad]])])
        kept = upto[-1] - before
        # A draw without the identities of the best pairs ends earlier: its curve stays at the last
        # value.
        live = int(np.searchsorted(-kept, 0))
        fnmr = (errors[-1] - errors[self.gone[:live]]) / kept[:live]
        discard = before[:live] / upto[-1]
        # The area of a step function at its steps; GRID falls inside a step, which adds its part.
        area = np.concatenate([[0.0], np.cumsum(fnmr[:-1] * np.diff(discard))])
        place = np.searchsorted(discard, GRID, side="right") - 1
        return fnmr[place], area[place] + fnmr[place] * (GRID - discard[place])
