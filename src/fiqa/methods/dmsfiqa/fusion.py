"""Several judges made one (DmsFIQA, section 3): fused factors and the coarse quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError, ShapeError
from fiqa.vocabulary import FACTORS

__all__ = ["fuse", "fuse_factors", "fuse_judges", "shares"]


def fuse_factors(
    first: ArrayLike, second: ArrayLike | None = None, *, weight: float = 0.5
) -> NDArray[np.float32]:
    """Returns the six factors of one judge, or of two fused.

        q_f = weight q_f(first) + (1 - weight) q_f(second)

    A factor that one judge leaves missing (NaN) is the other judge's; a factor missing in both
    stays NaN.

    Args:
        first, second: (N,6) factor qualities in 0..1 in the order of fiqa.vocabulary.FACTORS;
            `second` may be None.
        weight: share of the first judge, 0..1.

    Returns:
        (N,6) float32 in [0, 1] or NaN.

    Raises:
        ShapeError, InputError: outside 0..1.

    >>> first, second = [[1, 1, 1, 1, 1, np.nan]], [[0, 0, 0, 0, 0, 0.4]]
    >>> fuse_factors(first, second, weight=0.25)[0, -2:].round(2)
    array([0.25, 0.4 ], dtype=float32)
    """
    checks.in_range(weight, "weight", 0.0, 1.0)
    a = _judged(first, "first", len(FACTORS))
    if second is None:
        return a.astype(np.float32)
    b = _judged(second, "second", len(FACTORS))
    if len(a) != len(b):
        raise ShapeError(f"second must have shape ({len(a)}, {len(FACTORS)}), got {b.shape}.")
    return _mean([a, b], [weight, 1 - weight]).astype(np.float32)


def fuse(
    first: ArrayLike, second: ArrayLike | None = None, *, weight: float = 0.5
) -> NDArray[np.float32]:
    """Returns the coarse quality Q of every image, (N,) float32 in [0, 1].

    It is the mean of the known factors that `fuse_factors` gives of one or two judges.

    >>> fuse([[1, 1, 1, 1, 1, 0.4]], [[0, 0, 0, 0, 0, 0.4]]).round(3).tolist()
    [0.4830000102519989]

    Args:
        first, second, weight: as `fuse_factors`.

    Raises:
        ShapeError: as `fuse_factors`.
        InputError: outside 0..1, or an image for which all factors are missing.
    """
    mixed = fuse_factors(first, second, weight=weight).astype(np.float64)
    silent = int(np.count_nonzero(np.isnan(mixed).all(axis=1)))
    if silent:
        raise InputError(
            f"every image must have at least one judged factor, got {silent} without any."
        )
    return _known_mean(mixed).astype(np.float32)


def fuse_judges(
    judged: Sequence[ArrayLike], weights: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the coarse quality (N,) and the factors (N,6) of any number of judges; NaN: unknown.

    A judge gives six factors, or one quality of the whole face. A factor is the weighted mean of
    the judges of factors that know it. The coarse quality is the weighted mean of the mean of the
    known factors, which has the weight of all judges that know one, and of the whole qualities that
    are known. Where those who know have no weight, they count alike.

    Args:
        judged: of each judge (N,6) or (N,1) in 0..1, NaN where it cannot tell.
        weights: of each judge, at least 0.

    Raises:
        ShapeError: another shape, or not as many weights as judges.
        InputError: outside 0..1, or no judge.

    >>> factors, whole = [[0.5] * 5 + [np.nan]], [[1.0]]
    >>> coarse, mixed = fuse_judges([factors, whole], [3, 1])
    >>> coarse.tolist(), mixed[0, -2:].tolist()
    ([0.625], [0.5, nan])
    """
    if not judged or len(judged) != len(weights):
        raise ShapeError(
            f"there must be a judge or more and a weight for each, got {len(judged)} and"
            f" {len(weights)}."
        )
    tables = [_judged(table, f"judge {k + 1}", 0) for k, table in enumerate(judged)]
    if len({len(table) for table in tables}) > 1:
        raise ShapeError(f"all judges must know as many faces, got {list(map(len, tables))}.")
    pairs = list(zip(tables, weights, strict=True))
    six = [(table, weight) for table, weight in pairs if table.shape[1] > 1]
    whole = [(table, weight) for table, weight in pairs if table.shape[1] == 1]
    factors = np.full((len(tables[0]), len(FACTORS)), np.nan)
    if six:
        factors = _mean([table for table, _ in six], [weight for _, weight in six])
    share = np.zeros(len(factors))
    for table, weight in six:
        share += weight * np.isfinite(table).any(axis=1)
    parts = [_known_mean(factors)[:, None], *(table for table, _ in whole)]
    coarse = _mean(parts, [share[:, None], *(weight for _, weight in whole)])[:, 0]
    return coarse.astype(np.float32), factors.astype(np.float32)


def shares(judges: int, weight: float, weights: Sequence[float]) -> tuple[float, ...]:
    """Returns the weight of each judge.

    Args:
        judges: how many there are.
        weight: the paper's lambda, the share of the first of two.
        weights: of each judge; empty: lambda for two, alike for any other number.

    >>> shares(2, 0.25, []), shares(2, 0.5, [3, 1])
    ((0.25, 0.75), (3.0, 1.0))
    """
    if len(weights):
        return tuple(map(float, weights))
    return (weight, 1 - weight) if judges == 2 else (1.0,) * judges


def _mean(
    tables: Sequence[NDArray[np.float64]], weights: Sequence[float | NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The weighted mean of what is known, cell by cell; the plain one where that has no weight."""
    stack = np.stack(tables)
    known = np.isfinite(stack)
    weight = np.stack([np.broadcast_to(w, stack.shape[1:]) for w in weights]) * known
    weight = np.where(weight.sum(axis=0) > 0, weight, known)
    total = weight.sum(axis=0)
    value = (weight * np.where(known, stack, 0.0)).sum(axis=0)
    return np.where(total > 0, value / np.where(total > 0, total, 1.0), np.nan)


def _known_mean(factors: NDArray[np.float64]) -> NDArray[np.float64]:
    return _mean(list(factors.T), [1.0] * factors.shape[1])


def _judged(value: ArrayLike, name: str, columns: int) -> NDArray[np.float64]:
    """The checked table of a judge; without `columns` it may have one or six."""
    shape = ("N", columns or "F")
    result = checks.array(value, name, shape=shape, dtype=np.float64)
    if result.shape[1] not in (1, len(FACTORS)):
        raise ShapeError(f"{name} must have 1 or {len(FACTORS)} columns, got {result.shape[1]}.")
    if np.any((result < 0) | (result > 1)):
        raise InputError(
            f"{name} must lie in 0..1 (NaN where missing), got"
            f" {np.nanmin(result)}..{np.nanmax(result)}."
        )
    return result
