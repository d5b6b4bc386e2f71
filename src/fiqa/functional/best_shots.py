"""The best shots of a track: good, unlike each other, and apart in time.

    u_i = q_i * (1 - .5 max_j ((cos(e_i, e_j) - .5) / .5)+) * min(1, min_j |t_i - t_j| / gap)

over the shots j that are chosen already; the first is the best of all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.similarity import normalize

__all__ = ["WITHIN", "best_shots", "most_spared", "utility", "within_floor"]

WITHIN = 0.15
"""Quality, 0..1, by which a shot may be below the best of its track."""
_ALIKE = 0.5
"""The cosine from which two shots are alike, and what of a shot's quality that can cost."""
_MOMENT = 0.25
"""Of `gap`: how long a moment is, of which one shot is enough."""


def utility(
    quality: ArrayLike,
    times: ArrayLike,
    chosen: ArrayLike,
    *,
    gap: float,
    embeddings: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Returns what each shot would add to those that are chosen, (N,); see the module's equation.

    Args:
        quality: (N,) in 0..1.
        times: (N,) seconds.
        chosen: (J,) rows that are chosen; without any, the utility is the quality.
        gap: seconds from which two shots are apart, at least 0; with 0 time does not matter.
        embeddings: (N,D) vectors, None: likeness does not matter.

    Raises:
        ShapeError, InputError: shapes, NaN, a gap below 0.

    >>> utility([0.8, 0.8], [0.0, 0.5], [0], gap=1.0).tolist()
    [0.0, 0.4]
    """
    value, at, vectors = _checked(quality, times, gap, embeddings)
    return _utility(value, at, vectors, np.asarray(chosen, np.int64), gap)


def best_shots(
    quality: ArrayLike,
    times: ArrayLike,
    *,
    k: int,
    gap: float,
    embeddings: ArrayLike | None = None,
    within: float = WITHIN,
) -> NDArray[np.int64]:
    """Returns the rows of the best shots, the best first: at most k, greedily by `utility`.

    Only shots whose quality is within `within` of the best count; among equals the earlier row is
    taken. A shot that would add nothing is not chosen.

    Args:
        quality: (N,) in 0..1.
        times: (N,) seconds.
        k: at least 1.
        gap: as `utility`.
        embeddings: as `utility`.
        within: at least 0.

    Raises:
        ShapeError, InputError: shapes, NaN, k below 1, a gap below 0.

    >>> best_shots([0.5, 0.9, 0.88, 0.8], [0.0, 1.0, 1.1, 3.0], k=2, gap=1.0).tolist()
    [1, 3]
    """
    value, at, vectors = _checked(quality, times, gap, embeddings)
    checks.in_range(within, "within", 0.0, np.inf)
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")
    chosen: list[int] = []
    while len(chosen) < min(k, len(value)):
        worth = _utility(value, at, vectors, np.array(chosen, np.int64), gap)
        worth = np.where(value >= value.max() - within, worth, -np.inf)
        worth[chosen] = -np.inf
        best = int(np.argmax(worth))
        if chosen and worth[best] <= 0:
            break
        chosen.append(best)
    return np.array(chosen, np.int64)


def most_spared(quality: ArrayLike, times: ArrayLike, *, gap: float, within: float = WITHIN) -> int:
    """Returns the row that a full store of shots can best do without.

    First the worst of those too far below the best, then the worst of those that have a better one
    in the same moment (time is cut into quarters of `gap`), then the worst. The best row is never
    returned where there is another.

    Args:
        quality: (N,) in 0..1, N at least 1.
        times: (N,) seconds.
        gap: as `utility`.
        within: as `best_shots`.

    Raises:
        ShapeError, InputError: shapes, NaN, no row.

    >>> most_spared([0.9, 0.85, 0.8], [0.0, 0.1, 5.0], gap=1.0)
    1
    """
    value, at, _ = _checked(quality, times, gap, None)
    if not len(value):
        raise InputError("quality must have at least one row, got none.")
    far = value < value.max() - within
    # Fixed moments: with sliding ones a quality that rises slowly would push all others out.
    moment = np.floor(at / (_MOMENT * gap)) if gap > 0 else np.arange(len(at))
    close = moment[:, None] == moment[None, :]
    row = np.arange(len(value))
    # Of two equals the earlier one is the better.
    better = (value[None, :] > value[:, None]) | (
        (value[None, :] == value[:, None]) & (row[None, :] < row[:, None])
    )
    doubled = np.any(close & better, axis=1)
    # From the last row back: of equals the later one goes.
    return int(np.lexsort((-row, value, ~doubled, ~far))[0])


def within_floor(quality: float, open_: bool, floor: tuple[float, float]) -> bool:
    """Tells whether a track is above the floor after a frame: it opens at the first number and
    closes below the second.

    Args:
        quality: of the frame.
        open_: whether it was above before.
        floor: (on, off).

    >>> within_floor(0.45, False, (0.5, 0.4)), within_floor(0.45, True, (0.5, 0.4))
    (False, True)
    """
    return quality >= (floor[1] if open_ else floor[0])


def _utility(
    value: NDArray[np.float64],
    at: NDArray[np.float64],
    vectors: NDArray[np.float32] | None,
    chosen: NDArray[np.int64],
    gap: float,
) -> NDArray[np.float64]:
    if not len(chosen):
        return value.copy()
    worth = value.copy()
    if vectors is not None:
        nearest = (vectors @ vectors[chosen].T).max(axis=1).astype(np.float64)
        worth *= 1.0 - 0.5 * np.clip((nearest - _ALIKE) / (1.0 - _ALIKE), 0.0, 1.0)
    if gap > 0:
        apart = np.abs(at[:, None] - at[chosen][None, :]).min(axis=1)
        worth *= np.minimum(1.0, apart / gap)
    return worth


def _checked(
    quality: ArrayLike, times: ArrayLike, gap: float, embeddings: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32] | None]:
    value = checks.finite(
        checks.array(quality, "quality", shape=("N",), dtype=np.float64), "quality"
    )
    at = checks.finite(checks.array(times, "times", shape=(len(value),), dtype=np.float64), "times")
    checks.in_range(gap, "gap", 0.0, np.inf)
    if embeddings is None:
        return value, at, None
    vectors = normalize(embeddings, "embeddings")
    checks.array(vectors, "embeddings", shape=(len(value), "D"))
    return value, at, vectors
