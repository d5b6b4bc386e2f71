"""The 0..100 scale and the levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqa.errors import InputError, ShapeError
from fiqa.functional.calibration import (
    LEVEL_CUTS,
    levels,
    min_max,
    raw_at,
    unified_score,
    unit_score,
)

pytestmark = pytest.mark.numeric

finite = st.floats(-1e6, 1e6, allow_nan=False)


def test_it_is_the_sigmoid_in_percent():
    raw = np.linspace(-5, 5, 41)
    slow = [round(100 / (1 + math.exp(-(x - 0.7) / 1.3))) for x in raw]
    assert unified_score(raw, x0=0.7, w=1.3).tolist() == slow
    np.testing.assert_allclose(
        unit_score(raw, x0=0.7, w=1.3), [1 / (1 + math.exp(-(x - 0.7) / 1.3)) for x in raw]
    )


@given(st.lists(finite, min_size=1, max_size=20), finite, st.floats(1e-3, 1e3))
def test_it_stays_in_0_to_100_and_keeps_the_order(raw, x0, w):
    score = unified_score(np.sort(raw), x0=x0, w=w)
    assert ((score >= 0) & (score <= 100)).all()
    assert (np.diff(score) >= 0).all()


@given(st.integers(1, 99), st.floats(-100, 100), st.floats(0.01, 100))
def test_raw_at_is_its_inverse(uqs, x0, w):
    assert unified_score(raw_at([uqs], x0=x0, w=w), x0=x0, w=w).tolist() == [uqs]


def test_raw_at_the_ends_is_infinite():
    assert raw_at([0, 50, 100], x0=2.0, w=3.0).tolist() == [-math.inf, 2.0, math.inf]


def test_extreme_raw_scores_do_not_overflow():
    assert unified_score([-1e300, 1e300], x0=0.0, w=1e-6).tolist() == [0, 100]


def test_levels_count_the_cuts_that_are_reached():
    assert levels([0, 19.9, 20, 39, 40, 60, 79, 80, 100]).tolist() == [0, 0, 1, 1, 2, 3, 3, 4, 4]
    assert levels([0.5], (0.1, 0.2, 0.3, 0.6)).tolist() == [3]
    assert levels(np.array(LEVEL_CUTS)).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("empty", [[], np.empty(0, np.float32)])
def test_no_score_is_no_level(empty):
    assert (
        unified_score(empty, x0=0, w=1).shape
        == levels(empty).shape
        == raw_at(empty, x0=0, w=1).shape
        == (0,)
    )


def test_min_max_spans_zero_to_one_and_leaves_the_unknown_out():
    np.testing.assert_allclose(min_max([-2.0, 0.0, np.nan, 6.0]), [0.0, 0.25, np.nan, 1.0])
    assert min_max([]).shape == (0,)
    assert np.isnan(min_max([np.nan])).all()
    assert min_max([5.0]).tolist() == [0.0]
    with pytest.raises(ShapeError, match=r"values must have shape \(N,\), got \(1, 1\)"):
        min_max([[1.0]])


def test_what_is_refused():
    with pytest.raises(InputError, match="raw must be finite, got 1 NaN or infinite of 2"):
        unified_score([0.0, np.nan], x0=0, w=1)
    with pytest.raises(InputError, match="raw must be finite, got 1 NaN or infinite of 2"):
        unit_score([0.0, np.inf], x0=0, w=1)
    with pytest.raises(ShapeError, match=r"raw must have shape \(N,\), got \(1, 1\)"):
        unified_score([[0.0]], x0=0, w=1)
    for w in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match=r"w must be in \(0.0, inf\)"):
            unified_score([0.0], x0=0, w=w)
    with pytest.raises(InputError, match=r"x0 must be in \(-inf, inf\), got nan"):
        raw_at([50], x0=math.nan, w=1)
    for bad in (101, -1, math.nan):
        with pytest.raises(InputError, match=r"uqs must be in \[0, 100\], got"):
            raw_at([bad], x0=0, w=1)
    with pytest.raises(InputError, match="cuts must be strictly ascending"):
        levels([1], (1, 2, 2, 3))
    with pytest.raises(ShapeError, match=r"cuts must have shape \(4,\), got \(3,\)"):
        levels([1], (1, 2, 3))
    with pytest.raises(InputError, match="score must be finite"):
        levels([math.inf])
