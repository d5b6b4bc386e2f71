"""Verification of what a filter leaves, and how sure its numbers are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.result import Estimate
from fiqa.evaluation.setting import Setting
from fiqa.functional.draws import identity_weights
from fiqa.functional.ranks import RankCounter
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.streams import nonmated_blocks
from fiqa.functional.verification import allowed_matches
from fiqa.types import Embeddings

__all__ = ["Verified", "verified"]


@dataclass(frozen=True)
class Verified:
    """The verification accuracy of some of the images.

    Attributes:
        auc: area under the ROC curve.
        eer: equal error rate.
        tpr: FAR -> TPR, None where the non-mated pairs cannot resolve that FAR.
        mated, nonmated: how many pairs.
    """

    auc: Estimate
    eer: Estimate
    tpr: Mapping[float, Estimate | None]
    mated: int
    nonmated: int


def verified(
    vectors: Embeddings, evidence: Evidence, keep: NDArray[np.bool_], setting: Setting
) -> Verified:
    """Returns the verification accuracy of some of the images, on the pairs of the evidence.

    Intervals are over people: a mated pair counts as often as its person is drawn. The non-mated
    pairs, and so the thresholds, stay those at hand, as in fiqa.functional.bootstrap. There are
    none without draws, or where all mated pairs left are of one person.

    Args:
        vectors: the recognizer's embeddings of all images.
        evidence: the images and their pairs.
        keep: (N,) mask of the images that count.
        setting: its `fars`, `draws`, `level` and `seed` are used.

    Raises:
        EvidenceError: mated or non-mated pairs are missing.
    """
    pairs = evidence.mated[keep[evidence.mated].all(axis=1)]
    similarity = pair_similarity(vectors.vector, pairs)
    counter = RankCounter(np.sort(similarity.astype(np.float32)))
    for block in _nonmated(vectors, evidence, keep):
        counter.add(block)
    ranks = counter.ranks()
    fars = {far: allowed_matches(far * ranks.nonmated) for far in setting.fars}
    place = np.searchsorted(counter.values, similarity.astype(np.float32))
    people, code = np.unique(evidence.identity[pairs[:, 0]], return_inverse=True)
    drawn: list[list[float]] = []
    if setting.draws and len(people) > 1:
        for weight in identity_weights(len(people), setting.draws, setting.level, setting.seed):
            times = np.bincount(place, weight[code], len(counter.values)).astype(np.int64)
            if times.any():
                own = ranks.taken(times)
                rates = [own.tpr(allowed) for allowed in fars.values()]
                drawn.append([own.auc_in_floats(), own.eer(), *rates])
    values = [ranks.auc(), ranks.eer(), *(ranks.tpr(allowed) for allowed in fars.values())]
    auc, eer, *tpr = _estimates(values, drawn, setting.level)
    resolved = {
        far: rate if far >= 1 / ranks.nonmated else None
        for far, rate in zip(fars, tpr, strict=True)
    }
    return Verified(auc, eer, resolved, len(pairs), ranks.nonmated)


def _estimates(values: list[float], drawn: list[list[float]], level: float) -> list[Estimate]:
    if not drawn:
        return [Estimate(value) for value in values]
    ends = np.quantile(np.array(drawn), ((1 - level) / 2, (1 + level) / 2), axis=0).T.tolist()
    return [Estimate(value, low, high) for value, (low, high) in zip(values, ends, strict=True)]


def _nonmated(
    vectors: Embeddings, evidence: Evidence, keep: NDArray[np.bool_]
) -> Iterable[NDArray[np.float32]]:
    if evidence.nonmated is None:
        return nonmated_blocks(vectors.vector[keep], evidence.identity[keep])
    listed = evidence.nonmated[keep[evidence.nonmated].all(axis=1)]
    return [pair_similarity(vectors.vector, listed)]
