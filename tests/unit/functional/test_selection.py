"""Selection against a loop over groups, and ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.selection import above, coverage, top_k

pytestmark = pytest.mark.numeric


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), max_size=40), st.integers(1, 5)
)
def test_top_k_equals_a_loop(rows: list[tuple[int, str]], k: int) -> None:
    quality, groups = [r[0] for r in rows], [r[1] for r in rows]
    keep = [False] * len(rows)
    for name in set(groups):
        members = sorted(
            (i for i, g in enumerate(groups) if g == name), key=lambda i: (-quality[i], i)
        )
        for i in members[:k]:
            keep[i] = True
    assert top_k(quality, groups, k).tolist() == keep


def test_top_k_ties_keep_the_earlier_row_and_small_groups_are_whole() -> None:
    assert top_k([1, 1, 1, 0], [7, 7, 7, 8], 2).tolist() == [True, True, False, True]
    assert top_k([0.5], ["a"], 20).tolist() == [True]
    assert top_k([], [], 1).shape == (0,)


def test_above_keeps_the_equal() -> None:
    assert above([0.1, 0.2, 0.3], 0.2).tolist() == [False, True, True]
    assert above([], 0.5).shape == (0,)


def test_coverage() -> None:
    assert coverage(np.array([True, False, False, False])) == 0.25
    with pytest.raises(EvidenceError, match="at least one row, got 0"):
        coverage([])


def test_refuses() -> None:
    with pytest.raises(InputError, match="k must be at least 1, got 0"):
        top_k([1.0], ["a"], 0)
    with pytest.raises(ShapeError, match="groups must have shape"):
        top_k([1.0, 2.0], ["a"], 1)
    with pytest.raises(InputError, match="quality must be finite"):
        top_k([np.nan], ["a"], 1)
    with pytest.raises(InputError, match="threshold must be a number, got NaN"):
        above([0.1], np.nan)
    with pytest.raises(InputError, match="quality must be finite"):
        above([np.inf], 0.5)
