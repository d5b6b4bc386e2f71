"""Any number of judges made one: against a loop over faces and judges."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.methods.dmsfiqa import fuse, fuse_factors, fuse_judges
from fiqa.methods.dmsfiqa.fusion import shares

pytestmark = pytest.mark.numeric


def _weighted(pairs):
    """The mean of (value, weight); alike where no weight is above 0; NaN of nothing."""
    known = [(v, w) for v, w in pairs if np.isfinite(v)]
    if not known:
        return np.nan
    total = sum(w for _, w in known)
    return sum(v * (w if total else 1) for v, w in known) / (total or len(known))


def _loop(judged, weights):
    coarse, factors = [], []
    for i in range(len(judged[0])):
        six = [(t[i], w) for t, w in zip(judged, weights, strict=True) if t.shape[1] == 6]
        row = [_weighted([(t[f], w) for t, w in six]) for f in range(6)]
        share = sum(w for t, w in six if np.isfinite(t).any())
        whole = [(t[i, 0], w) for t, w in zip(judged, weights, strict=True) if t.shape[1] == 1]
        coarse.append(_weighted([(_weighted([(v, 1) for v in row]), share), *whole]))
        factors.append(row)
    return coarse, factors


@pytest.mark.parametrize("columns", [(6,), (1,), (6, 6), (6, 1), (1, 1), (6, 6, 1, 6, 1)])
@pytest.mark.parametrize("zeros", [False, True])
def test_fused_judges_are_the_loop(rng, columns, zeros):
    judged = [rng.random((40, k)) for k in columns]
    for table in judged:
        table[rng.random(table.shape) < 0.4] = np.nan
    weights = rng.random(len(columns)) * (rng.random(len(columns)) < 0.5 if zeros else 1)
    coarse, factors = fuse_judges(judged, weights.tolist())
    expected, mixed = _loop(judged, weights)
    np.testing.assert_allclose(coarse, expected, atol=1e-6)
    np.testing.assert_allclose(factors, mixed, atol=1e-6)


def test_the_papers_lambda_is_the_case_of_two(rng):
    first, second = rng.random((2, 9, 6))
    coarse, factors = fuse_judges([first, second], shares(2, 0.3, []))
    np.testing.assert_allclose(factors, fuse_factors(first, second, weight=0.3), atol=1e-7)
    np.testing.assert_allclose(coarse, fuse(first, second, weight=0.3), atol=1e-7)
    np.testing.assert_allclose(factors, 0.3 * first + 0.7 * second, atol=1e-7)
    assert shares(1, 0.3, []) == (1.0,)
    assert shares(3, 0.3, []) == (1.0, 1.0, 1.0)
    assert shares(2, 0.5, [4, 1]) == (4.0, 1.0)


def test_judges_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="a judge or more and a weight for each, got 0 and 0"):
        fuse_judges([], [])
    with pytest.raises(ShapeError, match="as many faces"):
        fuse_judges([np.zeros((1, 6)), np.zeros((2, 1))], [1, 1])
    with pytest.raises(ShapeError, match="judge 1 must have 1 or 6 columns, got 3"):
        fuse_judges([np.zeros((1, 3))], [1])
    with pytest.raises(InputError, match=r"judge 2 must lie in 0\.\.1"):
        fuse_judges([np.zeros((1, 6)), np.full((1, 1), 2)], [1, 1])
