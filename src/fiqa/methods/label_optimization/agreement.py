"""How well the order of labels is the order in which a recognizer finds the images easy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.functional.batches import batches
from fiqa.functional.identities import encode
from fiqa.functional.similarity import normalize

__all__ = ["mated_agreement", "mean_mated_similarity"]

_MEAN_ROWS = 1 << 12


def mean_mated_similarity(
    embeddings: NDArray[np.floating[Any]], identities: ArrayLike
) -> NDArray[np.float64]:
    """Returns the mean cosine of each image with its identity's other images, NaN without any.

    mean_j cos(e_i, e_j) = (e_i . sum_j e_j - 1) / (n - 1), so it costs one pass. (N,) float64 in
    [-1, 1].

    >>> import numpy as np
    >>> mean_mated_similarity(np.array([[1.0, 0], [0, 1.0], [1.0, 0]]), ["a", "a", "a"]).tolist()
    [0.5, 0.0, 0.5]
    """
    code, classes = encode(identities, len(embeddings))
    count = np.bincount(code, minlength=classes)
    total = np.zeros((classes, embeddings.shape[1]))
    for piece in batches(len(code), _MEAN_ROWS):
        np.add.at(total, code[piece], normalize(embeddings[piece], "embeddings").astype(np.float64))
    result = np.full(len(code), np.nan)
    for piece in batches(len(code), _MEAN_ROWS):
        rows = normalize(embeddings[piece], "embeddings").astype(np.float64)
        others = count[code[piece]] - 1
        own = np.einsum("nd,nd->n", rows, rows)
        dot = np.einsum("nd,nd->n", rows, total[code[piece]]) - own
        np.divide(dot, others, out=result[piece], where=others > 0)
    return result


def mated_agreement(
    quality: ArrayLike, embeddings: NDArray[np.floating[Any]], identities: ArrayLike
) -> tuple[float, int]:
    """Returns Spearman's rho of labels and mean mated similarity, and of how many images it is.

    It says how well the order of the labels is the order in which the recognizer finds the images
    easy; optimization raises it.
    """
    from fiqa.functional.agreement import spearman

    value = checks.array(quality, "quality", shape=(len(embeddings),), dtype=np.float64)
    similarity = mean_mated_similarity(embeddings, identities)
    mated = np.isfinite(similarity)
    return float(spearman(value[mated], similarity[mated])), int(mated.sum())
