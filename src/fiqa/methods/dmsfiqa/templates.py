"""The template of each identity: which images to propose, and reading what a person chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_centers, encode, groups

__all__ = ["Candidates", "candidates", "chosen_rows"]

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
) -> Candidates:
    """Returns the best images of each identity to choose a template from.

    Inside an identity the images are ranked twice: by the judges' coarse quality, and by
    centrality, the cosine to the identity's mean vector (a template that is itself far from the
    rest would order them by the wrong likeness). The lower sum of the two ranks is better; equal
    sums go by quality, then by row.

    Args:
        quality: (N,) coarse quality, higher is better.
        embeddings: (N,D) unit vectors.
        identities: (N,) who is on the image.
        count: proposals per identity, at least 1; an identity with fewer images has fewer.

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
    rows, ranks = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group in groups(code):
        rank_sum = _rank(-value[group]) + _rank(-central[group])
        # lexsort takes its last key first: rank sum, then quality, then row.
        best = group[np.lexsort((group, -value[group], rank_sum))][:count]
        rows.append(best)
        ranks.append(np.arange(len(best)))
    return Candidates(np.concatenate(rows), np.concatenate(ranks), central)


def chosen_rows(
    names: ArrayLike,
    chosen: ArrayLike,
    identities: ArrayLike,
    ids: ArrayLike,
    *,
    table: str = "templates",
) -> NDArray[np.int64]:
    """Returns the template's row for every image, -1 where its identity has none: (N,) int64.

    >>> chosen_rows(["a/2"], [True], ["a", "a", "b"], ["a/1", "a/2", "b/1"]).tolist()
    [1, 1, -1]

    Args:
        names: (M,) ids of the lines of a table of templates.
        chosen: (M,) bool, True for the one line of each identity that is its template.
        identities: (N,) who is on each image.
        ids: (N,) unique. A name that is not among them is passed over (a table may serve more data
            than this).
        table: what to call the table in messages.

    Raises:
        InputError: two templates of one identity.
    """
    image_ids = checks.ids(np.asarray(ids), "ids")
    code, classes = encode(identities, len(image_ids))
    template_ids = np.asarray(names, dtype=np.str_)[np.asarray(chosen, bool)]
    order = np.argsort(image_ids)
    place = (
        order[
            np.minimum(
                np.searchsorted(image_ids, template_ids, sorter=order), max(len(image_ids) - 1, 0)
            )
        ]
        if len(image_ids)
        else []
    )
    template = np.full(classes, -1, np.int64)
    for name, row in zip(template_ids.tolist(), np.asarray(place, np.int64).tolist(), strict=False):
        if image_ids[row] != name:
            continue
        if template[code[row]] >= 0:
            raise InputError(
                f"{table} must choose one image per identity, got"
                f" {str(image_ids[template[code[row]]])!r} and {name!r} of the same one.",
                hint="keep chosen = 1 in one of the lines",
            )
        template[code[row]] = row
    return template[code] if len(code) else np.empty(0, np.int64)


def _rank(values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """0 for the smallest; equal values share the rank of their first."""
    return np.searchsorted(np.sort(values), values, side="left")
