"""The same picture under two names: pairs of an image with itself are no evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqa.types import Embeddings

__all__ = ["equal_vectors_note", "known_content"]

_BLOCK = 100_000


def known_content(
    sources: Sequence[tuple[NDArray[np.str_] | None, NDArray[np.int64]]],
) -> NDArray[np.str_] | None:
    """Returns the sha256 of each image's file, "" where nobody knows it; None without any source.

    The first source that knows an image's content is believed.

    Args:
        sources: of each the hashes of its own rows (None: it has none), and (N,) the row of each
            image in it.
    """
    content: NDArray[np.str_] | None = None
    for hashes, rows in sources:
        if hashes is None:
            continue
        own = np.where(rows >= 0, hashes[np.maximum(rows, 0)], "").astype(np.str_)
        content = own if content is None else np.where(content != "", content, own)
    return content


def equal_vectors_note(mated: NDArray[np.int64], recognizers: Sequence[Embeddings]) -> list[str]:
    """Returns a sentence where mated pairs have equal vectors to the last bit, else nothing.

    Two pictures have not; one picture under two names has. Without the hash of their files nobody
    can be sure, so they are counted and told.

    Args:
        mated: (M,2) rows.
        recognizers: embeddings of the images.
    """
    count = 0
    for start in range(0, len(mated), _BLOCK):
        first, second = mated[start : start + _BLOCK].T
        equal = np.ones(len(first), bool)
        for vectors in recognizers:
            equal &= (vectors.vector[first] == vectors.vector[second]).all(axis=1)
            equal &= vectors.norm[first] == vectors.norm[second]
        count += int(equal.sum())
    if not count:
        return []
    return [
        f"{count:,} mated pairs have equal vectors to the last bit: one picture under two names?"
        " They are counted; with the sha256 of the files (--faces MANIFEST, as fiqa scan writes it)"
        " they are left out."
    ]
