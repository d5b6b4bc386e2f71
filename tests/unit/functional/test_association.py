"""Overlap against painted boxes, and assignment against every permutation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.association import assignment, iou


def painted(box: np.ndarray) -> np.ndarray:
    canvas = np.zeros((40, 40), bool)
    x, y, width, height = box
    canvas[y : y + height, x : x + width] = True
    return canvas


def test_overlap_is_that_of_painted_boxes(rng: np.random.Generator) -> None:
    first, second = (
        np.concatenate([rng.integers(0, 20, (n, 2)), rng.integers(1, 20, (n, 2))], axis=1)
        for n in (6, 9)
    )
    overlap = iou(first, second)
    for i, a in enumerate(map(painted, first)):
        for j, b in enumerate(map(painted, second)):
            assert overlap[i, j] == pytest.approx((a & b).sum() / (a | b).sum())


def test_overlap_of_nothing() -> None:
    assert iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert iou([[0, 0, 1, 1]], []).shape == (1, 0)
    # no area, no overlap, and no division by zero
    assert iou([[3, 3, 0, 0]], [[3, 3, 0, 0]]).tolist() == [[0.0]]
    assert iou([[3, 3, -5, 2]], [[0, 0, 9, 9]]).tolist() == [[0.0]]
    with pytest.raises(ShapeError, match="first must have shape"):
        iou([[1, 2, 3]], [[0, 0, 1, 1]])
    with pytest.raises(InputError, match="second must be finite"):
        iou([[0, 0, 1, 1]], [[0, 0, np.nan, 1]])


def best_total(benefit: np.ndarray, least: float) -> float:
    """The largest sum over all one-to-one choices, pairs under `least` worth nothing."""
    worth = np.where(benefit >= least, benefit, 0.0)
    if worth.shape[0] > worth.shape[1]:
        worth = worth.T
    n, m = worth.shape
    return max(
        (sum(worth[i, j] for i, j in enumerate(order)) for order in permutations(range(m), n)),
        default=0.0,
    )


@pytest.mark.parametrize("seed", range(40))
def test_assignment_is_the_best_of_all_permutations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(0, 6, 2)
    boxes = [
        np.concatenate([rng.uniform(0, 30, (k, 2)), rng.uniform(5, 25, (k, 2))], axis=1)
        for k in (n, m)
    ]
    benefit = iou(*boxes)
    pairs = assignment(benefit, least=0.1)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert np.all(benefit[pairs[:, 0], pairs[:, 1]] >= 0.1)
    assert benefit[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(best_total(benefit, 0.1))


def test_a_pair_under_the_least_never_keeps_another_from_being_made() -> None:
    # with all pairs allowed, .19 + .19 would win over .3 alone
    assert assignment([[0.3, 0.19], [0.19, 0.0]], least=0.2).tolist() == [[0, 0]]
    with pytest.raises(InputError, match="least must be in"):
        assignment([[0.3]], least=0.0)
