"""The curves of one recognizer: similarities once, then every quality, random and oracle on the
same pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.result import (
    FORMS,
    Estimate,
    MethodCurve,
    RecognizerResult,
    WorstPair,
    thinned,
)
from fiqa.evaluation.setting import Setting
from fiqa.functional import edc
from fiqa.functional.bootstrap import Band, Difference, Interval, band_of, difference
from fiqa.functional.curve import DiscardCurve
from fiqa.functional.protocols import protocol_of, start_threshold, starting_fnmr
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.streams import Largest, nonmated_blocks
from fiqa.functional.verification import (
    Accuracy,
    Verification,
    allowed_false_matches,
    lfw_accuracy,
    of_stream,
)
from fiqa.types import Embeddings

__all__ = ["recognizer_result", "verification_of"]

_BINS = 1 << 14
_SHOWN_BINS = 128
_WORST = 12


def recognizer_result(evidence: Evidence, vectors: Embeddings, how: Setting) -> RecognizerResult:
    """Returns everything about one recognizer.

    Raises EvidenceError where the pairs cannot support the curve (no mated pair, an FMR too fine to
    resolve).
    """
    genuine = pair_similarity(vectors.vector, evidence.mated)
    seen = _Seen(evidence, how)
    if not len(genuine):
        raise EvidenceError(
            f"Evaluation needs mated pairs, got none among {len(evidence.ids)} images.",
            hint="two images of one identity make a mated pair; --faces MANIFEST names identities",
        )
    blocks = _blocks(evidence, vectors)
    found = (
        of_stream(genuine, seen.watch(blocks), fars=how.fars) if evidence.nonmated_total else None
    )
    stored = (
        _Stored.of(evidence, vectors, genuine, how)
        if protocol_of(how.protocol).discards == "all"
        else None
    )
    curves = _curves(evidence, genuine, seen.threshold(genuine), stored, how)
    first = curves[0].curve
    return RecognizerResult(
        name=vectors.recognizer,
        threshold=first.threshold,
        fnmr=float(first.fnmr[0]),
        counts=first.counts,
        verification=found,
        accuracy=_accuracy(evidence, vectors, genuine),
        roc=seen.roc(genuine),
        density=seen.density(genuine),
        curves=curves,
        worst=_worst(evidence, genuine, first.threshold),
    )


def verification_of(
    vectors: Embeddings, evidence: Evidence, keep: NDArray[np.bool_], fars: tuple[float, ...]
) -> Verification:
    """Returns the verification accuracy of the images in the mask `keep` (N,), on the pairs of the
    evidence; raises EvidenceError without both kinds."""
    mated = evidence.mated[keep[evidence.mated].all(axis=1)]
    genuine = pair_similarity(vectors.vector, mated)
    if evidence.nonmated is None:
        blocks: Iterable[NDArray[np.float32]] = nonmated_blocks(
            vectors.vector[keep], evidence.identity[keep]
        )
    else:
        listed = evidence.nonmated[keep[evidence.nonmated].all(axis=1)]
        blocks = [pair_similarity(vectors.vector, listed)]
    return of_stream(genuine, blocks, fars=fars)


def _blocks(evidence: Evidence, vectors: Embeddings) -> Iterator[NDArray[np.float32]]:
    if evidence.nonmated is None:
        yield from nonmated_blocks(vectors.vector, evidence.identity)
    elif len(evidence.nonmated):
        yield pair_similarity(vectors.vector, evidence.nonmated)


class _Seen:
    """What is kept of the non-mated similarities that stream by: the largest, for the threshold,
    and a histogram, for plots."""

    def __init__(self, evidence: Evidence, how: Setting) -> None:
        self._how = how
        self._rule = protocol_of(how.protocol)
        self._start = starting_fnmr(self._rule, how.start_fnmr)
        self._total = evidence.nonmated_total
        self._largest: Largest | None = None
        if self._start is None:
            self._largest = Largest(allowed_false_matches(self._total, how.fmr) + 1)
        self._counts = np.zeros(_BINS, np.int64)

    def watch(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Yields the blocks on and looks at each."""
        for block in blocks:
            if self._largest is not None:
                self._largest.add(block)
            place = np.clip((block + np.float32(1)) * np.float32(_BINS / 2), 0, _BINS - 1).astype(
                np.int64
            )
            self._counts += np.bincount(place, minlength=_BINS)
            yield block

    def threshold(self, genuine: NDArray[np.float32]) -> float:
        """Returns the threshold at discard 0 of a protocol that keeps it; another protocol sets its
        own."""
        if self._start is not None:
            return start_threshold(genuine, self._start)
        return float(self._largest.values().min()) if self._largest is not None else float("nan")

    def roc(self, genuine: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (2,K) FMR and FNMR at thresholds that ascend in steps of 1/8192, thinned for
        drawing."""
        if not self._total:
            return np.empty((2, 0))
        edges = np.linspace(-1, 1, _BINS + 1)[:-1]
        reached = self._counts[::-1].cumsum()[::-1] / self._total
        missed = np.searchsorted(np.sort(genuine), edges, side="right") / len(genuine)
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

    def density(self, genuine: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (3,B): middle of each bin of similarity, share of the mated and of the non-mated
        pairs in it."""
        width = 2 / _SHOWN_BINS
        centers = -1 + width * (np.arange(_SHOWN_BINS) + 0.5)
        mated = np.histogram(np.clip(genuine, -1, 1), bins=_SHOWN_BINS, range=(-1, 1))[0] / len(
            genuine
        )
        other = self._counts.reshape(_SHOWN_BINS, -1).sum(axis=1) / max(self._total, 1)
        return np.stack([centers, mated, other]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Stored:
    """All pairs side by side, for the protocols that discard non-mated pairs too."""

    similarity: NDArray[np.float32]
    mated: NDArray[np.bool_]
    index: NDArray[np.int64]

    @classmethod
    def of(
        cls, evidence: Evidence, vectors: Embeddings, genuine: NDArray[np.float32], how: Setting
    ) -> _Stored:
        other = evidence.stored_nonmated(how.seed)
        similarity = np.concatenate([genuine, pair_similarity(vectors.vector, other)])
        mated = np.arange(len(similarity)) < len(genuine)
        return cls(similarity, mated, np.concatenate([evidence.mated, other]))


def _curves(
    evidence: Evidence,
    genuine: NDArray[np.float32],
    threshold: float,
    stored: _Stored | None,
    how: Setting,
) -> list[MethodCurve]:
    n = len(evidence.ids)
    random = np.random.default_rng(how.seed).permutation(n).astype(np.float64)
    kinds: list[tuple[str, Literal["method", "random", "oracle"], Any]] = [
        *((scores.name, "method", scores.value) for scores in evidence.scores),
        ("random", "random", random),
        ("oracle", "oracle", None),
    ]
    curves: list[MethodCurve] = []
    first: Band | None = None
    code = np.unique(evidence.identity[evidence.mated[:, 0]], return_inverse=True)[1]
    for name, role, value in kinds:
        if stored is not None:
            curve = _re_estimated(stored, value, how)
            curves.append(MethodCurve(name, role, curve, _areas(curve, None, how)))
            continue
        worst = genuine if value is None else edc.pair_quality(value[evidence.mated])
        start = starting_fnmr(protocol_of(how.protocol), how.start_fnmr)
        curve = edc.curve_at(
            genuine,
            worst,
            threshold,
            fmr=None if start else how.fmr,
            nonmated=evidence.nonmated_total,
            protocol=how.protocol,
        )
        band = _band(curve, genuine, worst, code, how)
        gap = None if first is None or band is None else _difference(band, first, how)
        first = band if not curves else first
        shown = curve if band is None else band.curve
        curves.append(MethodCurve(name, role, shown, _areas(curve, band, how), gap))
    return curves


def _re_estimated(stored: _Stored, value: Any, how: Setting) -> DiscardCurve:
    chosen: dict[str, Any] = {"fmr": how.fmr, "protocol": how.protocol}
    if value is not None:
        return edc.discard_curve(stored.similarity, stored.mated, value[stored.index], **chosen)
    # The errors go first; of all other pairs none is better than another, so that mated ones do not
    # all go before the non-mated ones.
    threshold = edc.comparison_threshold(stored.similarity, stored.mated, **chosen)
    known = np.random.default_rng(how.seed).random(len(stored.similarity))
    known -= stored.mated & (stored.similarity <= np.float64(threshold))
    return edc.discard_curve(
        stored.similarity, stored.mated, np.stack([known, known], axis=1), **chosen
    )


def _band(
    curve: DiscardCurve,
    genuine: NDArray[np.float32],
    worst: Any,
    code: NDArray[np.int64],
    how: Setting,
) -> Band | None:
    """None without resamples, or where all mated pairs are of one identity."""
    if not how.draws or code.max(initial=0) < 1:
        return None
    return band_of(curve, genuine, worst, code, draws=how.draws, level=how.level, seed=how.seed)


def _difference(band: Band, first: Band, how: Setting) -> Difference | None:
    try:
        return difference(band, first, upto=how.limits[0], normalize="start")
    except EvidenceError:  # no error at discard 0 to be relative to
        return None


def _areas(
    curve: DiscardCurve, band: Band | None, how: Setting
) -> dict[tuple[float, str], Estimate | None]:
    found: dict[tuple[float, str], Estimate | None] = {}
    for upto in how.limits:
        for form in FORMS:
            found[upto, form] = _area(curve, band, upto, form)
    return found


def _area(curve: DiscardCurve, band: Band | None, upto: float, form: str) -> Estimate | None:
    """None where the area is relative to the error at discard 0 and there is none."""
    normalize: Any = None if form == "raw" else form
    try:
        value = curve.area(upto, normalize=normalize)
    except EvidenceError:
        return None
    if band is None:
        return Estimate(value)
    try:
        interval: Interval = band.area(upto, normalize=normalize)
    except EvidenceError:  # too few resamples have an error at discard 0
        return Estimate(value)
    return Estimate(value, interval.low, interval.high)


def _accuracy(
    evidence: Evidence, vectors: Embeddings, genuine: NDArray[np.float32]
) -> Accuracy | None:
    """The accuracy over the folds of a pair list, None for pairs without folds."""
    if evidence.fold is None or evidence.nonmated is None:
        return None
    similarity = np.concatenate([genuine, pair_similarity(vectors.vector, evidence.nonmated)])
    return lfw_accuracy(similarity, np.arange(len(similarity)) < len(genuine), evidence.fold)


def _worst(evidence: Evidence, genuine: NDArray[np.float32], threshold: float) -> list[WorstPair]:
    """The failing mated pairs that the first method holds for the best: what discarding by it
    removes last. One of each identity."""
    value = evidence.scores[0].value
    failed = np.flatnonzero(genuine <= threshold)
    worst = value[evidence.mated[failed]].min(axis=1)
    ordered = failed[np.argsort(-worst, kind="stable")]
    # One pair of each identity: a single bad image would fill the list otherwise.
    once = np.unique(evidence.identity[evidence.mated[ordered, 0]], return_index=True)[1]
    chosen = ordered[np.sort(once)[:_WORST]]
    return [
        WorstPair(
            ids=(str(evidence.ids[a]), str(evidence.ids[b])),
            similarity=float(genuine[pair]),
            quality=(float(value[a]), float(value[b])),
        )
        for pair, (a, b) in zip(chosen, evidence.mated[chosen], strict=True)
    ]
