"""kmeans: against scikit-learn from the same start, small sets, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.clustering import kmeans

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("clusters", [1, 2, 5])
def test_equals_lloyd_of_scikit_learn_from_the_same_rows(
    rng: np.random.Generator, clusters: int
) -> None:
    from sklearn.cluster import KMeans

    rows = rng.normal(size=(60, 4)).astype(np.float32) + rng.integers(0, 3, (60, 1)) * np.float32(4)
    start = rows[np.random.default_rng(3).choice(60, clusters, replace=False)]
    theirs = KMeans(clusters, init=start, n_init=1, max_iter=25, tol=0, algorithm="lloyd").fit(rows)
    ours = kmeans(rows, clusters, rng=np.random.default_rng(3))
    assert len(np.unique(ours)) == clusters
    np.testing.assert_array_equal(ours, theirs.labels_)


def test_length_of_a_center_counts() -> None:
    """(3,0) is nearer to (2,0) than to (9,1), although its product with the longer one is
    larger."""
    rows = np.array([[2.0, 0], [2.1, 0], [3.0, 0], [9.0, 1], [9.1, 1]])
    for seed in range(20):
        label = kmeans(rows, 2, rng=np.random.default_rng(seed))
        if len(np.unique(label)) == 2:
            assert label[2] == label[0]


def test_the_seed_decides_the_start(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(200, 3))
    first, again, other = (kmeans(rows, 8, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_no_more_rows_than_clusters_are_alone(count: int) -> None:
    assert kmeans(np.ones((count, 2)), 4, rng=np.random.default_rng(0)).tolist() == list(
        range(count)
    )


def test_equal_rows_stay_together(rng: np.random.Generator) -> None:
    """Although most centers are drawn from 60 copies of one row."""
    copies = np.repeat(rng.normal(size=(1, 8)), 60, axis=0)
    rows = np.concatenate([rng.normal(size=(20, 8)), copies])
    for seed in range(10):
        label = kmeans(rows, 20, rng=np.random.default_rng(seed))
        assert len(np.unique(label[20:])) == 1
        # rounding parts equal rows on some processors alone; two equal centers show on all
        drawn = np.random.default_rng(seed).choice(80, 20, replace=False)
        assert 1 < label.max() + 1 <= len(np.unique(rows[drawn], axis=0)) < 20


def test_iterations_bound_the_passes(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(300, 2))
    once, many = (kmeans(rows, 6, rng=np.random.default_rng(0), iterations=n) for n in (1, 25))
    assert not np.array_equal(once, many)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match=r"clusters must be in \[1, inf\], got 0"):
        kmeans(np.ones((3, 2)), 0, rng=np.random.default_rng(0))
    with pytest.raises(ShapeError, match=r"vectors must have shape \(N, D\), got \(3,\)"):
        kmeans(np.ones(3), 1, rng=np.random.default_rng(0))
