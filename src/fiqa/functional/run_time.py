"""How long two scorers take for the same images, and how sure their ratio is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.draws import identity_weights

__all__ = ["RunTime", "image_times", "run_time"]


@dataclass(frozen=True)
class RunTime:
    """The time per image before and after, and how many times faster it became.

    Attributes:
        before, after: mean over the images.
        before_std, after_std: population standard deviation over the images.
        ratio: before over after; above 1 it became faster.
        ends: of `before`, `after` and `ratio` in this order: (low, high); none without draws.
    """

    before: float
    after: float
    before_std: float
    after_std: float
    ratio: float
    ends: tuple[tuple[float, float], ...] = ()


def image_times(image: ArrayLike, took: ArrayLike) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Returns ((U,) the images, sorted, (U,) the median time of each over its rounds).

    The median, as one call in a hundred waits for something else on the machine.

    Args:
        image: (N,) names.
        took: (N,) above 0, of any unit.

    Raises:
        ShapeError: shapes disagree.
        InputError: a time that is not above 0.

    >>> names, took = image_times(["b", "a", "b", "b"], [9.0, 1.0, 2.0, 3.0])
    >>> names.tolist(), took.tolist()
    (['a', 'b'], [1.0, 3.0])
    """
    values = checks.finite(checks.array(took, "took", shape=("N",), dtype=np.float64), "took")
    names = checks.array(image, "image", shape=(len(values),)).astype(str)
    if len(values) and values.min() <= 0:
        raise InputError(f"A time must be above 0, got {values.min():g}.")
    unique, code = np.unique(names, return_inverse=True)
    return unique, np.array([np.median(values[code == k]) for k in range(len(unique))])


def run_time(
    before: ArrayLike, after: ArrayLike, *, draws: int = 0, level: float = 0.95, seed: int = 0
) -> RunTime:
    """Returns the mean times per image, their spread and their ratio (label optimization, Table
    IV).

    Args:
        before: (N,) time of each image, above 0.
        after: (N,) of the same images.
        draws: resamples of images for intervals; both are of the same images in each. 0 for none.
        level: confidence of the intervals.
        seed: of the resampling.

    Raises:
        ShapeError: shapes disagree.
        InputError: a time that is not above 0, 1 draw, level outside (0,1).
        EvidenceError: no image, or intervals of one image.

    >>> found = run_time([2.0, 4.0], [1.0, 1.0])
    >>> found.before, found.after, found.ratio
    (3.0, 1.0, 3.0)
    """
    first = checks.finite(checks.array(before, "before", shape=("N",), dtype=np.float64), "before")
    second = checks.array(after, "after", shape=(len(first),), dtype=np.float64)
    second = checks.finite(second, "after")
    least = 2 if draws else 1
    if len(first) < least:
        raise EvidenceError(
            f"Run times need at least {least} images{' for intervals' if draws else ''}, got"
            f" {len(first)}."
        )
    if min(first.min(), second.min()) <= 0:
        raise InputError(f"A time must be above 0, got {min(first.min(), second.min()):g}.")
    means = float(first.mean()), float(second.mean())
    ends: tuple[tuple[float, float], ...] = ()
    if draws:
        drawn = np.array(
            [(w @ first, w @ second) for w in identity_weights(len(first), draws, level, seed)]
        )
        sides = ((1 - level) / 2, (1 + level) / 2)
        columns = [*(drawn / len(first)).T, drawn[:, 0] / drawn[:, 1]]
        ends = tuple((float(a), float(b)) for a, b in (np.quantile(c, sides) for c in columns))
    return RunTime(
        *means, float(first.std()), float(second.std()), ratio=means[0] / means[1], ends=ends
    )
