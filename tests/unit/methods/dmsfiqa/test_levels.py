"""What the label table needs of the levels beyond the labels themselves: fused factors, and the
interval of each label."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.methods.dmsfiqa import INTERVALS, fine_labels, fine_positions, fuse, fuse_factors

pytestmark = pytest.mark.numeric


def test_fused_factors_are_the_weighted_mean_of_what_is_known():
    first = np.array([[0.2, np.nan, 1.0, 0.0, 0.5, np.nan]])
    second = np.array([[0.6, 0.4, np.nan, 1.0, 0.5, np.nan]])
    expected = [0.25 * 0.2 + 0.75 * 0.6, 0.4, 1.0, 0.75, 0.5, np.nan]
    np.testing.assert_allclose(fuse_factors(first, second, weight=0.25)[0], expected, atol=1e-6)
    np.testing.assert_allclose(fuse(first, second, weight=0.25)[0], np.nanmean(expected), atol=1e-6)
    np.testing.assert_allclose(fuse_factors(first)[0], first[0].astype(np.float32))
    assert fuse_factors(np.empty((0, 6))).shape == (0, 6)
    assert np.isnan(fuse_factors(np.full((1, 6), np.nan))).all()


def test_fused_factors_refuse_what_is_no_factor():
    with pytest.raises(ShapeError, match=r"second must have shape \(1, 6\)"):
        fuse_factors(np.zeros((1, 6)), np.zeros((2, 6)))
    with pytest.raises(InputError, match=r"must lie in 0\.\.1"):
        fuse_factors(np.full((1, 6), 1.5))
    with pytest.raises(InputError, match="weight must be in"):
        fuse_factors(np.zeros((1, 6)), weight=2)


def test_positions_are_the_intervals_that_the_labels_lie_in(rng):
    levels = rng.integers(0, 5, 500)
    similarity = rng.uniform(-1, 1, 500)
    who = rng.integers(0, 7, 500)
    low, high = np.array(INTERVALS)[fine_positions(levels, similarity, who)].T
    for within in ("rank", "uniform"):
        value = fine_labels(levels, similarity, who, within=within)
        assert np.all((value >= low - 1e-6) & (value <= high + 1e-6))
    thirds = np.bincount(fine_positions([2] * 9, np.arange(9), ["a"] * 9), minlength=11)
    assert thirds[[4, 5, 6]].tolist() == [3, 3, 3]
    assert fine_positions([], [], []).shape == (0,)


def test_positions_refuse_what_is_no_level():
    with pytest.raises(InputError, match=r"levels must be in 0\.\.4, got 5\.\.5"):
        fine_positions([5], [0.0], ["a"])
    with pytest.raises(InputError, match="similarity must be finite"):
        fine_positions([1], [np.nan], ["a"])
