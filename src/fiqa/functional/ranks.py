"""Where mated similarities rank among the non-mated ones, and what follows: ROC-AUC, TPR, EER.

Two counts per mated similarity m are enough: the non-mated similarities below m, and those at or
below it. They can be counted from a stream, so the non-mated similarities are never stored.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError

__all__ = ["RankCounter", "Ranks", "similarities"]

_BUCKETS = 1 << 19
"""Equal buckets of the cosines; their counts take 4 MB."""
_CHUNK = 1 << 19
"""Similarities that are counted at a time, which bounds the memory for their buckets."""
_PENDING = 1 << 22
"""Similarities that wait for an exact comparison: 16 MB for each counter."""


def similarities(values: ArrayLike, name: str, *, least: int = 1) -> NDArray[Any]:
    """Returns similarities (P,) in their own float type, checked.

    Args:
        values: (P,) numbers.
        name: what the caller calls them, for the message.
        least: how many there must be.

    Raises:
        ShapeError, InputError: not (P,), NaN.
        EvidenceError: too few.
    """
    scores = checks.floats(values, name, shape=("P",))
    if len(scores) < least:
        raise EvidenceError(f"{name} needs at least {least} similarity, got {len(scores)}.")
    return scores


@dataclass(frozen=True, eq=False)
class Ranks:
    """Counts of non-mated similarities for each distinct mated one, ascending.

    Attributes:
        times: (U,) how often the mated similarity occurs.
        below: (U,) non-mated similarities below it.
        upto: (U,) non-mated similarities at or below it.
        nonmated: how many non-mated similarities there are.
    """

    times: NDArray[np.int64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    nonmated: int

    @classmethod
    def of(cls, mated: ArrayLike, nonmated: ArrayLike) -> Ranks:
        """Returns the counts of two lists of similarities.

        Args:
            mated: (M,) similarities.
            nonmated: (Q,) similarities.

        Raises:
            ShapeError, InputError: not (M,) and (Q,), NaN.
            EvidenceError: either is empty.
        """
        values, times = np.unique(similarities(mated, "mated"), return_counts=True)
        other = np.sort(similarities(nonmated, "nonmated"))
        below, upto = (np.searchsorted(other, values, side=side) for side in ("left", "right"))
        return cls(times, below, upto, len(other))

    def auc(self) -> float:
        """Returns the area under the ROC curve, ties counted half, in [0,1]."""
        # In whole numbers: twice the count is exact, whatever the number of pairs.
        twice = sum(
            int(t) * (int(b) + int(u))
            for t, b, u in zip(self.times, self.below, self.upto, strict=True)
        )
        return twice / (2 * int(self.times.sum()) * self.nonmated)

    def taken(self, times: NDArray[np.int64]) -> Ranks:
        """Returns the counts where each distinct mated similarity occurs so often.

        Args:
            times: (U,) how often; not all 0.
        """
        return Ranks(times, self.below, self.upto, self.nonmated)

    def auc_in_floats(self) -> float:
        """Returns `auc` to about fifteen digits, for many draws of the same counts."""
        total = float(self.times.sum()) * self.nonmated
        return float(self.times @ (self.below + self.upto).astype(np.float64)) / (2 * total)

    def tpr(self, allowed: int) -> float:
        """Returns the share of mated similarities accepted when `allowed` false matches may be.

        A mated value is above the (k+1)-th largest non-mated one exactly when at most k non-mated
        ones reach it.

        Args:
            allowed: k, the number of false matches.
        """
        reached = self.nonmated - self.below
        return float(self.times[reached <= allowed].sum() / self.times.sum())

    def eer(self) -> float:
        """Returns the error rate where FMR equals FNMR on the ROC polyline, in [0,1].

        The polyline is walked from the highest threshold; its corners are just before and just
        after each mated value.
        """
        total = int(self.times.sum())
        accepted = np.cumsum(self.times[::-1])
        fmr = np.stack(
            [self.nonmated - self.upto[::-1], self.nonmated - self.below[::-1]], axis=1
        ).ravel()
        missed = np.stack([total - (accepted - self.times[::-1]), total - accepted], axis=1).ravel()
        x = np.concatenate([[0.0], fmr / self.nonmated, [1.0]])
        y = np.concatenate([[1.0], missed / total, [0.0]])
        place = int(np.argmax(x >= y))
        before, after = y[place - 1] - x[place - 1], y[place] - x[place]
        share = before / (before - after)
        return float(x[place - 1] + share * (x[place] - x[place - 1]))


class RankCounter:
    """Counts a stream of similarities against each distinct mated similarity.

    It counts how many lie below it, and how many at or below. A bucket that holds no mated value
    needs no more than its count; the few similarities that share a bucket with a mated one are
    compared exactly.

    Args:
        mated: (M,) similarities.
    """

    def __init__(self, mated: NDArray[np.float32]) -> None:
        self.values, self.times = np.unique(mated, return_counts=True)
        self.shared = np.zeros(_BUCKETS, bool)
        self.shared[_bucket(self.values)] = True
        self.buckets = np.zeros(_BUCKETS, np.int64)
        self.near = np.zeros((2, len(self.values)), np.int64)
        self.pending: list[NDArray[np.float32]] = []
        self.waiting = 0
        self.count = 0

    def fresh(self) -> RankCounter:
        """Returns a counter of the same mated similarities that has counted nothing."""
        other = copy(self)
        other.buckets = np.zeros(_BUCKETS, np.int64)
        other.near = np.zeros((2, len(self.values)), np.int64)
        other.pending, other.waiting, other.count = [], 0, 0
        return other

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Returns what was counted, without the mated similarities: (buckets,), (2,U), a number."""
        self._settle()
        return self.buckets, self.near, self.count

    def include(self, buckets: NDArray[np.int64], near: NDArray[np.int64], count: int) -> None:
        """Adds the `counts` of another counter of the same mated similarities.

        Args:
            buckets, near, count: what they are.
        """
        self.buckets += buckets
        self.near += near
        self.count += count

    def merge(self, other: RankCounter) -> None:
        """Adds what another counter of the same mated similarities has counted.

        Args:
            other: the counter to add.
        """
        self.include(*other.counts())

    def add(self, block: NDArray[np.float32]) -> None:
        """Counts a flat block.

        Args:
            block: (B,) similarities in about [-1,1].
        """
        self.count += len(block)
        for start in range(0, len(block), _CHUNK):
            part = block[start : start + _CHUNK]
            place = _bucket(part)
            self.buckets += np.bincount(place, minlength=_BUCKETS)
            close = np.compress(self.shared.take(place), part)
            self.pending.append(close)
            self.waiting += len(close)
            if self.waiting >= _PENDING:
                self._settle()

    def _settle(self) -> None:
        """Compares exactly those similarities that share a bucket with a mated one."""
        close = np.sort(np.concatenate([np.empty(0, np.float32), *self.pending]))
        for row, side in enumerate(("left", "right")):
            self.near[row] += np.searchsorted(close, self.values, side=side)  # type: ignore[call-overload]
        self.pending, self.waiting = [], 0

    def ranks(self) -> Ranks:
        """Returns the counts.

        Raises:
            EvidenceError: no pair of either kind.
        """
        if not len(self.values) or self.count == 0:
            raise EvidenceError(
                f"Verification needs mated and non-mated pairs, got {int(self.times.sum())} and"
                f" {self.count}.",
                hint="two images of one identity make a mated pair, two identities a non-mated one",
            )
        self._settle()
        # Similarities of a shared bucket are in `near`, all others are ranked by their bucket
        # alone.
        far = np.concatenate([[0], np.cumsum(np.where(self.shared, 0, self.buckets))])[
            _bucket(self.values)
        ]
        return Ranks(self.times, far + self.near[0], far + self.near[1], self.count)


def _bucket(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Returns buckets that never descend as cosines ascend.

    The margin keeps rounding above 1 inside.
    """
    half = np.float32(_BUCKETS / 2)
    scaled = np.multiply(values, half * np.float32(0.9999))
    scaled += half
    return scaled.astype(np.int64)
