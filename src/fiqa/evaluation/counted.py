"""The curves of one recognizer over more mated pairs than are held: the pairs stream by and are
counted.

Three passes of blocks. The non-mated similarities go into 2^20 cells, which give the cell that the
comparison threshold lies in. Then mated pairs are counted by quality, and by whether they are below
that cell, in it, or above it (fiqa.functional.edc_counts). The cell is widened by its own width on
both sides, so that a cosine may be rounded by 2e-6 and the bounds still hold. A quality counts by
its rank among the images, which leaves the order of the pairs as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.result import FORMS, Bounds, Estimate, MethodCurve, RecognizerResult, thinned
from fiqa.evaluation.setting import Setting
from fiqa.functional.curve import DiscardCurve
from fiqa.functional.edc_counts import BoundedCurve, PairCounts
from fiqa.functional.streams import mated_blocks, nonmated_blocks
from fiqa.functional.verification import allowed_false_matches
from fiqa.types import Embeddings

__all__ = ["counted_result"]

_CELLS = 1 << 20
_COARSE = 1 << 14
_SHOWN = 128
_STEPS = 1 << 16
_WIDTH = 2.0 / _CELLS


def counted_result(evidence: Evidence, vectors: Embeddings, setting: Setting) -> RecognizerResult:
    """Returns everything about one recognizer that counts can tell; `bounds` of each curve say how
    far it may be from that of the pairs themselves.

    Args:
        evidence: the images, whose mated pairs are not listed.
        vectors: the recognizer's embeddings of these images.
        setting: how curves are made, with the protocol `iso`.

    Raises:
        EvidenceError: no mated pair, or too few non-mated pairs to resolve the FMR.
    """
    nonmated = _histogram(nonmated_blocks(vectors.vector, evidence.identity))
    cell = _threshold_cell(nonmated, setting.fmr)
    # multiples of a power of two: every border is exact
    low, high = (cell - 1) * _WIDTH - 1.0, (cell + 2) * _WIDTH - 1.0
    around = (low - (high - low), high + (high - low))
    ends = np.clip([cell - 1, cell + 2], 0, _CELLS)
    parts = np.array([nonmated[: ends[0]].sum(), nonmated[ends[0] : ends[1]].sum(), 0])
    parts[2] = nonmated.sum() - parts.sum()
    kinds = _kinds(evidence, setting)
    counts = [PairCounts(quality=(0, 1), similarity=around, cells=3, steps=_STEPS) for _ in kinds]
    for each in counts:
        each.add_nonmated_cells(parts)
    mated = np.zeros(_CELLS, np.int64)
    for first, second, similarity in _mated(evidence, vectors):
        mated += np.bincount(_cell(similarity), minlength=_CELLS)
        for each, (_, _, rank) in zip(counts, kinds, strict=True):
            # the oracle discards by the similarity itself
            own = (similarity + 1) / 2 if rank is None else np.minimum(rank[first], rank[second])
            each.add_mated(similarity, own)
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


def _mated(
    evidence: Evidence, vectors: Embeddings
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yields the mated pairs but those of two equal files."""
    content = evidence.content
    for first, second, similarity in mated_blocks(vectors.vector, evidence.identity):
        if content is None:
            yield first, second, similarity
            continue
        other = (content[first] != content[second]) | (content[first] == "")
        yield first[other], second[other], similarity[other]


def _cell(similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    # in float64: a float32 cosine less than a cell from a border must not be rounded over it
    place = np.floor((similarity.astype(np.float64) + 1) * (_CELLS / 2))
    return np.clip(place, 0, _CELLS - 1).astype(np.int64)


def _histogram(blocks: Iterator[NDArray[np.float32]]) -> NDArray[np.int64]:
    counts = np.zeros(_CELLS, np.int64)
    for block in blocks:
        counts += np.bincount(_cell(block), minlength=_CELLS)
    return counts


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
