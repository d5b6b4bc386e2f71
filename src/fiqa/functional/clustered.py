"""How sure a share of pairs is when the pairs of one person fail together.

A pair is not one independent trial: the pairs of a person share images, a camera and a label. The
share is therefore given as many independent trials as its spread over people is worth, and then
Clopper and Pearson's exact binomial limits [1]. Few people carry that spread, so it is itself
uncertain: Student's quantile of the effective number of people stands for the normal one [2].
Without any failure there is no spread to see; then all pairs of a person count as one trial,
weighed by how unequal the people are (Kish's effective size).

[1] Clopper, Pearson: The use of confidence or fiducial limits (Biometrika 1934)
[2] Korn, Graubard: Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data (Survey Methodology 1998)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError

__all__ = ["ClusteredShare", "clustered_share", "people_missing"]


@dataclass(frozen=True)
class ClusteredShare:
    """A share of pairs (or images) with what its people say of how sure it is.

    Attributes:
        value: the share, in [0,1].
        people: how many people have any pair.
        trials: independent trials that its spread over people is worth, before `carriers` count.
        fewest: trials if all pairs of a person always went together.
        carriers: the effective number of people that carry the spread, at least 1.
    """

    value: float
    people: int
    trials: float
    fewest: float
    carriers: float

    def size(self, confidence: float, *, times: float = 1.0) -> float:
        """Returns the number of independent trials for limits at `confidence`.

        Args:
            confidence: one-sided, in (0.5,1).
            times: as if there were so many times the people, all like these.
        """
        from scipy.special import ndtri, stdtrit

        # The limits widen as the square of the quantile: Student's over the normal one.
        wider = float(stdtrit(self.carriers * times, confidence) / ndtri(confidence)) ** 2
        return times * max(self.fewest, self.trials / wider)

    def upper(self, confidence: float, *, ahead: bool = False, times: float = 1.0) -> float:
        """Returns the upper limit of the share, one-sided.

        Args:
            confidence: in (0.5,1).
            ahead: False: the limit of the share of the population. True: of what as many other
                people will show, whose own chance doubles the variance.
            times: as in `size`.
        """
        from scipy.special import betaincinv

        size = self.size(confidence, times=times) / (2 if ahead else 1)
        failed = self.value * size
        return float(betaincinv(failed + 1, size - failed, confidence)) if size > failed else 1.0

    def interval(self, level: float) -> tuple[float, float]:
        """Returns the two-sided limits (low, high) at confidence `level`.

        Args:
            level: two-sided.

        Raises:
            InputError: level outside (0,1).
        """
        from scipy.special import betaincinv

        checks.in_range(level, "level", 0.0, 1.0, open_low=True, open_high=True)
        confidence = (1 + level) / 2
        size = self.size(confidence)
        failed = self.value * size
        low = float(betaincinv(failed, size - failed + 1, 1 - confidence)) if failed > 0 else 0.0
        return low, self.upper(confidence)


def clustered_share(failed: ArrayLike, total: ArrayLike, *, ends: int = 1) -> ClusteredShare:
    """Returns the share sum(failed) / sum(total) over people.

    Args:
        failed: (N,) how many pairs of each person failed.
        total: (N,) how many pairs each person has; 0 is a person who does not count.
        ends: 1 where each pair is of one person; 2 for pairs of two people, each of which counts
            the pair.

    Raises:
        ShapeError, InputError: shapes, failed outside 0..total, ends not 1 or 2.
        EvidenceError: no pair at all.

    >>> share = clustered_share([0, 0, 0, 2], [6, 6, 6, 6])
    >>> round(share.value, 3), share.people, round(share.trials, 1)
    (0.083, 4, 11.0)
    >>> share.interval(0.95)[1] < clustered_share([0, 2], [12, 12]).interval(0.95)[1]
    True
    """
    pairs = checks.array(total, "total", shape=("N",), dtype=np.float64)
    bad = checks.array(failed, "failed", shape=(len(pairs),), dtype=np.float64)
    if np.any(bad < 0) or np.any(bad > pairs):
        raise InputError("failed must be in 0..total for every person.")
    if ends not in (1, 2):
        raise InputError(f"ends must be 1 or 2, got {ends}.")
    bad, pairs = bad[pairs > 0], pairs[pairs > 0]
    if not len(pairs):
        raise EvidenceError("A share needs at least one pair, got none.")
    return _share(bad, pairs, ends)


def _share(bad: NDArray[np.float64], pairs: NDArray[np.float64], ends: int) -> ClusteredShare:
    people, total = len(pairs), float(pairs.sum()) / ends
    value = float(bad.sum() / pairs.sum())
    fewest = min(float(pairs.sum() ** 2 / np.sum(pairs**2)), total)
    if not 0 < value < 1 or people < 2:
        return ClusteredShare(value, people, fewest, fewest, 1.0)
    # Each person's part in how far the share would move: the linearized ratio.
    part = np.square((bad - value * pairs) / total)
    variance = float(part.sum()) * people / (people - 1)
    if variance <= 0:  # everyone fails alike: the spread shows no clustering
        return ClusteredShare(value, people, total, fewest, float(people))
    trials = min(value * (1 - value) / variance, total)
    carriers = max(1.0, float(part.sum() ** 2 / np.sum(part**2)))
    return ClusteredShare(value, people, max(trials, fewest), fewest, carriers)


def people_missing(shares: list[ClusteredShare], limit: float, confidence: float) -> int | None:
    """Returns how many more people, like those there are, would bring the upper limit to `limit`.

    The limit is that of `upper(ahead=True)`; the cheapest of the shares counts. None where no
    share lies below `limit`, so that more people do not help.

    Args:
        shares: the shares of which one must come down.
        limit: the upper limit to reach, in (0,1).
        confidence: one-sided, in (0.5,1).
    """
    below = [share for share in shares if share.value < limit]
    times = 1.0
    # A tenth more at a time: the answer is right to a tenth, far nearer than the model behind it.
    while below and times < 1e4:
        if any(share.upper(confidence, ahead=True, times=times) <= limit for share in below):
            return math.ceil(max(share.people for share in shares) * (times - 1))
        times *= 1.1
    return None
