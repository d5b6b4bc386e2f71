"""What is kept of the non-mated similarities of an evaluation: where the mated ones rank among
them, the largest, and a histogram; all of it exact, whoever counted which part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.passes import Passes
from fiqa.evaluation.result import thinned
from fiqa.evaluation.setting import Setting
from fiqa.execute.shared import Shared
from fiqa.functional.protocols import start_threshold
from fiqa.functional.ranks import RankCounter
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.streams import ByIdentity, Largest, nonmated_index
from fiqa.functional.verification import Verification, allowed_false_matches, of_counter
from fiqa.types import Embeddings

__all__ = ["NonmatedCounts"]

# Bins of similarity over -1..1: fine enough to read the ROC from, in 128 kB however many pairs.
_BINS = 1 << 14
# As many as a plot can show; they must divide _BINS.
_SHOWN_BINS = 128
_DRAWN = 1 << 20
"""Pairs by which is guessed what a similarity must have to be among the largest."""
_BACK = 64
"""Pairs of a part for each mated pair: then the ranks of a part are worth their way back."""


class NonmatedCounts:
    """Counts of the non-mated similarities beside the mated ones.

    Args:
        mated: (M,) similarities, ascending.
        most: how many of the largest are kept, 0 for none.
        floor: less than all of these.

    Attributes:
        mated: as given.
        total: how many similarities were counted.
    """

    def __init__(self, mated: NDArray[np.float32], most: int, floor: float = -np.inf) -> None:
        self.mated = mated
        self._ranks = RankCounter(mated)
        self._largest = Largest(most, floor) if most else None
        self._most, self._floor = most, floor
        self._bins = np.zeros(_BINS, np.int64)

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        vectors: Embeddings,
        mated: NDArray[np.float32],
        setting: Setting,
        passes: Passes,
    ) -> NonmatedCounts:
        """Returns the counts of all non-mated pairs of the evidence.

        Args:
            evidence: the images and their pairs.
            vectors: of these images.
            mated: (M,) similarities.
            setting: its `fmr` and `start` are used.
            passes: how the pairs are passed over.

        Raises:
            EvidenceError: too few pairs to resolve the FMR.
        """
        mated = np.sort(mated)
        total = evidence.nonmated_total
        # Only so many of the largest decide the threshold; a protocol that starts at an FNMR takes
        # it from the mated pairs.
        most = 0 if setting.start is not None else allowed_false_matches(total, setting.fmr) + 1
        if evidence.nonmated is not None or not total:
            counts = cls(mated, most)
            if evidence.nonmated is not None and len(evidence.nonmated):
                counts.add(pair_similarity(vectors.vector, evidence.nonmated))
            return counts
        pairs = passes.of(vectors.vector, evidence.identity)
        parts = pairs.parts(total, _BACK * len(mated))
        floor = -np.inf if parts == 1 or not most else _floor(evidence, vectors, most / total)
        for bound in (floor, -np.inf):
            counts = cls(mated, most, bound)
            work = _Parts(passes.shared(mated), most, bound)
            for found in pairs.counted(work, parts, f"non-mated pairs, {vectors.recognizer}"):
                counts.include(*found)
            # a floor that was guessed too high is a pass in vain; the numbers stay exact
            if counts.held == most:
                break
        return counts

    def fresh(self) -> NonmatedCounts:
        """Returns counts of nothing yet, beside the same mated similarities."""
        other = object.__new__(NonmatedCounts)
        other.mated, other._ranks = self.mated, self._ranks.fresh()
        other._most, other._floor = self._most, self._floor
        other._largest = Largest(self._most, self._floor) if self._most else None
        other._bins = np.zeros(_BINS, np.int64)
        return other

    def add(self, block: NDArray[np.float32]) -> None:
        """Counts similarities.

        Args:
            block: (B,) it may be written over afterwards.
        """
        if self._largest is not None:
            self._largest.add(block)
        # In float32 like the block: a copy in float64 would double the memory of the stream.
        bins = np.clip((block + np.float32(1)) * np.float32(_BINS / 2), 0, _BINS - 1)
        self._bins += np.bincount(bins.astype(np.int64), minlength=_BINS)
        self._ranks.add(block)

    def counts(self) -> tuple[Any, ...]:
        """Returns what was counted, without the mated similarities."""
        return (*self._ranks.counts(), self._bins, self._kept())

    def include(self, *counts: Any) -> None:
        """Adds the `counts` of others beside the same mated similarities.

        Args:
            counts: what it returned.
        """
        *ranks, bins, largest = counts
        self._ranks.include(*ranks)
        self._bins += bins
        if self._largest is not None:
            self._largest.add(largest)

    def _kept(self) -> NDArray[Any]:
        return np.empty(0, np.float32) if self._largest is None else self._largest.values()

    @property
    def total(self) -> int:
        """How many similarities were counted."""
        return self._ranks.count

    @property
    def held(self) -> int:
        """How many of the largest are kept."""
        return len(self._kept())

    def verification(self, setting: Setting) -> Verification | None:
        """Returns the verification accuracy, None without non-mated pairs.

        Args:
            setting: its `fars` are used.
        """
        return of_counter(self._ranks, fars=setting.fars) if self.total else None

    def threshold(self, setting: Setting) -> float:
        """Returns the threshold at discard 0 of a protocol that keeps it; others set their own.

        Args:
            setting: its `start` is used.
        """
        if setting.start is not None:
            return start_threshold(self.mated, setting.start)
        return float(self._kept().min())

    def roc(self) -> NDArray[np.float64]:
        """Returns (2,K) FMR and FNMR at thresholds that ascend by 1/8192, thinned for drawing."""
        if not self.total:
            return np.empty((2, 0))
        edges = np.linspace(-1, 1, _BINS + 1)[:-1]
        reached = self._bins[::-1].cumsum()[::-1] / self.total
        missed = np.searchsorted(self.mated, edges, side="right") / len(self.mated)
        change = np.flatnonzero(
            np.concatenate([[True], (np.diff(reached) != 0) | (np.diff(missed) != 0)])
        )
        # Evenly along the logarithm of the FMR, where the curve is drawn.
        steps = np.interp(
            np.linspace(0, 1, 400),
            np.linspace(0, 1, len(change)),
            change,
        ).astype(np.int64)
        rows = np.unique(np.concatenate([steps, change[thinned(len(change))]]))
        return np.stack([reached[rows], missed[rows]])

    def density(self) -> NDArray[np.float64]:
        """Returns (3,B): middle of each bin, share of the mated and of the non-mated pairs."""
        width = 2 / _SHOWN_BINS
        centers = -1 + width * (np.arange(_SHOWN_BINS) + 0.5)
        # Rounding leaves a cosine a hair beyond 1, which a histogram would leave out.
        counts = np.histogram(np.clip(self.mated, -1, 1), bins=_SHOWN_BINS, range=(-1, 1))[0]
        other = self._bins.reshape(_SHOWN_BINS, -1).sum(axis=1) / max(self.total, 1)
        return np.stack([centers, counts / len(self.mated), other]).astype(np.float64)


@dataclass
class _Parts:
    """Counts of the parts of a pass; the mated similarities are looked through once per process."""

    mated: Shared
    most: int
    floor: float

    def __getstate__(self) -> dict[str, Any]:
        return {"mated": self.mated, "most": self.most, "floor": self.floor}

    @cached_property
    def _empty(self) -> NonmatedCounts:
        return NonmatedCounts(self.mated.array, self.most, self.floor)

    def counts(self, pairs: ByIdentity, part: int, parts: int) -> tuple[Any, ...]:
        """Returns the counts of a part."""
        counts = self._empty.fresh()
        for block in pairs.nonmated(part, parts):
            counts.add(block)
        return counts.counts()


def _floor(evidence: Evidence, vectors: Embeddings, share: float) -> float:
    """A similarity that the largest of that share of the pairs exceed, as good as surely: what some
    pairs tell, with room for twice as many and for ten deviations of the draw."""
    drawn = nonmated_index(evidence.identity, most=_DRAWN)
    expected = share * len(drawn)
    rank = int(2 * expected + 10 * np.sqrt(expected)) + 50
    if rank >= len(drawn):
        return -np.inf
    similarity = pair_similarity(vectors.vector, drawn)
    # a product of matrices rounds otherwise
    return float(np.partition(similarity, -rank)[-rank]) - 1e-5
