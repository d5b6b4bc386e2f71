"""The templates of each identity: which images to propose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_centers, encode, groups
from fiqa.methods.dmsfiqa.segments import apart

__all__ = ["Candidates", "candidates"]

_ROWS = 1 << 14


@dataclass(frozen=True, eq=False)
class Candidates:
    """Proposed templates, best first inside each identity.

    Attributes:
        row: (M,) of the image.
        rank: (M,) from 0 inside the identity.
        centrality: (N,) of every image.
    """

    row: NDArray[np.int64]
    rank: NDArray[np.int64]
    centrality: NDArray[np.float32]


def candidates(
    quality: ArrayLike,
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    count: int = 5,
    segments: ArrayLike | None = None,
    modalities: ArrayLike | None = None,
) -> Candidates:
    """Returns the best images of each identity to choose a template from.

    Inside an identity the images are ranked twice: by the judges' coarse quality, and by
    centrality, the cosine to the identity's mean vector (a template that is itself far from the
    rest would order them by the wrong likeness). The lower sum of the two ranks is better; equal
    sums go by quality, then by row. Where segments are given, at most one image of a segment is
    proposed, and at least one of each modality that is there.

    Args:
        quality: (N,) coarse quality, higher is better.
        embeddings: (N,D) unit vectors.
        identities: (N,) who is on the image.
        count: proposals per identity, at least 1; an identity with fewer images has fewer.
        segments: (N,) int code of the segment of each image; None: each image is its own.
        modalities: (N,) int code of the modality of each image, -1 where it is not known; None:
            not known. It counts only where segments are given.

    Raises:
        ShapeError, InputError: NaN, count below 1.

    >>> e = np.array([[1.0, 0], [0.8, 0.6], [0, 1.0]])
    >>> candidates([0.5, 0.9, 0.7], e, ["a", "a", "a"], count=2).row.tolist()
    [1, 2]
    """
    checks.in_range(count, "count", 1, np.inf)
    value = checks.finite(
        checks.array(quality, "quality", shape=(len(embeddings),), dtype=np.float64), "quality"
    )
    code, classes = encode(identities, len(value))
    centers = class_centers(embeddings, code, classes)
    central = np.empty(len(code), np.float32)
    for piece in batches(len(code), _ROWS):
        central[piece] = np.einsum(
            "nd,nd->n", embeddings[piece].astype(np.float32), centers[code[piece]]
        )
    segment = None if segments is None else _codes(segments, "segments", len(value))
    unknown = np.full(len(value), -1)
    modality = unknown if modalities is None else _codes(modalities, "modalities", len(value))
    rows, ranks = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group in groups(code):
        rank_sum = _rank(-value[group]) + _rank(-central[group])
        # lexsort takes its last key first: rank sum, then quality, then row.
        ranked = group[np.lexsort((group, -value[group], rank_sum))]
        best = ranked[:count] if segment is None else apart(ranked, segment, modality, count)
        rows.append(best)
        ranks.append(np.arange(len(best)))
    return Candidates(np.concatenate(rows), np.concatenate(ranks), central)


def _codes(value: ArrayLike, name: str, count: int) -> NDArray[np.int64]:
    return checks.array(value, name, shape=(count,), dtype=np.int64)


def _rank(values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """0 for the smallest; equal values share the rank of their first."""
    return np.searchsorted(np.sort(values), values, side="left")
