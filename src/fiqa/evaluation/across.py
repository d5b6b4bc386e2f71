"""Mated pairs across the values of a column: two drives, two segments, two days.

Frames of one clip are near-copies; pairs of them say how alike two moments are, not how well a
person is recognized.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import EvidenceError
from fiqa.evaluation.pairing import ChosenPairs

__all__ = ["apart"]

_NAMED = 3
"""Images without a value that are named."""


def apart(
    chosen: ChosenPairs, value: NDArray[np.str_], ids: NDArray[np.str_], column: str
) -> tuple[ChosenPairs, list[str]]:
    """Returns the pairs without the mated ones of one value, and sentences on what was left out.

    A mated pair with an image that has no value is left out too: nobody knows what it is across.
    Non-mated pairs stay.

    Args:
        chosen: the pairs, as rows of the images.
        value: (N,) of each image, "" where it has none.
        ids: (N,) of the images.
        column: where the values are from.

    Raises:
        EvidenceError: no mated pair is left.
    """
    first, second = value[chosen.mated.T]
    unknown = (first == "") | (second == "")
    within = ~unknown & (first == second)
    kept = ~unknown & ~within
    without = np.flatnonzero(value == "")
    if not kept.any():
        raise EvidenceError(
            f"Mated pairs across {column!r} must be there, got none: of {len(kept):,} mated pairs"
            f" {int(within.sum()):,} are of one value and {int(unknown.sum()):,} have an image"
            f" without one, and the column has {len(np.unique(value[value != ''])):,} values.",
            hint="each person must be on images of at least two values",
        )
    notes = [
        f"Mated pairs are across {column}: {int(within.sum()):,} of {len(kept):,} are of one value"
        " and were left out."
    ]
    if len(without):
        names = ", ".join(map(repr, ids[without[:_NAMED]].tolist()))
        more = ", ..." if len(without) > _NAMED else ""
        notes.append(
            f"{len(without):,} of {len(ids):,} images have no {column} ({names}{more}): their"
            f" {int(unknown.sum()):,} mated pairs were left out."
        )
    counts = {
        "within": int(within.sum()),
        "without_value": len(without),
        "pairs_without_value": int(unknown.sum()),
    }
    fold = chosen.fold
    if fold is not None:
        fold = fold[np.concatenate([kept, np.ones(len(fold) - len(kept), bool)])]
    found = replace(chosen, mated=chosen.mated[kept], fold=fold, counts={**chosen.counts, **counts})
    return found, notes
