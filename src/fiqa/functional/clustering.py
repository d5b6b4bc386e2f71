"""K-Means for many small sets of unit vectors: one identity at a time, seeded, without a library's
start-up cost per call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks

__all__ = ["kmeans"]


def kmeans(
    vectors: NDArray[np.floating[Any]],
    clusters: int,
    *,
    rng: np.random.Generator,
    iterations: int = 25,
) -> NDArray[np.int32]:
    """Returns the cluster (0..clusters-1) of each vector, by Lloyd's iterations.

    Centers start at `clusters` different rows drawn at random and move to the mean of their rows
    until no row changes its cluster. Of drawn rows that are equal one is a center, so there may be
    fewer clusters. A cluster that loses all its rows stays empty. With no more rows than clusters
    every row is alone.

    Args:
        vectors: (N,D), any float type; computed in float32.
        clusters: how many centers, at least 1.
        rng: the source of the starting rows.
        iterations: most passes over the rows.

    Returns:
        (N,) int32.

    Raises:
        InputError: when `clusters` is below 1.
        ShapeError: when `vectors` is not (N,D).

    >>> import numpy as np
    >>> vectors = np.array([[0.0, 1], [0, 1.1], [5, 0], [5, 0.2]])
    >>> label = kmeans(vectors, 2, rng=np.random.default_rng(0))
    >>> bool(label[0] == label[1] and label[2] == label[3] and label[0] != label[2])
    True
    """
    rows = checks.array(vectors, "vectors", shape=("N", "D"), dtype=np.float32)
    checks.in_range(clusters, "clusters", 1, np.inf)
    count = len(rows)
    if count <= clusters:
        return np.arange(count, dtype=np.int32)
    drawn = rows[rng.choice(count, clusters, replace=False)]
    # Between two equal centers the last bit of a product would decide, and equal rows part.
    first = np.unique(drawn, axis=0, return_index=True)[1]
    centers = drawn[np.sort(first)]
    label = np.full(count, -1, np.int32)
    for _ in range(iterations):
        # |x - c|^2 = |x|^2 - 2 x.c + |c|^2, and |x|^2 is the same for every center
        closeness = rows @ centers.T - 0.5 * np.einsum("kd,kd->k", centers, centers)
        nearest = closeness.argmax(axis=1).astype(np.int32)
        if np.array_equal(nearest, label):
            break
        label = nearest
        member = np.zeros((len(centers), count), np.float32)
        member[label, np.arange(count)] = 1.0
        size = member.sum(axis=1, keepdims=True)
        # An empty cluster keeps its center.
        centers = np.where(size > 0, (member @ rows) / np.maximum(size, 1.0), centers)
    return label
