"""Soft labels and marginals by hand and by their invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.functional.soft import ANCHORS, AXES, expected_score, marginals, soft_labels

pytestmark = pytest.mark.numeric


def test_the_published_example() -> None:
    assert soft_labels([0.5])[0].round(3).tolist() == [0.004, 0.177, 0.638, 0.177, 0.004]


def test_both_distances_and_beta_by_hand() -> None:
    q = 0.62
    for distance, d in (
        ("squared", (q - np.array(ANCHORS)) ** 2),
        ("absolute", np.abs(q - np.array(ANCHORS))),
    ):
        weight = np.exp(-8 * d)
        np.testing.assert_allclose(
            soft_labels([q], beta=8, distance=distance)[0], weight / weight.sum(), atol=1e-12
        )  # type: ignore[arg-type]
    assert soft_labels([0.7], distance="absolute")[0, 3] > 0.99


def test_beta_per_image() -> None:
    both = soft_labels([0.4, 0.4], beta=[32, 16])
    np.testing.assert_array_equal(both[0], soft_labels([0.4])[0])
    np.testing.assert_array_equal(both[1], soft_labels([0.4], beta=16)[0])
    np.testing.assert_allclose(soft_labels([0.4], beta=0), 0.2)
    assert np.isfinite(soft_labels([0.0, 1.0], beta=1e6)).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_rows_sum_to_one_and_expected_score_ascends(q: list[float]) -> None:
    values = np.sort(np.array(q, float))
    labels = soft_labels(values)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-12)
    score = expected_score(labels)
    assert np.all(np.diff(score) >= -1e-12)
    assert np.all((score >= 0.1 - 1e-12) & (score <= 0.9 + 1e-12))
    np.testing.assert_allclose(soft_labels(1 - values), labels[:, ::-1], atol=1e-9)


def test_marginals_of_a_product_are_its_factors(rng: np.random.Generator) -> None:
    parts = [rng.dirichlet(np.ones(n), size=4) for n in (3, 2, 3, 2, 2, 5)]
    joint = np.einsum("na,nb,nc,nd,ne,nf->nabcdef", *parts)
    found = marginals(joint)
    assert (
        tuple(found)
        == AXES
        == ("blur", "occlusion", "pose", "expression", "illumination", "quality")
    )
    for name, part in zip(AXES, parts, strict=True):
        np.testing.assert_allclose(found[name], part, atol=1e-12)
    assert marginals(np.empty((0, 3, 2, 3, 2, 2, 5)))["pose"].shape == (0, 3)


def test_refuses() -> None:
    with pytest.raises(InputError, match=r"q must lie in \[0, 1\], got 0.5..1.5"):
        soft_labels([0.5, 1.5])
    with pytest.raises(InputError, match="beta must be finite and at least 0"):
        soft_labels([0.5], beta=-1)
    with pytest.raises(InputError, match="beta must be finite and at least 0"):
        soft_labels([0.5], beta=np.nan)
    with pytest.raises(ShapeError, match="beta must have shape"):
        soft_labels([0.5, 0.5], beta=[1, 2, 3])
    with pytest.raises(UnknownNameError, match="did you mean 'squared'"):
        soft_labels([0.5], distance="square")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="joint must have shape"):
        marginals(np.ones((1, 360)))
    with pytest.raises(InputError, match="joint must not be negative"):
        marginals(-np.ones((1, 3, 2, 3, 2, 2, 5)))
    with pytest.raises(ShapeError, match=r"p must have shape \(N, 5\)"):
        expected_score(np.ones((2, 4)))
    with pytest.raises(InputError, match="q must be finite"):
        soft_labels([np.nan])
