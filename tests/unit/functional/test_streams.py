"""Streams of similarities and their largest values, against the whole matrix; curves and bands at a
threshold set from a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError
from fiqa.functional.bootstrap import band_of, bootstrap_band, difference, paired_difference
from fiqa.functional.edc import curve_at, discard_curve
from fiqa.functional.streams import (
    Largest,
    mated_similarities,
    nonmated_blocks,
    nonmated_count,
    nonmated_index,
)
from fiqa.functional.verification import all_pairs, of_stream, threshold_at_fmr

pytestmark = pytest.mark.numeric


@pytest.fixture(params=[1, 7, 700])
def people(request: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """(vectors, identities in mixed order) with identities of that many images and more."""
    who = rng.permutation(np.repeat(["a", "b", "c", "d"], [request.param, 3, 600, 1]))
    return rng.normal(size=(len(who), 6)), who


def whole(vectors: Any, who: Any) -> tuple[Any, Any]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    i, j = np.triu_indices(len(who), 1)
    similarity, same = (unit @ unit.T)[i, j], who[i] == who[j]
    return np.sort(similarity[same]), np.sort(similarity[~same])


def test_the_stream_has_every_pair_once(people: Any) -> None:
    mated, nonmated = whole(*people)
    np.testing.assert_allclose(np.sort(mated_similarities(*people)), mated, atol=1e-6)
    blocks = np.concatenate([block.copy() for block in nonmated_blocks(*people)])
    np.testing.assert_allclose(np.sort(blocks), nonmated, atol=1e-6)


def test_the_largest_of_a_stream_are_exact_with_ties(rng: np.random.Generator) -> None:
    values = rng.integers(0, 50_000, 3_000_000).astype(np.float32)
    top = Largest(70_000)
    for start in range(0, len(values), 100_000):
        block = values[start : start + 100_000].copy()
        top.add(block)
        block[:] = 1e9
    np.testing.assert_array_equal(np.sort(top.values()), np.sort(values)[-70_000:])


def test_a_stream_with_fewer_values_gives_them_all() -> None:
    top = Largest(5)
    assert not len(top.values())
    top.add(np.float32([0.3, 0.1]))
    assert sorted(top.values().tolist()) == pytest.approx([0.1, 0.3])
    with pytest.raises(InputError, match="count must be at least 1, got 0"):
        Largest(0)


def test_verification_of_a_stream_equals_that_of_the_set(people: Any) -> None:
    expected = all_pairs(*people, fars=(0.1,))
    assert of_stream(mated_similarities(*people), nonmated_blocks(*people), fars=(0.1,)) == expected


def test_verification_of_a_stream_refuses() -> None:
    with pytest.raises(EvidenceError, match="got 1 and 0"):
        of_stream([0.5], [])
    with pytest.raises(InputError, match="fars must be in"):
        of_stream([0.5], [np.float32([0.1])], fars=(0.0,))


@pytest.fixture
def pairs(rng: np.random.Generator) -> dict[str, Any]:
    same = rng.random(900) < 0.4
    who = np.repeat(rng.integers(0, 20, 900)[:, None], 2, axis=1)
    similarity = np.where(same, 0.3, 0.0) + 0.3 * rng.normal(size=900)
    return {
        "similarity": similarity,
        "mated": same,
        "quality": rng.integers(0, 30, (900, 2)) / 30,
        "who": who,
    }


def test_curve_and_band_at_a_given_threshold_equal_those_of_all_pairs(
    pairs: dict[str, Any],
) -> None:
    score, same, quality = pairs["similarity"], pairs["mated"], pairs["quality"]
    expected = bootstrap_band(score, same, quality, pairs["who"], fmr=0.05, draws=20)
    worst, who = quality.min(axis=1)[same], pairs["who"][same, 0]
    threshold = threshold_at_fmr(score[~same], 0.05)
    curve = curve_at(
        score[same], worst, threshold, fmr=0.05, nonmated=int((~same).sum()), protocol="iso"
    )
    band = band_of(curve, score[same], worst, who, draws=20)
    np.testing.assert_array_equal(band.curve.fnmr, expected.curve.fnmr)
    np.testing.assert_array_equal(band.curve.band, expected.curve.band)
    assert band.curve.counts == discard_curve(score, same, quality, fmr=0.05).counts
    assert band.area(0.3) == expected.area(0.3)


def test_difference_of_two_bands_is_the_paired_difference(
    pairs: dict[str, Any], rng: np.random.Generator
) -> None:
    score, same, one = pairs["similarity"], pairs["mated"], pairs["quality"]
    other = rng.random((900, 2))
    given = (score, same)
    expected = paired_difference(*given, one, other, pairs["who"], fmr=0.05, draws=30, upto=0.5)
    bands = [
        bootstrap_band(*given, quality, pairs["who"], fmr=0.05, draws=30)
        for quality in (one, other)
    ]
    assert difference(*bands, upto=0.5) == expected
    assert expected.difference != 0


def test_what_curve_at_and_difference_refuse(pairs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="discards mated pairs only, got 'crfiqa'"):
        curve_at([0.5], [0.5], 0.1, fmr=0.1, nonmated=10, protocol="crfiqa")
    with pytest.raises(EvidenceError, match="needs mated pairs, got none"):
        curve_at([], [], 0.1, fmr=0.1, nonmated=10, protocol="iso")
    bands = [
        bootstrap_band(
            pairs["similarity"], pairs["mated"], pairs["quality"], pairs["who"], fmr=0.05, draws=d
        )
        for d in (5, 6)
    ]
    with pytest.raises(InputError, match="must be of the same draws"):
        difference(*bands)


@pytest.mark.parametrize("most", [1, 40, 60, 1000])
def test_non_mated_pairs_are_all_or_a_uniform_sample_without_repeats(most: int) -> None:
    who = np.array(list("aabbbcdddd"))
    i, j = np.triu_indices(10, 1)
    every = {(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True) if who[a] != who[b]}
    found = [tuple(pair) for pair in nonmated_index(who, most=most, seed=1).tolist()]
    assert len(found) == len(set(found)) == min(most, len(every)) == min(most, nonmated_count(who))
    assert set(found) <= every
    assert most < len(every) or set(found) == every


def test_a_sample_of_many_is_uniform_and_follows_its_seed() -> None:
    who = np.repeat(np.arange(300), 2)
    one, again, other = (nonmated_index(who, most=5000, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one[:, 0] < one[:, 1]).all()
    assert (who[one[:, 0]] != who[one[:, 1]]).all()
    assert len(np.unique(one, axis=0)) == 5000
    assert one.ravel().mean() == pytest.approx(299.5, abs=8)
    with pytest.raises(InputError, match="most must be in"):
        nonmated_index(who, most=0)
    assert nonmated_index([], most=3).shape == (0, 2)
