"""The pairs and images as a search for a cut needs them, and what any cut does to them.

A cut keeps the images whose quality is at or above it, and the pairs whose images are both kept.
The comparison threshold is set once, for the wanted FMR on all non-mated pairs, as a recognizer in
use has one threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.clustered import ClusteredShare, clustered_share
from fiqa.functional.verification import threshold_at_fmr

__all__ = ["RULE_OF_THREE", "CutEffect", "CutEvidence", "Scale"]

RULE_OF_THREE = 3.0
"""Errors that a wanted FNMR must allow among the pairs kept: with fewer pairs, not even zero errors
would show it at 95 %."""

_ROUNDING = 1e-9
"""3/fnmr pairs are enough, though 3/fnmr*fnmr may come out just under 3 in floats."""


@dataclass(frozen=True)
class CutEffect:
    """What a cut does to the images and pairs at hand.

    Attributes:
        cut: the quality to reach.
        coverage: share of images kept.
        fnmr: share of `errors` among the `mated` pairs kept, None where none is kept.
        mated: mated pairs kept.
        errors: false non-matches among them.
        fmr: share of false `matches` among the `nonmated` pairs kept, None where none is kept.
        nonmated: non-mated pairs kept.
        matches: false matches among them.
    """

    cut: float
    coverage: float
    fnmr: float | None
    mated: int
    errors: int
    fmr: float | None
    nonmated: int
    matches: int


class Scale:
    """Mated pairs and images in the order of one quality; a cut is a value of that quality."""

    def __init__(
        self,
        quality: NDArray[np.float64],
        pairs: NDArray[np.int64],
        failed: NDArray[np.bool_],
        pair_code: NDArray[np.int64],
    ) -> None:
        self.quality = quality
        self.values = np.unique(quality)
        worst = quality[pairs].min(axis=1)
        order = np.argsort(worst, kind="stable")
        self.worst, self.failed, self.code = worst[order], failed[order], pair_code[order]
        self.pairs = pairs[order]
        self.first = np.flatnonzero(np.concatenate([[True], np.diff(self.worst) > 0]))

    def curve(
        self, weight: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Returns (kept, fnmr) when the cut is each distinct pair quality, ascending.

        Args:
            weight: how often each person counts; None is once.

        Returns:
            kept: (K,) mated pairs kept, each as often as its person counts.
            fnmr: (K,) among them; 1 where nothing is kept.
        """
        times = np.ones(len(self.code), np.int64) if weight is None else weight[self.code]
        kept = times.sum() - np.concatenate([[0], np.cumsum(times)])[self.first]
        bad = times * self.failed
        left = bad.sum() - np.concatenate([[0], np.cumsum(bad)])[self.first]
        return kept, np.where(kept > 0, left / np.maximum(kept, 1), 1.0)

    def lowest(self, fnmr: float, weight: NDArray[np.int64] | None = None) -> float:
        """Returns the lowest quality at which to cut for `fnmr`, infinite where there is none.

        Args:
            fnmr: the wanted FNMR, in (0,1).
            weight: how often each person counts; None is once.
        """
        kept, error = self.curve(weight)
        good = (error <= fnmr) & (kept * fnmr >= RULE_OF_THREE - _ROUNDING)
        if not good.any():
            return float("inf")
        # argmax of truth values is the first that is true: the lowest good cut.
        place = self.first[np.argmax(good)]
        if place == 0:
            return float(self.values[0])
        # Images below this pair and above the one before it are in no pair that is lost.
        return float(self.values[np.searchsorted(self.values, self.worst[place - 1], side="right")])

    def counts(self, cut: float) -> tuple[int, int]:
        """Returns (mated pairs kept, errors among them).

        Args:
            cut: the quality to reach.
        """
        place = int(np.searchsorted(self.worst, cut))
        return len(self.worst) - place, int(self.failed[place:].sum())

    def keeps(self, cut: float, fnmr: float) -> bool:
        """Returns whether a cut keeps `fnmr` on enough pairs to show it.

        Args:
            cut: the quality to reach.
            fnmr: the wanted FNMR, in (0,1).
        """
        mated, errors = self.counts(cut)
        enough = mated * fnmr >= RULE_OF_THREE - _ROUNDING
        return enough and errors / mated <= fnmr

    def share(self, cut: float, people: int) -> ClusteredShare | None:
        """Returns the FNMR at a cut with its people, None where no mated pair is kept.

        Args:
            cut: the quality to reach.
            people: how many people there are; their numbers are 0..people-1.
        """
        place = int(np.searchsorted(self.worst, cut))
        if place == len(self.worst):
            return None
        code = self.code[place:]
        total = np.bincount(code, minlength=people)
        return clustered_share(
            np.bincount(code, weights=self.failed[place:], minlength=people), total
        )

    def coverage(self, cut: float) -> float:
        """Returns the share of images at or above a cut.

        Args:
            cut: the quality to reach.
        """
        return float(np.mean(self.quality >= cut))


