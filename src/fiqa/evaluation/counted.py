"""The curves of one recognizer over more mated pairs than are held: the pairs stream by and are
counted.

Three passes of blocks. The non-mated similarities go into 2^20 cells, which give the cell that the
comparison threshold lies in. Then mated pairs are counted by quality, and by whether they are below
that cell, in it, or above it (fiqa.functional.edc_counts). The cell is widened by its own width on
both sides, so that a cosine may be rounded by 1.9e-6 and the bounds still hold. A quality counts by
its rank among the images, which leaves the order of the pairs as it is. An engine shares out the
blocks of each pass (fiqa.evaluation.passes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.cell_counts import NonmatedCells, cell_of
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.passes import Passes, added
from fiqa.evaluation.result import FORMS, Bounds, Estimate, MethodCurve, RecognizerResult, thinned
from fiqa.evaluation.setting import Setting
from fiqa.execute.shared import Shared
from fiqa.functional.curve import DiscardCurve
from fiqa.functional.edc_counts import BoundedCurve, PairCounts
from fiqa.functional.streams import ByIdentity
from fiqa.functional.verification import allowed_false_matches
from fiqa.types import Embeddings

__all__ = ["counted_result"]

_CELLS = 1 << 20
_COARSE = 1 << 14
_SHOWN = 128
_STEPS = 1 << 16
_WIDTH = 2.0 / _CELLS


def counted_result(
    evidence: Evidence, vectors: Embeddings, setting: Setting, passes: Passes
) -> RecognizerResult:
    """Returns everything about one recognizer that counts can tell; `bounds` of each curve say how
    far it may be from that of the pairs themselves.

    Args:
        evidence: the images, whose mated pairs are not listed.
        vectors: the recognizer's embeddings of these images.
        setting: how curves are made, with the protocol `iso`.
        passes: how the pairs are passed over.

    Raises:
        EvidenceError: no mated pair, or too few non-mated pairs to resolve the FMR.
        InputError: a GPU that is not there.
    """
    pairs = passes.of(vectors.vector, evidence.identity)
    cells = NonmatedCells(_CELLS, passes.where.device)
    parts = pairs.parts(evidence.nonmated_total, _CELLS)
    nonmated = added(pairs.counted(cells, parts, f"non-mated pairs, {vectors.recognizer}"))
    cell = _threshold_cell(nonmated, setting.fmr)
    # multiples of a power of two: every border is exact
    low, high = (cell - 1) * _WIDTH - 1.0, (cell + 2) * _WIDTH - 1.0
    ends = np.clip([cell - 1, cell + 2], 0, _CELLS)
    three = np.array([nonmated[: ends[0]].sum(), nonmated[ends[0] : ends[1]].sum(), 0])
    three[2] = nonmated.sum() - three.sum()
    kinds = _kinds(evidence, setting)
    counting = _MatedCounts(
        passes.shared(_codes(evidence.content, len(evidence.ids))),
        [None if rank is None else passes.shared(rank) for _, _, rank in kinds],
        (low - (high - low), high + (high - low)),
        _CELLS,
        _STEPS,
    )
    parts = pairs.parts(evidence.counts["mated"], len(kinds) * _CELLS)
    found = pairs.counted(counting, parts, f"mated pairs, {vectors.recognizer}")
    # into counts of our own: those that a cluster hands over cannot be written to
    mated, counts = np.zeros(_CELLS, np.int64), counting.nothing()
    for more, others in found:
        mated += more
        for each, other in zip(counts, others, strict=True):
            each.merge(other)
    for each in counts:
        each.add_nonmated_cells(three)
    if not mated.sum():
        raise EvidenceError(
            f"Evaluation needs mated pairs, got none of {len(evidence.ids)} images."
        )
    curves = [
        _curve(name, role, each.curve(fmr=setting.fmr), setting, int(nonmated.sum()))
        for (name, role, _), each in zip(kinds, counts, strict=True)
    ]
    first_curve = curves[0].curve
    return RecognizerResult(
        name=vectors.recognizer,
        threshold=first_curve.threshold,
        fnmr=float(first_curve.fnmr[0]),
        counts=first_curve.counts,
        verification=None,
        accuracy=None,
        roc=_roc(mated, nonmated),
        density=_density(mated, nonmated),
        curves=curves,
    )


def _kinds(
    evidence: Evidence, setting: Setting
) -> list[tuple[str, Literal["method", "random", "oracle"], NDArray[np.float64] | None]]:
    """Name, role, and what pairs are discarded by, in [0, 1); None is their similarity."""
    n = len(evidence.ids)
    random = np.random.default_rng(setting.seed).permutation(n).astype(np.float64)
    return [
        *((scores.name, "method", _ranks(scores.value)) for scores in evidence.scores),
        ("random", "random", _ranks(random)),
        ("oracle", "oracle", None),
    ]


def _ranks(value: NDArray[Any]) -> NDArray[np.float64]:
    """Values in [0, 1) in the same order, equal ones equal, spread evenly over the images."""
    return np.searchsorted(np.sort(value), value, side="left") / len(value)


@dataclass(frozen=True)
class _MatedCounts:
    """Counts of mated pairs by cell, and by quality and what is below, in and above the cell of the
    threshold: `content` (N,) number of each image's file, -1 unknown; `ranks` of each kind; the
    rest as PairCounts."""

    content: Shared
    ranks: Sequence[Shared | None]
    around: tuple[float, float]
    cells: int
    steps: int

    def nothing(self) -> list[PairCounts]:
        """Returns counts of no pair, of each kind."""
        return [
            PairCounts(quality=(0, 1), similarity=self.around, cells=3, steps=self.steps)
            for _ in self.ranks
        ]

    def counts(
        self, pairs: ByIdentity, part: int, parts: int
    ) -> tuple[NDArray[np.int64], list[PairCounts]]:
        """Returns both of a part, without the pairs of two equal files."""
        content, counts = self.content.array, self.nothing()
        mated = np.zeros(self.cells, np.int64)
        for one, two, cosine in pairs.mated(part, parts):
            other = (content[one] != content[two]) | (content[one] < 0)
            first, second, similarity = one[other], two[other], cosine[other]
            mated += np.bincount(cell_of(similarity, self.cells), minlength=self.cells)
            for each, shared in zip(counts, self.ranks, strict=True):
                rank = None if shared is None else shared.array
                # the oracle discards by the similarity itself
                own = (
                    (similarity + 1) / 2 if rank is None else np.minimum(rank[first], rank[second])
                )
                each.add_mated(similarity, own)
        return mated, counts


def _codes(content: NDArray[np.str_] | None, images: int) -> NDArray[np.int64]:
    """(N,) a number of each content, -1 where it is not known."""
    if content is None:
        return np.full(images, -1)
    return np.where(content == "", -1, np.unique(content, return_inverse=True)[1])


def _threshold_cell(nonmated: NDArray[np.int64], fmr: float) -> int:
    """The cell of the (allowed + 1)-th largest similarity."""
    allowed = allowed_false_matches(int(nonmated.sum()), fmr)
    reached = np.cumsum(nonmated[::-1])
    return _CELLS - 1 - int(np.searchsorted(reached, allowed + 1))


def _curve(
    name: str,
    role: Literal["method", "random", "oracle"],
    found: BoundedCurve,
    setting: Setting,
    nonmated: int,
) -> MethodCurve:
    fnmr = (found.low + found.high) / 2
    mated = int(found.kept[0])
    counts = {
        "mated": mated,
        "nonmated": nonmated,
        "errors": round(float(fnmr[0]) * mated),
        "resolvable_fmr": 1 / nonmated,
    }
    threshold = sum(found.threshold) / 2
    curve = DiscardCurve(
        found.discard, fnmr, found.kept, threshold, setting.fmr, setting.protocol, counts
    )
    areas: dict[tuple[float, str], Estimate | None] = {}
    for upto in setting.limits:
        for form in FORMS:
            normalize: Any = None if form == "raw" else form
            try:
                areas[upto, form] = Estimate(curve.area(upto, normalize=normalize))
            except EvidenceError:  # relative to an error at discard 0, and there is none
                areas[upto, form] = None
    area = {upto: found.area(upto) for upto in setting.limits}
    # behind the last limit a handful of pairs is left, and one in doubt is much of it
    inside = found.discard <= max(setting.limits)
    error = float((found.high - found.low)[inside].max()) / 2
    bounds = Bounds(found.threshold, error, area)
    return MethodCurve(name, role, curve, areas, bounds=bounds)


def _roc(mated: NDArray[np.int64], nonmated: NDArray[np.int64]) -> NDArray[np.float64]:
    """(2,K) FMR and FNMR at thresholds that ascend by 1/8192, thinned for drawing."""
    missed, reached = (one.reshape(_COARSE, -1).sum(axis=1) for one in (mated, nonmated))
    fmr = reached[::-1].cumsum()[::-1] / max(reached.sum(), 1)
    fnmr = (missed.cumsum() - missed) / missed.sum()
    change = np.flatnonzero(np.append(True, (np.diff(fmr) != 0) | (np.diff(fnmr) != 0)))
    rows = change[thinned(len(change), 800)]
    return np.stack([fmr[rows], fnmr[rows]])


def _density(mated: NDArray[np.int64], nonmated: NDArray[np.int64]) -> NDArray[np.float64]:
    centers = -1 + (np.arange(_SHOWN) + 0.5) * (2 / _SHOWN)
    shares = [one.reshape(_SHOWN, -1).sum(axis=1) / max(one.sum(), 1) for one in (mated, nonmated)]
    return np.stack([centers, *shares]).astype(np.float64)
