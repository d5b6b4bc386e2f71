"""The curves of one recognizer: every quality, random and oracle on the same similarities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from fiqa.functional.protocols import start_threshold
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.streams import Largest, nonmated_blocks
from fiqa.functional.verification import (
    Accuracy,
    allowed_false_matches,
    lfw_accuracy,
    of_stream,
)
from fiqa.types import Embeddings

__all__ = ["recognizer_result"]

# Bins of similarity over -1..1: fine enough to read the ROC from, in 128 kB however many pairs.
_BINS = 1 << 14
# As many as a plot can show; they must divide _BINS.
_SHOWN_BINS = 128
_WORST = 12


def recognizer_result(
    evidence: Evidence, vectors: Embeddings, setting: Setting
) -> RecognizerResult:
    """Returns everything about one recognizer.

    Args:
        evidence: the images and their pairs.
        vectors: the recognizer's embeddings of these images.
        setting: how curves are made.

    Raises:
        EvidenceError: the pairs cannot support the curve (no mated pair, an FMR too fine to
            resolve).
    """
    mated_similarity = pair_similarity(vectors.vector, evidence.mated)
    stream = _NonmatedStream(evidence, setting)
    if not len(mated_similarity):
        raise EvidenceError(
            f"Evaluation needs mated pairs, got none among {len(evidence.ids)} images.",
            hint="two images of one identity make a mated pair; --faces MANIFEST names identities",
        )
    # The only pass over the non-mated pairs: what `stream` says is known after it.
    blocks = _blocks(evidence, vectors)
    verification = (
        of_stream(mated_similarity, stream.watch(blocks), fars=setting.fars)
        if evidence.nonmated_total
        else None
    )
    stored = (
        _Stored.of(evidence, vectors, mated_similarity, setting)
        if setting.rule.discards == "all"
        else None
    )
    curves = _curves(
        evidence, mated_similarity, stream.threshold(mated_similarity), stored, setting
    )
    first = curves[0].curve
    return RecognizerResult(
        name=vectors.recognizer,
        threshold=first.threshold,
        fnmr=float(first.fnmr[0]),
        counts=first.counts,
        verification=verification,
        accuracy=_accuracy(evidence, vectors, mated_similarity),
        roc=stream.roc(mated_similarity),
        density=stream.density(mated_similarity),
        curves=curves,
        worst=_worst(evidence, mated_similarity, first.threshold),
    )


def _blocks(evidence: Evidence, vectors: Embeddings) -> Iterator[NDArray[np.float32]]:
    if evidence.nonmated is None:
        yield from nonmated_blocks(vectors.vector, evidence.identity)
    elif len(evidence.nonmated):
        yield pair_similarity(vectors.vector, evidence.nonmated)


class _NonmatedStream:
    """What is kept of non-mated similarities: the largest, for the threshold, and a histogram."""

    def __init__(self, evidence: Evidence, setting: Setting) -> None:
        self._how = setting
        self._rule = setting.rule
        self._start = setting.start
        self._total = evidence.nonmated_total
        # Only so many of the largest decide the threshold; a protocol that starts at an FNMR
        # takes it from the mated pairs.
        self._largest: Largest | None = None
        if self._start is None:
            self._largest = Largest(allowed_false_matches(self._total, setting.fmr) + 1)
        self._counts = np.zeros(_BINS, np.int64)

    def watch(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Yields the blocks on and looks at each."""
        for block in blocks:
            if self._largest is not None:
                self._largest.add(block)
            # In float32 like the block: a copy in float64 would double the memory of the stream.
            bins = np.clip((block + np.float32(1)) * np.float32(_BINS / 2), 0, _BINS - 1)
            self._counts += np.bincount(bins.astype(np.int64), minlength=_BINS)
            yield block

    def threshold(self, mated_similarity: NDArray[np.float32]) -> float:
        """Returns the threshold at discard 0 of a protocol that keeps it; others set their own."""
        if self._start is not None:
            return start_threshold(mated_similarity, self._start)
        return float(self._largest.values().min()) if self._largest is not None else float("nan")

    def roc(self, mated_similarity: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (2,K) FMR and FNMR at thresholds that ascend by 1/8192, thinned for drawing."""
        if not self._total:
            return np.empty((2, 0))
        edges = np.linspace(-1, 1, _BINS + 1)[:-1]
        reached = self._counts[::-1].cumsum()[::-1] / self._total
        missed = np.searchsorted(np.sort(mated_similarity), edges, side="right") / len(
            mated_similarity
        )
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

    def density(self, mated_similarity: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns (3,B): middle of each bin, share of the mated and of the non-mated pairs."""
        width = 2 / _SHOWN_BINS
        centers = -1 + width * (np.arange(_SHOWN_BINS) + 0.5)
        # Rounding leaves a cosine a hair beyond 1, which a histogram would leave out.
        counts = np.histogram(np.clip(mated_similarity, -1, 1), bins=_SHOWN_BINS, range=(-1, 1))[0]
        other = self._counts.reshape(_SHOWN_BINS, -1).sum(axis=1) / max(self._total, 1)
        return np.stack([centers, counts / len(mated_similarity), other]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Stored:
    """All pairs side by side, for the protocols that discard non-mated pairs too.

    Attributes:
        similarity: (P,) mated pairs first.
        mated: (P,) which are mated.
        index: (P,2) rows of their images.
    """

    similarity: NDArray[np.float32]
    mated: NDArray[np.bool_]
    index: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        vectors: Embeddings,
        mated_similarity: NDArray[np.float32],
        setting: Setting,
    ) -> _Stored:
        other = evidence.stored_nonmated(setting.seed)
        similarity = np.concatenate([mated_similarity, pair_similarity(vectors.vector, other)])
        mated = np.arange(len(similarity)) < len(mated_similarity)
        return cls(similarity, mated, np.concatenate([evidence.mated, other]))


def _curves(
    evidence: Evidence,
    mated_similarity: NDArray[np.float32],
    threshold: float,
    stored: _Stored | None,
    setting: Setting,
) -> list[MethodCurve]:
    n = len(evidence.ids)
    random = np.random.default_rng(setting.seed).permutation(n).astype(np.float64)
    kinds: list[tuple[str, Literal["method", "random", "oracle"], Any]] = [
        *((scores.name, "method", scores.value) for scores in evidence.scores),
        ("random", "random", random),
        ("oracle", "oracle", None),
    ]
    curves: list[MethodCurve] = []
    bands: list[Band | None] = []
    # Resamples are of identities, not of pairs: the pairs of one person fail together.
    code = np.unique(evidence.identity[evidence.mated[:, 0]], return_inverse=True)[1]
    for name, role, value in kinds:
        if stored is not None:
            curve = _re_estimated(stored, value, setting)
            curves.append(MethodCurve(name, role, curve, _areas(curve, None, setting)))
            bands.append(None)
            continue
        worst = mated_similarity if value is None else edc.pair_quality(value[evidence.mated])
        start = setting.start
        curve = edc.curve_at(
            mated_similarity,
            worst,
            threshold,
            fmr=None if start else setting.fmr,
            nonmated=evidence.nonmated_total,
            protocol=setting.rule,
        )
        band = _band(curve, mated_similarity, worst, code, setting)
        bands.append(band)
        # Differences are to the first method, resample by resample.
        gap = _difference(band, bands[0], setting) if curves else None
        shown = curve if band is None else band.curve
        cut, images = (None, None) if value is None else _cuts(curve, worst, value)
        made = MethodCurve(name, role, shown, _areas(curve, band, setting), gap)
        drawn = None if band is None else {each: band.raw(each) for each in setting.limits}
        curves.append(replace(made, cut=cut, images=images, drawn=drawn))
    return _behind(curves, bands, setting)


def _cuts(
    curve: DiscardCurve, worst: NDArray[Any], value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest quality kept at each point of a curve, and the share of images below it."""
    lost = np.minimum(len(worst) - curve.kept, len(worst) - 1)
    cut = np.sort(worst)[lost]
    # Nothing is discarded at the start, an image without a mated pair neither.
    cut[curve.discard == 0] = value.min()
    images = np.searchsorted(np.sort(value), cut, side="left") / len(value)
    return cut, images


def _behind(
    curves: list[MethodCurve], bands: Sequence[Band | None], setting: Setting
) -> list[MethodCurve]:
    """The curves, each with how far it is behind the best method."""
    areas = [
        curve.areas[setting.limits[0], "start"] if curve.role == "method" else None
        for curve in curves
    ]
    values = [np.inf if area is None else area.value for area in areas]
    best = int(np.argmin(values))
    if not np.isfinite(values[best]):
        return curves
    return [
        curve
        if place == best
        else replace(curve, behind=_difference(bands[best], bands[place], setting))
        for place, curve in enumerate(curves)
    ]


def _re_estimated(stored: _Stored, value: Any, setting: Setting) -> DiscardCurve:
    chosen: dict[str, Any] = {"fmr": setting.fmr, "protocol": setting.rule}
    if value is not None:
        return edc.discard_curve(stored.similarity, stored.mated, value[stored.index], **chosen)
    # The errors go first; of all other pairs none is better than another, so that mated ones do not
    # all go before the non-mated ones.
    threshold = edc.comparison_threshold(stored.similarity, stored.mated, **chosen)
    order = np.random.default_rng(setting.seed).random(len(stored.similarity))
    order -= stored.mated & (stored.similarity <= np.float64(threshold))
    return edc.discard_curve(
        stored.similarity, stored.mated, np.stack([order, order], axis=1), **chosen
    )


def _band(
    curve: DiscardCurve,
    mated_similarity: NDArray[np.float32],
    worst: Any,
    code: NDArray[np.int64],
    setting: Setting,
) -> Band | None:
    """None without resamples, or where all mated pairs are of one identity."""
    if not setting.draws or code.max(initial=0) < 1:
        return None
    return band_of(
        curve,
        mated_similarity,
        worst,
        code,
        draws=setting.draws,
        level=setting.level,
        seed=setting.seed,
    )


def _difference(band: Band | None, other: Band | None, setting: Setting) -> Difference | None:
    if band is None or other is None:
        return None
    try:
        return difference(band, other, upto=setting.limits[0], normalize="start")
    except EvidenceError:  # no error at discard 0 to be relative to
        return None


def _areas(
    curve: DiscardCurve, band: Band | None, setting: Setting
) -> dict[tuple[float, str], Estimate | None]:
    areas: dict[tuple[float, str], Estimate | None] = {}
    for upto in setting.limits:
        for form in FORMS:
            areas[upto, form] = _area(curve, band, upto, form)
    return areas


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
    evidence: Evidence, vectors: Embeddings, mated_similarity: NDArray[np.float32]
) -> Accuracy | None:
    """The accuracy over the folds of a pair list, None for pairs without folds."""
    if evidence.fold is None or evidence.nonmated is None:
        return None
    similarity = np.concatenate(
        [mated_similarity, pair_similarity(vectors.vector, evidence.nonmated)]
    )
    return lfw_accuracy(
        similarity, np.arange(len(similarity)) < len(mated_similarity), evidence.fold
    )


def _worst(
    evidence: Evidence, mated_similarity: NDArray[np.float32], threshold: float
) -> list[WorstPair]:
    """The failing mated pairs that the first method discards last, one of each identity."""
    value = evidence.scores[0].value
    failed = np.flatnonzero(mated_similarity <= threshold)
    worst = value[evidence.mated[failed]].min(axis=1)
    ordered = failed[np.argsort(-worst, kind="stable")]
    # One pair of each identity: a single bad image would fill the list otherwise.
    once = np.unique(evidence.identity[evidence.mated[ordered, 0]], return_index=True)[1]
    chosen = ordered[np.sort(once)[:_WORST]]
    return [
        WorstPair(
            ids=(str(evidence.ids[a]), str(evidence.ids[b])),
            similarity=float(mated_similarity[pair]),
            quality=(float(value[a]), float(value[b])),
        )
        for pair, (a, b) in zip(chosen, evidence.mated[chosen], strict=True)
    ]
