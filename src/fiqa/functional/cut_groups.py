"""What a cut does to each group of images: how many it loses, and the errors among what is left.

A pair belongs to a group when both of its images do. Pairs across two groups are in no group; they
are counted apart. Groups are as given, never inferred.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.clustered import ClusteredShare, clustered_share
from fiqa.functional.cut_evidence import CutEvidence

__all__ = ["NO_GROUP", "CrossGroup", "GroupCost", "group_costs"]

NO_GROUP = "(none)"
"""The name of the group of images that have no value of their own."""

Limits = tuple[float, float]


@dataclass(frozen=True)
class GroupCost:
    """What the cut does to one group.

    Attributes:
        name: of the group.
        images: how many it has.
        people: how many people are in it.
        discarded: share of its images below the cut.
        discarded_interval: (low, high) of it by people.
        discarded_gap: that share less the one of all images.
        mated: mated pairs kept with both images in the group.
        errors: false non-matches among them.
        fnmr_start: FNMR of the group before the cut. None, as each rate below, without a pair.
        fnmr: FNMR among the mated pairs kept.
        fnmr_interval: (low, high) of it by people.
        fnmr_gap: that FNMR less the one of all mated pairs kept.
        nonmated: non-mated pairs kept with both images in the group.
        matches: false matches among them.
        fmr_start: FMR of the group before the cut.
        fmr: FMR among the non-mated pairs kept.
        fmr_interval: (low, high) of it by people.
    """

    name: str
    images: int
    people: int
    discarded: float
    discarded_interval: Limits
    discarded_gap: float
    mated: int
    errors: int
    fnmr_start: float | None
    fnmr: float | None
    fnmr_interval: Limits | None
    fnmr_gap: float | None
    nonmated: int
    matches: int
    fmr_start: float | None
    fmr: float | None
    fmr_interval: Limits | None


@dataclass(frozen=True)
class CrossGroup:
    """Pairs kept whose images are of two groups, so that no group has them.

    Attributes:
        mated: mated pairs.
        errors: false non-matches among them.
        nonmated: non-mated pairs.
        matches: false matches among them.
    """

    mated: int
    errors: int
    nonmated: int
    matches: int


def group_costs(
    evidence: CutEvidence, names: NDArray[np.str_], cut: float, level: float
) -> tuple[tuple[GroupCost, ...], CrossGroup]:
    """Returns (the cost of the cut for each group, in the order of their names, and the rest).

    Args:
        evidence: the pairs.
        names: (N,) group of each image; "" becomes NO_GROUP.
        cut: the quality to reach.
        level: confidence of the intervals, in (0,1).
    """
    named, group = np.unique(np.where(names == "", NO_GROUP, names), return_inverse=True)
    kept = evidence.quality >= cut
    mated = _Pairs(evidence.mated, evidence.failed, group, evidence.image_code, kept, ends=1)
    nonmated = _Pairs(evidence.nonmated, evidence.matched, group, evidence.image_code, kept, ends=2)
    everyone = evidence.effect(cut)
    costs = [
        _cost(str(name), place, evidence, group == place, kept, mated, nonmated, level)
        for place, name in enumerate(named)
    ]
    gaps = [_with_gaps(cost, 1 - everyone.coverage, everyone.fnmr) for cost in costs]
    return tuple(gaps), CrossGroup(
        everyone.mated - sum(cost.mated for cost in costs),
        everyone.errors - sum(cost.errors for cost in costs),
        everyone.nonmated - sum(cost.nonmated for cost in costs),
        everyone.matches - sum(cost.matches for cost in costs),
    )


class _Pairs:
    """Pairs inside a group: sums for each person of a group, before and after the cut."""

    def __init__(
        self,
        pairs: NDArray[np.int64],
        wrong: NDArray[np.bool_],
        group: NDArray[np.int64],
        person: NDArray[np.int64],
        kept: NDArray[np.bool_],
        *,
        ends: int,
    ) -> None:
        # A row for each person of a group, so that the sums stay as small as the images are many.
        member, row = np.unique(np.stack([group, person], axis=1), axis=0, return_inverse=True)
        self.ends, self.group = ends, member[:, 0]
        row = row.ravel()
        inside = group[pairs[:, 0]] == group[pairs[:, 1]]
        taken, bad = pairs[inside], wrong[inside]
        still = kept[taken].all(axis=1)
        # A mated pair counts once, for its person; a non-mated one for both of its people.
        used = taken[:, :ends]
        count = len(member)
        self.total, self.failed = (
            np.bincount(row[used[mask]].ravel(), minlength=count) for mask in (still, still & bad)
        )
        start = group[taken[:, 0]]
        size = int(group.max()) + 1
        self.before = np.bincount(start, minlength=size)
        self.wrong_before = np.bincount(start[bad], minlength=size)

    def share(self, place: int) -> ClusteredShare | None:
        """Returns the share of failed pairs kept in a group, None where none is kept."""
        rows = self.group == place
        if not self.total[rows].any():
            return None
        return clustered_share(self.failed[rows], self.total[rows], ends=self.ends)

    def counts(self, place: int) -> tuple[int, int]:
        """Returns (pairs kept, failed among them) of a group."""
        rows = self.group == place
        return int(self.total[rows].sum()) // self.ends, int(self.failed[rows].sum()) // self.ends

    def start(self, place: int) -> float | None:
        """Returns the share of failed pairs of a group before the cut."""
        return float(self.wrong_before[place] / self.before[place]) if self.before[place] else None


def _cost(
    name: str,
    place: int,
    evidence: CutEvidence,
    member: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    mated: _Pairs,
    nonmated: _Pairs,
    level: float,
) -> GroupCost:
    people = evidence.image_code[member]
    lost = clustered_share(np.bincount(people, weights=~kept[member]), np.bincount(people))
    errors, matches = mated.share(place), nonmated.share(place)
    pairs, failed = mated.counts(place)
    others, matched = nonmated.counts(place)
    return GroupCost(
        name=name,
        images=int(member.sum()),
        people=lost.people,
        discarded=lost.value,
        discarded_interval=lost.interval(level),
        discarded_gap=0.0,
        mated=pairs,
        errors=failed,
        fnmr_start=mated.start(place),
        fnmr=None if errors is None else errors.value,
        fnmr_interval=None if errors is None else errors.interval(level),
        fnmr_gap=None,
        nonmated=others,
        matches=matched,
        fmr_start=nonmated.start(place),
        fmr=None if matches is None else matches.value,
        fmr_interval=None if matches is None else matches.interval(level),
    )


def _with_gaps(cost: GroupCost, discarded: float, fnmr: float | None) -> GroupCost:
    gap = None if cost.fnmr is None or fnmr is None else cost.fnmr - fnmr
    return replace(cost, discarded_gap=cost.discarded - discarded, fnmr_gap=gap)
