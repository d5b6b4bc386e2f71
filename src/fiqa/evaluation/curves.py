"""The curves of one recognizer: every quality, random and oracle on the same similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.nonmated import NonmatedCounts
from fiqa.evaluation.passes import Passes
from fiqa.evaluation.result import (
    FORMS,
    Estimate,
    MethodCurve,
    RecognizerResult,
    WorstPair,
)
from fiqa.evaluation.setting import Setting
from fiqa.functional import edc
from fiqa.functional.bootstrap import Band, Difference, Interval, band_of, difference
from fiqa.functional.curve import DiscardCurve
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.verification import (
    Accuracy,
    lfw_accuracy,
)
from fiqa.types import Embeddings

__all__ = ["recognizer_result"]

_WORST = 12


def recognizer_result(
    evidence: Evidence, vectors: Embeddings, setting: Setting, passes: Passes
) -> RecognizerResult:
    """Returns everything about one recognizer.

    Args:
        evidence: the images and their pairs.
        vectors: the recognizer's embeddings of these images.
        setting: how curves are made.
        passes: how all non-mated pairs are passed over.

    Raises:
        EvidenceError: the pairs cannot support the curve (no mated pair, an FMR too fine to
            resolve).
    """
    mated_similarity = pair_similarity(vectors.vector, evidence.mated)
    if not len(mated_similarity):
        raise EvidenceError(
            f"Evaluation needs mated pairs, got none among {len(evidence.ids)} images.",
            hint="two images of one identity make a mated pair; --faces MANIFEST names identities",
        )
    # the only pass over the non-mated pairs
    other = NonmatedCounts.of(evidence, vectors, mated_similarity, setting, passes)
    stored = (
        _Stored.of(evidence, vectors, mated_similarity, setting)
        if setting.rule.discards == "all"
        else None
    )
    curves = _curves(evidence, mated_similarity, other.threshold(setting), stored, setting)
    first = curves[0].curve
    return RecognizerResult(
        name=vectors.recognizer,
        threshold=first.threshold,
        fnmr=float(first.fnmr[0]),
        counts=first.counts,
        verification=other.verification(setting),
        accuracy=_accuracy(evidence, vectors, mated_similarity),
        roc=other.roc(),
        density=other.density(),
        curves=curves,
        worst=_worst(evidence, mated_similarity, first.threshold),
    )


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
