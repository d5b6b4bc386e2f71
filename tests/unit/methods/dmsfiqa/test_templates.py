"""Proposing templates."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.methods.dmsfiqa.templates import candidates

pytestmark = pytest.mark.numeric


def test_candidates_are_the_best_of_both_ranks(clustered):
    vectors, identities = clustered
    quality = np.tile(
        np.linspace(1, 0, 10), 6
    )  # the first of each person is least noisy, so most central too
    found = candidates(quality, vectors, identities, count=5)
    assert len(found.row) == 30
    for person in np.unique(identities):
        own = found.row[identities[found.row] == person]
        center = vectors[identities == person].mean(axis=0)
        closeness = vectors @ center / np.linalg.norm(center)
        rows = np.flatnonzero(identities == person)
        by = {
            r: sum(quality[rows] > quality[r]) + sum(closeness[rows] > closeness[r]) for r in rows
        }
        assert [by[r] for r in own] == sorted(by.values())[:5]
        np.testing.assert_allclose(found.centrality[rows], closeness[rows], atol=1e-6)
    assert found.rank.tolist() == [0, 1, 2, 3, 4] * 6


def test_each_of_quality_and_centrality_matters():
    vectors = np.array([[1.0, 0], [0.9, 0.436], [0, 1.0]])
    central = candidates([0.5, 0.5, 0.5], vectors, ["a"] * 3).row
    assert central[0] == 1
    assert candidates([0.9, 0.5, 0.1], vectors, ["a"] * 3).row[0] == 0, "equal sums go by quality"


def test_few_images_and_none():
    assert candidates([0.1], np.array([[1.0, 0]]), ["a"]).row.tolist() == [0]
    assert candidates([], np.empty((0, 2)), []).row.shape == (0,)
    with pytest.raises(InputError, match="count must be in"):
        candidates([0.1], np.array([[1.0, 0]]), ["a"], count=0)
    with pytest.raises(ShapeError, match=r"quality must have shape \(1,\)"):
        candidates([0.1, 0.2], np.array([[1.0, 0]]), ["a"])
    with pytest.raises(InputError, match="quality must be finite"):
        candidates([np.nan], np.array([[1.0, 0]]), ["a"])


def test_with_segments_the_proposals_are_the_loop(rng):
    """Best first, each modality's best where its segments are fewest first, then new segments."""
    for _ in range(60):
        n, count = int(rng.integers(1, 14)), int(rng.integers(1, 6))
        vectors = rng.normal(size=(n, 3)) + np.array([2, 0, 0])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        quality = rng.integers(0, 4, n) / 3  # ties
        clips, light = rng.integers(0, 5, n), rng.integers(-1, 2, n)
        who = rng.integers(0, 2, n)
        found = candidates(quality, vectors, who, count=count, segments=clips, modalities=light)
        plain = candidates(quality, vectors, who, count=n)
        np.testing.assert_array_equal(found.centrality, plain.centrality)
        for person in set(who.tolist()):
            ranked = [r for r in plain.row.tolist() if who[r] == person]
            got = found.row[who[found.row] == person].tolist()
            assert got == _loop(ranked, clips, light, count)
            assert len({clips[r] for r in got}) == len(got)


def _loop(ranked, clips, light, count):
    kinds = {light[r] for r in ranked} - {-1}
    rarest = sorted(kinds, key=lambda k: (len({clips[r] for r in ranked if light[r] == k}), k))
    chosen = []
    for kind in rarest:
        free = [
            r for r in ranked if light[r] == kind and clips[r] not in {clips[c] for c in chosen}
        ]
        chosen += free[:1]
    for row in ranked:
        if len(chosen) < count and clips[row] not in {clips[c] for c in chosen}:
            chosen.append(row)
    return [row for row in ranked if row in chosen]


def test_a_modality_keeps_its_only_segment():
    vectors, clips = np.tile([1.0, 0], (4, 1)), [0, 0, 1, 1]
    found = candidates(
        [0.9, 0.8, 0.7, 0.6], vectors, ["a"] * 4, count=2, segments=clips, modalities=[0, 1, 0, 0]
    )
    assert found.row.tolist() == [1, 2], "the one of modality 1 first, though 0 is better"
    one = candidates([0.9, 0.8], vectors[:2], ["a"] * 2, segments=[0, 0], modalities=[0, 1])
    assert one.row.tolist() == [0], "a segment has one candidate"
    wide = candidates(
        [0.9, 0.8], vectors[:2], ["a"] * 2, count=1, segments=[0, 1], modalities=[0, 1]
    )
    assert wide.row.tolist() == [0, 1], "more than count where there are more modalities"
    none = candidates([], np.empty((0, 2)), [], segments=[], modalities=[])
    assert none.row.shape == (0,)
    with pytest.raises(ShapeError, match=r"segments must have shape \(2,\)"):
        candidates([0.9, 0.8], vectors[:2], ["a"] * 2, segments=[0])