class CutEvidence:
    """Checked pairs: which mated ones fail, which non-mated ones match, and whose they are.

    Args:
        similarity: (P,) of each pair.
        mated: (P,) True for the same person.
        index: (P,2) the pair's images, in 0..N-1.
        quality: (N,) of each image, higher is better.
        identities: (N,) of any type.
        fmr: the false match rate of the comparison threshold, in (0,1).

    Attributes:
        threshold: of the comparison; accepted is above it.
        scale: the mated pairs in the order of `quality`.
        people: how many people have mated pairs.
        image_code: (N,) a number for the person of each image; those with mated pairs come first.
        quality: (N,) of each image.
        fmr: as given.
        mated: (M,2) images of the mated pairs.
        failed: (M,) which of them fail.
        nonmated: (Q,2) images of the non-mated pairs.
        matched: (Q,) which of them match.

    Raises:
        ShapeError, InputError: shapes, NaN, ranges.
        EvidenceError: the pairs cannot resolve `fmr`; mated pairs of fewer than two people.
    """

    def __init__(
        self,
        similarity: ArrayLike,
        mated: ArrayLike,
        index: ArrayLike,
        quality: ArrayLike,
        identities: ArrayLike,
        *,
        fmr: float,
    ) -> None:
        score = checks.finite(
            checks.array(similarity, "similarity", shape=("P",), dtype=np.float64), "similarity"
        )
        same = checks.array(mated, "mated", shape=(len(score),), dtype=np.bool_)
        pairs = checks.array(index, "index", shape=(len(score), 2), dtype=np.int64)
        self.quality = checks.finite(
            checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality"
        )
        names = checks.array(identities, "identities", shape=(len(self.quality),))
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(self.quality)):
            raise InputError(
                f"index must lie in 0..{len(self.quality) - 1}, got {pairs.min()}..{pairs.max()}."
            )
        code = np.unique(names, return_inverse=True)[1]
        genuine = pairs[same]
        mixed = int(np.count_nonzero(code[genuine[:, 0]] != code[genuine[:, 1]]))
        if mixed:
            raise InputError(
                f"A mated pair must be of one identity, got {mixed} of {len(genuine)} that are of"
                " two."
            )
        paired = np.unique(code[genuine[:, 0]])
        self.people = len(paired)
        if self.people < 2:
            raise EvidenceError(
                f"A cut needs mated pairs of at least 2 identities, got {self.people}."
            )
        self.fmr = fmr
        self.threshold = threshold_at_fmr(score[~same], fmr)
        # People with mated pairs get the numbers 0..people-1, so that a draw is a plain (people,)
        # array.
        order = np.concatenate([paired, np.setdiff1d(np.arange(code.max() + 1), paired)])
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        self.image_code = rank[code]
        self.mated = genuine
        self.failed = score[same] <= self.threshold
        self.nonmated, self.matched = pairs[~same], score[~same] > self.threshold
        self._impostor = self.quality[self.nonmated].min(axis=1)
        self.scale = self.scale_of(self.quality)

    def scale_of(self, quality: NDArray[np.float64]) -> Scale:
        """Returns the mated pairs in the order of another quality (N,) of the same images.

        Args:
            quality: (N,) another quality, higher is better.
        """
        return Scale(quality, self.mated, self.failed, self.image_code[self.mated[:, 0]])

    def weights(self, weight: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns how often each image (N,) counts in a draw of people.

        Those without mated pairs, which no draw takes, count once.

        Args:
            weight: (people,) how often each person is drawn.
        """
        # The one appended is the count of everybody beyond `people`.
        return np.append(weight, 1)[np.minimum(self.image_code, self.people)]

    def effect(self, cut: float, scale: Scale | None = None) -> CutEffect:
        """Returns what a cut does to the images and pairs.

        Args:
            cut: the quality to reach.
            scale: another scale of the same images, or None for that of the quality.
        """
        chosen = self.scale if scale is None else scale
        mated, errors = chosen.counts(cut)
        impostor = self._impostor if scale is None else chosen.quality[self.nonmated].min(axis=1)
        kept = impostor >= cut
        nonmated, matches = int(np.count_nonzero(kept)), int(np.count_nonzero(self.matched & kept))
        return CutEffect(
            cut, chosen.coverage(cut), errors / mated if mated else None, mated, errors,
            matches / nonmated if nonmated else None, nonmated, matches,
        )  # fmt: skip

    def fmr_share(self, cut: float) -> ClusteredShare | None:
        """Returns the FMR among kept non-mated pairs with its people, None where none is kept.

        Args:
            cut: the quality to reach.
        """
        return self.match_share(self._impostor >= cut)

    def match_share(self, taken: NDArray[np.bool_]) -> ClusteredShare | None:
        """Returns the share of false matches of some non-mated pairs (Q,), with its people.

        Args:
            taken: (Q,) True for the non-mated pairs that count.
        """
        if not taken.any():
            return None
        ends = self.image_code[self.nonmated[taken]]
        count = int(self.image_code.max()) + 1
        matched = self.matched[taken]
        total = np.bincount(ends.ravel(), minlength=count)
        failed = np.bincount(ends[matched].ravel(), minlength=count)
        return clustered_share(failed, total, ends=2)

    def discarded(self, cut: float, scale: Scale | None = None) -> ClusteredShare:
        """Returns the share of images below a cut with its people.

        Args:
            cut: the quality to reach.
            scale: another scale of the same images, or None for that of the quality.
        """
        quality = self.quality if scale is None else scale.quality
        total = np.bincount(self.image_code)
        return clustered_share(np.bincount(self.image_code, weights=quality < cut), total)

    def why_not(self, fnmr: float) -> EvidenceError:
        """Returns the error for an FNMR that no cut reaches.

        Args:
            fnmr: the wanted FNMR.
        """
        kept, error = self.scale.curve()
        need = math.ceil(RULE_OF_THREE / fnmr - _ROUNDING)
        if kept[0] < need:
            return EvidenceError(
                f"An FNMR of {fnmr:g} needs at least {need} mated pairs (the rule of three), got"
                f" {kept[0]}.",
                hint=(
                    "add images of people who have several; or ask for the cut that keeps a share"
                    " of the images, which claims nothing about errors: --coverage 0.9"
                ),
            )
        enough = kept >= need
        # 2 is above every error, so cuts with too few pairs never win.
        best = int(np.argmin(np.where(enough, error, 2.0)))
        return EvidenceError(
            f"No cut that leaves the {need} mated pairs which an FNMR of {fnmr:g} needs reaches it:"
            f" the lowest FNMR is {error[best]:.4g} at the cut"
            f" {self.scale.worst[self.scale.first[best]]:g}, with {kept[best]} of {kept[0]} pairs"
            " left."
        )
