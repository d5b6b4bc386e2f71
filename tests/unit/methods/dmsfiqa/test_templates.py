"""Proposing templates, and reading what a person chose."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.methods.dmsfiqa.templates import candidates, chosen_rows

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


def test_the_chosen_image_is_the_template_of_its_identity():
    ids, identities = ["b/1", "a/1", "a/2", "c/1"], ["b", "a", "a", "c"]
    assert chosen_rows(["a/2", "b/1", "z/9"], [True, True, True], identities, ids).tolist() == [
        0,
        2,
        2,
        -1,
    ]
    assert chosen_rows(["a/1", "a/2"], [False, True], identities, ids).tolist() == [-1, 2, 2, -1]
    assert chosen_rows([], [], identities, ids).tolist() == [-1] * 4
    assert chosen_rows(["a/1"], [True], [], []).tolist() == []


def test_two_templates_of_one_identity_are_an_error():
    with pytest.raises(
        InputError, match=r"t\.csv must choose one image per identity, got 'a/1' and 'a/2'"
    ):
        chosen_rows(["a/1", "a/2"], [True, True], ["a", "a"], ["a/1", "a/2"], table="t.csv")
