"""Neighbors and same people against loops over single pairs."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.functional.identities import class_centers, encode
from fiqa.functional.people import neighbors, same_people


def test_neighbors_are_those_of_a_slow_loop(clustered):
    vectors, names = clustered
    code, classes = encode(names, len(names))
    centers = class_centers(vectors, code, classes)
    found = neighbors(vectors, code, classes)
    for row, vector in enumerate(vectors):
        cosine = {k: float(vector @ centers[k]) for k in range(classes) if k != code[row]}
        best = max(cosine, key=cosine.__getitem__)
        assert found.nearest[row] == best
        assert found.cosine[row] == pytest.approx(cosine[best], abs=1e-5)
        assert any(abs(found.stranger[row] - value) < 1e-5 for value in cosine.values())


def test_one_person_has_no_other():
    with pytest.raises(InputError, match="at least 2"):
        neighbors(np.ones((3, 2), np.float32), np.zeros(3, np.int64), 1)


def slow_likeness(vectors, code, first, second):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def within(person):
        rows = np.flatnonzero(code == person)
        values = [unit[a] @ unit[b] for a in rows for b in rows if a != b]
        return np.mean(values) if values else np.nan

    every = np.array([within(person) for person in range(code.max() + 1)])
    usual = np.nanmedian(every)
    scale = np.maximum(np.where(np.isnan(every), usual, every), usual / 2)
    cross = [unit[a] @ unit[b] for a in np.flatnonzero(code == first)
             for b in np.flatnonzero(code == second)]  # fmt: skip
    return np.mean(cross) / np.sqrt(scale[first] * scale[second])


def test_likeness_is_that_of_a_slow_loop(clustered):
    vectors, names = clustered
    code, _ = encode(names, len(names))
    code = code.copy()
    code[7] = 6  # a person of one image
    found = same_people(vectors, code, 7, least=0.01)
    told = {(pair.first, pair.second): pair.likeness for pair in found}
    every = {
        (first, second): slow_likeness(vectors, code, first, second)
        for first in range(7)
        for second in range(first + 1, 7)
    }
    nearest = set()
    for person in range(7):
        own = {pair: value for pair, value in every.items() if person in pair and value >= 0.01}
        nearest |= {max(own, key=own.__getitem__)} if own else set()
    assert set(told) == nearest
    for pair, value in told.items():
        assert value == pytest.approx(every[pair], rel=1e-4)
    likeness = [pair.likeness for pair in found]
    assert likeness == sorted(likeness, reverse=True)


def test_a_person_under_two_names_is_the_only_pair(clustered):
    vectors, names = clustered
    code, _ = encode(names, len(names))
    split = np.where((code == 2) & (np.arange(60) % 2 == 0), 6, code)
    found = same_people(vectors, split, 7, least=0.75)
    assert [(pair.first, pair.second) for pair in found] == [(2, 6)]
    assert found[0].likeness == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_without_a_person_of_two_images_there_is_no_scale(count):
    assert (
        same_people(np.eye(2, dtype=np.float32)[:count], np.arange(count), count, least=0.1) == []
    )


def test_a_name_of_one_image_has_a_limit_of_its_own(clustered):
    vectors, names = clustered
    code, _ = encode(names, len(names))
    code = code.copy()
    code[20] = 6  # a clear image of person 2 under another name
    pairs = {(p.first, p.second) for p in same_people(vectors, code, 7, least=0.7)}
    assert (2, 6) in pairs
    assert same_people(vectors, code, 7, least=0.7, least_of_one=9.0) == []


def test_equal_vectors_of_many_names_are_as_many_pairs_as_names():
    vectors = np.ones((6000, 4), np.float32)
    found = same_people(vectors, np.arange(6000) // 2, 3000, least=0.75)
    assert len(found) <= 3000
    assert {pair.first for pair in found} | {pair.second for pair in found} == set(range(3000))


def test_the_limit_must_be_over_zero():
    with pytest.raises(InputError, match="least"):
        same_people(np.eye(2, dtype=np.float32), np.arange(2), 2, least=0)
