"""Spread by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import zscore

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.spread import Spread, spread, standardized, stretched

pytestmark = pytest.mark.numeric


def test_by_hand() -> None:
    score = np.arange(11) / 10
    result = spread(score)
    assert result.q90_q10 == pytest.approx(0.8)
    assert result.std == pytest.approx(math.sqrt(0.1))
    assert result.entropy == pytest.approx(math.log(11))
    assert result.count == 11


def test_entropy_runs_from_none_to_the_log_of_the_bins() -> None:
    assert spread([0.4] * 5) == Spread(0.0, 0.0, 0.0, 5)
    even = (np.arange(2000) + 0.5) / 2000
    assert spread(even).entropy == pytest.approx(math.log(20))
    assert spread([0.01, 0.04, 0.99, 0.96]).entropy == pytest.approx(
        math.log(2)
    )  # nats, bins of .05
    assert spread([0.0, 1.0]).entropy == pytest.approx(math.log(2))


def test_one_score() -> None:
    assert spread([1.0]) == Spread(0.0, 0.0, 0.0, 1)


def test_refuses() -> None:
    with pytest.raises(EvidenceError, match="at least one score, got 0"):
        spread([])
    with pytest.raises(
        InputError, match=r"(?s)score must lie in \[0, 1\], got 0.5..17.0.*calibrate raw scores"
    ):
        spread([0.5, 17.0])
    with pytest.raises(InputError, match="score must be finite"):
        spread([np.nan])
    with pytest.raises(ShapeError, match="score must have shape"):
        spread([[0.5]])


def test_stretched_by_hand() -> None:
    score = np.arange(101) * 7.0 - 300
    assert stretched(score) == pytest.approx(np.clip((np.arange(101) - 1) / 98, 0, 1))
    assert stretched(score, (0, 0.5)) == pytest.approx(np.clip(np.arange(101) / 50, 0, 1))
    assert stretched([5.0]).tolist() == [0.0]
    assert stretched([2.0, 2.0]).tolist() == [0.0, 0.0]
    with pytest.raises(EvidenceError, match="at least one score, got 0"):
        stretched([])
    with pytest.raises(InputError, match="score must be finite"):
        stretched([np.inf])


@given(
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=60),
    st.integers(-50, 50),
    st.sampled_from([0.25, 2.0, 16.0]),
)
def test_the_scale_does_not_matter_and_the_order_stays(
    score: list[int], shift: int, factor: float
) -> None:
    one = stretched(score)
    assert one.min() >= 0
    assert one.max() <= 1
    assert (np.diff(one[np.argsort(score, kind="stable")]) >= 0).all()
    assert stretched(np.array(score) * factor + shift) == pytest.approx(one, abs=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_standardized_is_that_of_scipy(values: list[float]) -> None:
    array = np.array(values)
    if np.ptp(array) < 1e-3:
        return
    np.testing.assert_allclose(standardized(array), zscore(array), atol=1e-6)


def test_standardized_without_spread_and_at_the_ends_of_floats() -> None:
    assert standardized([]).shape == (0,)
    assert standardized([3.0]).tolist() == [0.0]
    assert standardized([0.1] * 7).tolist() == [0.0] * 7
    for far in (1e300, 1e-300):
        assert standardized([0.0, 2 * far]).tolist() == [-1.0, 1.0]
    with pytest.raises(InputError, match="score"):
        standardized([1.0, math.nan])
    with pytest.raises(ShapeError, match="score"):
        standardized([[1.0]])
