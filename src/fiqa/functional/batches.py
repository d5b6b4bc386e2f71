"""Rows in pieces."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["batches"]


def batches(count: int, size: int) -> Iterator[slice]:
    """Yields the slices that cover `count` rows in pieces of at most `size`.

    Args:
        count: how many rows there are.
        size: the most rows of a piece, at least 1.

    >>> [(s.start, s.stop) for s in batches(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
