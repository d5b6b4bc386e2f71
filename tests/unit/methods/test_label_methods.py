"""CR-FIQA, SDD-FIQA, FaceQnet and DmsFIQA labels against loops, hand-computed values and their
promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.dmsfiqa import INTERVALS, coarse_levels, fine_labels, fuse, level_thresholds
from fiqa.methods.faceqnet import best_images, similarity_to_best
from fiqa.methods.label_optimization import optimize_labels
from fiqa.methods.sdd_fiqa import similarity_distribution_distance, wasserstein_rows

pytestmark = pytest.mark.numeric


def _loop_ratio(vectors, identities, shift):
    names = sorted(set(identities))
    centers = {n: vectors[identities == n].mean(axis=0) for n in names}
    centers = {n: c / np.linalg.norm(c) for n, c in centers.items()}
    return [
        vectors[i]
        @ centers[identities[i]]
        / (max(vectors[i] @ centers[n] for n in names if n != identities[i]) + shift)
        for i in range(len(vectors))
    ]


@pytest.mark.parametrize(("form", "shift"), [("shifted", 1 + 1e-9), ("paper", 1e-9)])
def test_relative_classifiability_is_the_loop(clustered, form, shift):
    vectors, identities = clustered
    got = relative_classifiability(vectors, identities, form=form)
    np.testing.assert_allclose(got, _loop_ratio(vectors, identities, shift), rtol=1e-4)


def test_relative_classifiability_falls_with_noise(clustered):
    vectors, identities = clustered
    got = relative_classifiability(vectors, identities).reshape(6, 10).mean(axis=0)
    assert got[0] > got[5] > got[9]


def test_relative_classifiability_edges(clustered):
    vectors, identities = clustered
    assert relative_classifiability(np.zeros((0, 4), np.float32), []).shape == (0,)
    np.testing.assert_allclose(
        relative_classifiability(vectors.astype(np.float16), identities),
        relative_classifiability(vectors, identities),
        atol=1e-2,
    )
    with pytest.raises(InputError, match="at least 2 people"):
        relative_classifiability(vectors[:3], identities[:3])
    with pytest.raises(UnknownNameError, match="Unknown form 'plain'"):
        relative_classifiability(vectors, identities, form="plain")
    with pytest.raises(ShapeError, match="embeddings must have shape"):
        relative_classifiability(vectors[0], identities)
    with pytest.raises(InputError, match="embeddings must have no row of length zero"):
        relative_classifiability(vectors * 0, identities)
    with pytest.raises(InputError, match="embeddings must be finite"):
        relative_classifiability(vectors * np.nan, identities)


@pytest.mark.parametrize(
    "label",
    [
        relative_classifiability,
        similarity_distribution_distance,
        lambda e, i: similarity_to_best(e, i, prior=np.tile(np.arange(10), 6)),
        lambda e, i: optimize_labels(np.tile(np.arange(10), 6), e, i, theta=0.1),
    ],
)
def test_the_length_of_a_vector_does_not_matter(clustered, rng, label):
    vectors, identities = clustered
    longer = vectors * rng.uniform(0.1, 30, (len(vectors), 1)).astype(np.float32)
    np.testing.assert_allclose(label(longer, identities), label(vectors, identities), atol=1e-4)
    np.testing.assert_allclose(
        label(vectors.tolist(), identities), label(vectors, identities), atol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_wasserstein_rows_is_scipy(a, b, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, (3, a)) / 3, rng.integers(0, 4, (3, b)) / 3
    np.testing.assert_allclose(
        wasserstein_rows(first, second),
        [wasserstein_distance(x, y) for x, y in zip(first, second, strict=True)],
        atol=1e-12,
    )


def test_similarity_distribution_distance_on_all_pairs_is_the_loop(clustered):
    """With more samples than mates, the mated side is not random; one round against a very large
    non-mated sample."""
    vectors, identities = clustered
    got = similarity_distribution_distance(vectors, identities, samples=400, rounds=8)
    loop = []
    for i in range(60):
        cosine = vectors @ vectors[i]
        mine = identities == identities[i]
        mine[i] = False
        loop.append(wasserstein_distance(cosine[mine], cosine[identities != identities[i]]))
    loop = (np.array(loop) - min(loop)) / (max(loop) - min(loop))
    np.testing.assert_allclose(got, loop, atol=0.03)
    assert got.min() == 0
    assert got.max() == 1


def test_similarity_distribution_distance_parameters_and_missing(clustered):
    vectors, identities = clustered
    reference = similarity_distribution_distance(vectors, identities)
    np.testing.assert_array_equal(reference, similarity_distribution_distance(vectors, identities))
    for change in ({"samples": 3}, {"rounds": 2}, {"seed": 1}):
        assert not np.array_equal(
            reference, similarity_distribution_distance(vectors, identities, **change)
        ), change
    lonely = identities.copy()
    lonely[0] = "z"
    got = similarity_distribution_distance(vectors, lonely)
    assert np.isnan(got[0])
    assert np.isfinite(got[1:]).all()
    assert similarity_distribution_distance(np.zeros((0, 4), np.float32), []).shape == (0,)
    with pytest.raises(InputError, match="at least 2 people"):
        similarity_distribution_distance(vectors[:3], identities[:3])
    with pytest.raises(InputError, match="samples must be in"):
        similarity_distribution_distance(vectors, identities, samples=0)
    with pytest.raises(InputError, match="rounds must be in"):
        similarity_distribution_distance(vectors, identities, rounds=0)
    with pytest.raises(InputError, match="embeddings must have no row of length zero"):
        similarity_distribution_distance(vectors * 0, identities)


def test_no_image_is_its_own_mate():
    vectors = np.eye(6, dtype=np.float32)
    identities = np.array(["a"] * 4 + ["b"] * 2)
    # all cosines are 0 except of an image with itself, so every distance is 0 unless an image met
    # itself
    np.testing.assert_array_equal(
        similarity_distribution_distance(vectors, identities), np.zeros(6)
    )


def test_faceqnet_labels(clustered):
    vectors, identities = clustered
    prior = np.tile(np.arange(10)[::-1], 6)
    best = best_images(prior, identities)
    assert best.tolist() == np.repeat(np.arange(0, 60, 10), 10).tolist()
    got = similarity_to_best(vectors, identities, prior=prior)
    loop = np.array([vectors[i] @ vectors[best[i]] for i in range(60)])
    np.testing.assert_allclose(got, (loop - loop.min()) / (loop.max() - loop.min()), atol=1e-5)
    assert similarity_to_best(np.zeros((0, 3), np.float32), [], prior=[]).shape == (0,)
    with pytest.raises(InputError, match="prior must be finite"):
        similarity_to_best(vectors, identities, prior=np.full(60, np.nan))
    with pytest.raises(ShapeError):
        similarity_to_best(vectors, identities, prior=prior[:5])


def test_fuse_weights_judges_and_skips_missing():
    a, b = np.full((2, 6), 0.8), np.full((2, 6), 0.4)
    assert fuse(a, b).tolist() == pytest.approx([0.6, 0.6])
    assert fuse(a, b, weight=1).tolist() == pytest.approx([0.8, 0.8])
    a[0, 0] = np.nan
    assert fuse(a, b)[0] == pytest.approx((0.4 + 5 * 0.6) / 6)
    b[0, 0] = np.nan
    assert fuse(a, b)[0] == pytest.approx(0.6)
    assert fuse(a)[1] == pytest.approx(0.8)
    with pytest.raises(InputError, match="at least one judged factor"):
        fuse(np.full((1, 6), np.nan))
    with pytest.raises(InputError, match=r"first must lie in 0\.\.1"):
        fuse(np.full((1, 6), 1.5))
    with pytest.raises(ShapeError, match="second must have shape"):
        fuse(a, b[:1])
    with pytest.raises(InputError, match="weight must be in"):
        fuse(a, b, weight=2)


def test_levels():
    assert coarse_levels([0.19, 0.2, 0.39, 0.4, 0.6, 0.8, 1.0], [0.2, 0.4, 0.6, 0.8]).tolist() == [
        0,
        1,
        1,
        2,
        3,
        4,
        4,
    ]
    assert coarse_levels([], [0.2, 0.4, 0.6, 0.8]).tolist() == []
    assert level_thresholds([3.0]).tolist() == [3.0] * 4
    assert level_thresholds(np.arange(101), (0, 1, 2, 100)).tolist() == [0, 1, 2, 100]
    with pytest.raises(InputError, match="must ascend"):
        coarse_levels([0.5], [0.4, 0.2, 0.6, 0.8])
    with pytest.raises(InputError, match="quality must be finite"):
        coarse_levels([np.nan], [0.2, 0.4, 0.6, 0.8])
    with pytest.raises(InputError, match="at least one value"):
        level_thresholds([])


def test_fine_labels_keep_level_and_order(rng):
    levels = rng.integers(0, 5, 400)
    similarity = rng.normal(size=400)
    identities = rng.integers(0, 7, 400)
    for options in ({}, {"epsilon": 0.02}):
        got = fine_labels(levels, similarity, identities, **options)
        for person in range(7):
            for level in range(5):
                rows = np.flatnonzero((identities == person) & (levels == level))
                order = rows[np.argsort(similarity[rows])]
                thirds = (
                    (3 * (np.arange(len(rows)) + 0.5) / len(rows)).astype(int)
                    if 0 < level < 4
                    else np.zeros(len(rows))
                )
                rising = (np.diff(got[order]) > 0) | (got[order][1:] == 1.0)
                # jitter keeps the order inside a third, where none is drawn the whole level keeps
                # it
                assert np.all(rising[np.diff(thirds) == 0] if options else rising)
                low, high = (
                    INTERVALS[[0, 1, 4, 7, 10][level]][0],
                    INTERVALS[[0, 3, 6, 9, 10][level]][1],
                )
                assert np.all((got[rows] >= low) & (got[rows] <= high + options.get("epsilon", 0)))


def test_fine_labels_split_in_thirds():
    got = fine_labels([1] * 6, np.arange(6), ["a"] * 6)
    for image, slot in enumerate([1, 1, 2, 2, 3, 3]):
        assert INTERVALS[slot][0] < got[image] < INTERVALS[slot][1]
    lone = fine_labels([2], [0.3], ["a"])[0]
    assert INTERVALS[5][0] < lone < INTERVALS[5][1]


def test_fine_labels_parameters():
    levels, similarity, identities = [1, 1, 2, 3, 3, 3], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], ["a"] * 6
    reference = fine_labels(levels, similarity, identities)
    assert np.array_equal(reference, fine_labels(levels, similarity, identities, seed=1)), (
        "nothing is drawn by default"
    )
    drawn = fine_labels(levels, similarity, identities, within="uniform")
    assert not np.array_equal(reference, drawn)
    assert not np.array_equal(
        drawn, fine_labels(levels, similarity, identities, within="uniform", seed=1)
    )
    assert not np.array_equal(
        drawn, fine_labels(levels, similarity, identities, within="uniform", epsilon=0.1)
    )
    assert not np.array_equal(reference, fine_labels(levels, similarity, identities, epsilon=0.1))
    wide = [(0, 0.1)] + [(0.1 * k, 0.1 * k + 0.05) for k in range(1, 10)] + [(0.99, 1.0)]
    assert fine_labels([4], [0], ["a"], intervals=wide)[0] == pytest.approx(0.995)
    assert fine_labels([], [], []).shape == (0,)


def test_fine_labels_refuse():
    with pytest.raises(InputError, match=r"levels must be in 0\.\.4"):
        fine_labels([5], [0.1], ["a"])
    with pytest.raises(InputError, match="similarity must be finite"):
        fine_labels([1], [np.nan], ["a"])
    with pytest.raises(InputError, match="epsilon must be in"):
        fine_labels([1], [0.1], ["a"], epsilon=-1)
    with pytest.raises(UnknownNameError, match="Unknown within"):
        fine_labels([1], [0.1], ["a"], within="ranks")
    with pytest.raises(ShapeError, match="similarity must have shape"):
        fine_labels([1], [0.1, 0.2], ["a"])
    with pytest.raises(InputError, match="intervals must be"):
        fine_labels([1], [0.1], ["a"], intervals=[(0.5, 0.1)] * 11)
