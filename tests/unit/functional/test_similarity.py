"""Cosines against the plain formula; chunks never change them."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.similarity import blocks, normalize, pair_similarity

pytestmark = pytest.mark.numeric


def test_pairs_and_blocks_equal_the_formula(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(50, 7)) * rng.uniform(0.1, 90, size=(50, 1))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = rng.integers(0, 50, (200, 2))
    expected = (unit[index[:, 0]] * unit[index[:, 1]]).sum(axis=1)
    np.testing.assert_allclose(pair_similarity(vectors, index), expected, atol=1e-6)
    np.testing.assert_array_equal(
        pair_similarity(vectors, index, chunk=7), pair_similarity(vectors, index)
    )
    pieces = list(blocks(vectors, rows=16))
    assert [start for start, _ in pieces] == [0, 16, 32, 48]
    np.testing.assert_allclose(
        np.concatenate([block for _, block in pieces]), unit @ unit.T, atol=1e-6
    )


def test_normalize_keeps_unit_rows_and_handles_nothing() -> None:
    rows = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(normalize(rows), rows)
    assert normalize(rows).dtype == np.float32
    assert normalize(np.empty((0, 4))).shape == (0, 4)
    assert pair_similarity(rows, np.empty((0, 2))).shape == (0,)
    assert list(blocks(np.empty((0, 4)))) == []


def test_refuses() -> None:
    with pytest.raises(InputError, match="no row of length zero, got 1 of 2"):
        normalize([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(InputError, match="vectors must be finite"):
        normalize([[np.nan, 1.0]])
    with pytest.raises(ShapeError, match="vectors must have shape"):
        normalize([1.0, 2.0])
    with pytest.raises(InputError, match=r"index must lie in 0..1, got 0..2"):
        pair_similarity(np.eye(2), [[0, 2]])
    with pytest.raises(ShapeError, match="index must have shape"):
        pair_similarity(np.eye(2), [[0, 1, 1]])
