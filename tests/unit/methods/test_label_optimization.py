"""Label optimization against a loop written as the paper reads, and what it promises for odd
input."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.methods import label_optimization as lo
from fiqa.methods.label_optimization import (
    LabelOptimizer,
    mated_agreement,
    mean_mated_similarity,
    optimize_labels,
)

pytestmark = pytest.mark.numeric


def _unit(
    rng: np.random.Generator, people: int, images: int, dim: int = 16
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    centers = rng.normal(size=(people, 1, dim))
    vectors = (
        centers + rng.uniform(0.2, 2, (people, images, 1)) * rng.normal(size=(people, images, dim))
    ).reshape(-1, dim)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat([f"p{i:02d}" for i in range(people)], images)


def _slow(prior, vectors, identities, theta, unit):
    """The paper's loop where every image is a cluster of its own: all pairs are drawn, so nothing
    is random."""
    n = len(prior)
    pairs = [
        (float(vectors[i] @ vectors[j]), i, j)
        for i in range(n)
        for j in range(n)
        if i != j and identities[i] == identities[j]
    ]
    pairs.sort(key=lambda p: p[0])
    order = sorted(range(n), key=lambda i: prior[i])
    place = {image: k for k, image in enumerate(order)}
    seen = defaultdict(list)
    for index, (_, i, j) in enumerate(pairs):
        seen[i if place[i] < place[j] else j].append(index)
    star = {}
    for i in range(n):
        own = place[i] / n if unit else place[i]
        s = np.mean(seen[i]) / (len(pairs) if unit else 1) if seen[i] else own
        star[i] = own + theta * (s - own)
    final = sorted(range(n), key=lambda i: (star[i], place[i]))
    result = np.empty(n)
    result[final] = np.sort(np.asarray(prior, np.float64))
    return result


@pytest.mark.parametrize("rank_scale", ["pairs", "unit"])
@pytest.mark.parametrize("theta", [0.0, 0.05, 0.4, 1.0])
def test_equals_the_slow_loop(rng, theta, rank_scale):
    vectors, identities = _unit(rng, 5, 6)
    prior = rng.normal(size=30)
    got = optimize_labels(
        prior, vectors, identities, clusters=6, theta=theta, repeats=2, rank_scale=rank_scale
    )
    np.testing.assert_array_equal(
        got, _slow(prior, vectors, identities, theta, rank_scale == "unit")
    )


def test_pairs_are_ordered_between_different_clusters_of_one_identity(rng):
    vectors, identities = _unit(rng, 3, 40)
    optimizer = LabelOptimizer(rng.normal(size=120), vectors, identities, clusters=5)
    optimizer.cluster()
    assert all(
        len(np.unique(optimizer.cluster_of[identities == name])) <= 5
        for name in np.unique(identities)
    )
    words = optimizer._pair_words(2)
    expected = sum(
        40 * (len(np.unique(optimizer.cluster_of[identities == n])) - 1)
        for n in np.unique(identities)
    )
    assert words.shape == (2, expected)
    assert not np.array_equal(words[0], words[1]), "every repeat draws fresh pairs"


def test_similarity_sorts_through_the_integer_word(rng):
    vectors = np.array([[1, 0], [-1, 0], [0, 1], [0.6, -0.8]], np.float32)
    optimizer = LabelOptimizer([1, 2, 3, 4], vectors, ["a"] * 4, clusters=4)
    optimizer.cluster()
    words = np.sort(optimizer._pair_words(1)[0])
    low = (words & np.uint64(0xFFFFFFFF)).astype(int).tolist()
    # ascending cosines, each pair twice: 01 -1, 23 -.8, 13 -.6, 02 0, 12 0, 03 .6 ; the
    # lower-quality image of each
    assert low == [0, 0, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0]


def test_recovers_a_corrupted_order(rng):
    vectors, identities = _unit(rng, 20, 30, 64)
    truth = mean_mated_similarity(vectors, identities)
    prior = truth + rng.normal(scale=truth.std(), size=len(truth))
    before = mated_agreement(prior, vectors, identities)[0]
    after = mated_agreement(
        optimize_labels(prior, vectors, identities, theta=0.05), vectors, identities
    )[0]
    assert after > before + 0.05


def test_each_parameter_changes_the_result(rng):
    vectors, identities = _unit(rng, 6, 30)
    prior = rng.normal(size=180)
    base = {"clusters": 10, "theta": 0.05, "repeats": 3, "rank_scale": "pairs", "seed": 0}
    reference = optimize_labels(prior, vectors, identities, **base)
    for change in (
        {"clusters": 4},
        {"theta": 0.2},
        {"repeats": 1},
        {"rank_scale": "unit"},
        {"seed": 1},
    ):
        assert not np.array_equal(
            reference, optimize_labels(prior, vectors, identities, **(base | change))
        ), change
    np.testing.assert_array_equal(reference, optimize_labels(prior, vectors, identities, **base))


def test_lone_images_and_one_cluster_keep_their_prior(rng):
    vectors, identities = _unit(rng, 4, 8)
    vectors = np.concatenate([vectors, vectors[:1], np.repeat(vectors[1:2], 30, axis=0)])
    identities = np.concatenate([identities, ["alone"], np.repeat("same", 30)])
    prior = rng.normal(size=len(vectors)).astype(np.float32)
    got = optimize_labels(prior, vectors, identities, theta=0.5)
    np.testing.assert_array_equal(got[32:], prior[32:])
    assert not np.array_equal(got[:32], prior[:32])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=0, max_size=25),
    st.floats(0, 1),
)
def test_is_always_a_permutation_of_the_prior(rows, theta):
    rng = np.random.default_rng(len(rows))
    vectors = rng.normal(size=(len(rows), 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prior = np.array([value for _, value in rows], np.float32)
    got = optimize_labels(
        prior, vectors, [name for name, _ in rows], clusters=3, theta=theta, repeats=2
    )
    np.testing.assert_array_equal(np.sort(got), np.sort(prior))


def test_memory_map_and_grouping_change_nothing(rng, tmp_path, monkeypatch):
    vectors, identities = _unit(rng, 6, 30)
    prior = rng.normal(size=180)
    half = vectors.astype(np.float16)
    np.save(tmp_path / "e.npy", half)
    mapped = np.load(tmp_path / "e.npy", mmap_mode="r")
    reference = optimize_labels(prior, half, identities)
    np.testing.assert_array_equal(reference, optimize_labels(prior, mapped, identities))
    monkeypatch.setattr(lo, "_WORDS_SHARE", 0.0)
    np.testing.assert_array_equal(reference, optimize_labels(prior, half, identities))
    monkeypatch.setattr(lo, "_SUM_CHUNK", 7)
    np.testing.assert_array_equal(reference, optimize_labels(prior, half, identities))


def test_resumed_equals_uninterrupted(rng):
    vectors, identities = _unit(rng, 5, 30)
    prior = rng.normal(size=150)
    whole = LabelOptimizer(prior, vectors, identities, repeats=30)
    reference = whole.run()
    first = LabelOptimizer(prior, vectors, identities, repeats=30)
    first.cluster()
    first.advance()
    assert 0 < first.done < 30
    second = LabelOptimizer(prior, vectors, identities, repeats=30)
    second.cluster_of, second.total, second.done = (
        first.cluster_of.copy(),
        first.total.copy(),
        first.done,
    )
    second.start()
    while second.done < second.repeats:
        second.advance()
    np.testing.assert_array_equal(reference, second.labels())


def test_progress_is_called(rng):
    vectors, identities = _unit(rng, 3, 5)
    seen = []
    LabelOptimizer(rng.normal(size=15), vectors, identities).run(
        lambda step, done, total: seen.append((step, done, total))
    )
    assert seen[0][0] == "cluster"
    assert seen[-1] == ("repeat", 10, 10)


def test_bad_input(rng):
    vectors, identities = _unit(rng, 2, 3)
    prior = np.arange(6.0)
    with pytest.raises(InputError, match="quality must be finite"):
        optimize_labels([np.nan, 1, 2, 3, 4, 5], vectors, identities)
    with pytest.raises(InputError, match="embeddings must have no row of length zero"):
        optimize_labels(prior, vectors * 0, identities)
    with pytest.raises(ShapeError, match=r"embeddings must have shape \(6, D\)"):
        optimize_labels(prior, vectors[:5], identities)
    with pytest.raises(ShapeError, match=r"identities must have shape \(6,\)"):
        optimize_labels(prior, vectors, identities[:5])
    with pytest.raises(InputError, match="theta must be in"):
        optimize_labels(prior, vectors, identities, theta=2)
    with pytest.raises(InputError, match="clusters must be in"):
        optimize_labels(prior, vectors, identities, clusters=1)
    with pytest.raises(InputError, match="repeats must be in"):
        optimize_labels(prior, vectors, identities, repeats=0)
    with pytest.raises(UnknownNameError, match="did you mean 'pairs'"):
        optimize_labels(prior, vectors, identities, rank_scale="pair")


def test_mean_mated_similarity_is_the_loop(rng):
    vectors, identities = _unit(rng, 3, 4)
    vectors, identities = np.concatenate([vectors, vectors[:1]]), np.append(identities, "alone")
    got = mean_mated_similarity(vectors, identities)
    for i in range(12):
        mates = [j for j in range(13) if j != i and identities[j] == identities[i]]
        assert got[i] == pytest.approx(np.mean([vectors[i] @ vectors[j] for j in mates]), abs=1e-6)
    assert np.isnan(got[12])
