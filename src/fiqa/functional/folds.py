"""Parts of people: all images of a person are in one fold, so nobody judges what learned of him."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError
from fiqa.functional.identities import encode

__all__ = ["folds_of"]


def folds_of(identities: ArrayLike, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Returns the fold of every image, (N,) in 0..count-1; folds have about as many images each.

    People are shuffled by the seed, then given away from the one with the most images on, each to
    the fold with the fewest images so far.

    Args:
        identities: (N,) who is on the image.
        count: folds, >= 2.
        seed: of the order.

    Raises:
        EvidenceError: fewer people than folds.
        InputError: a count below 2.

    >>> np.bincount(folds_of(["a", "a", "b", "b", "c"], 2)).tolist()
    [3, 2]
    """
    checks.in_range(count, "count", 2, np.inf)
    names = np.asarray(identities)
    code, classes = encode(names, len(names))
    if classes < count:
        raise EvidenceError(f"{count} folds need at least {count} people, got {classes}.")
    images = np.bincount(code, minlength=classes)
    order = np.random.default_rng(checks.seed(seed)).permutation(classes)
    order = order[np.argsort(-images[order], kind="stable")]
    fold, filled = np.empty(classes, np.int64), np.zeros(count, np.int64)
    for person in order.tolist():
        fold[person] = int(np.argmin(filled))
        filled[fold[person]] += images[person]
    return np.asarray(fold[code])
