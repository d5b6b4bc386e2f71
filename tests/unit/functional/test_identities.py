"""What belongs to one identity: against slow loops."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import ShapeError
from fiqa.functional.identities import class_centers, encode, groups

pytestmark = pytest.mark.numeric


def test_codes_follow_the_sorted_names() -> None:
    code, count = encode(["carl", "ann", "carl", "bob"], 4)
    assert code.tolist() == [2, 0, 2, 1]
    assert count == 3
    with pytest.raises(ShapeError, match=r"identities must have shape \(3,\), got \(2,\)"):
        encode(["a", "b"], 3)


def test_groups_hold_every_row_once_in_order(rng: np.random.Generator) -> None:
    code = rng.integers(0, 7, 50)
    assert [g.tolist() for g in groups(code)] == [
        np.flatnonzero(code == k).tolist() for k in np.unique(code)
    ]
    assert groups(np.empty(0, np.int64)) == []


def test_centers_are_mean_directions_in_any_block(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rng.normal(size=(40, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    code = rng.integers(0, 6, 40)
    slow = np.stack([rows[code == k].sum(axis=0, dtype=np.float64) for k in range(6)])
    slow /= np.linalg.norm(slow, axis=1, keepdims=True)
    np.testing.assert_allclose(class_centers(rows, code, 6), slow, atol=1e-6)
    monkeypatch.setattr("fiqa.functional.identities._ROWS", 7)
    np.testing.assert_allclose(class_centers(rows, code, 6), slow, atol=1e-6)


def test_vectors_that_cancel_have_no_direction() -> None:
    assert class_centers(np.array([[1.0, 0], [-1.0, 0]]), np.array([0, 0]), 1).tolist() == [
        [0.0, 0.0]
    ]
