"""The choice of best shots against a literal loop over the equation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.functional.best_shots import best_shots, most_spared, utility, within_floor


def literal(q: list[float], t: list[float], e: np.ndarray | None, k: int, gap: float) -> list[int]:
    """The equation, written down term by term."""
    chosen: list[int] = []
    while len(chosen) < k:
        best, most = None, 0.0
        for i in range(len(q)):
            if i in chosen or q[i] < max(q) - 0.15:
                continue
            like = max((0.0 if e is None else float(e[i] @ e[j]) for j in chosen), default=0.0)
            apart = min((abs(t[i] - t[j]) for j in chosen), default=math.inf)
            u = q[i] * (1 - 0.5 * max(0.0, (like - 0.5) / 0.5)) * min(1.0, apart / gap)
            if u > most + 1e-9:
                best, most = i, u
        if best is None:
            break
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("with_vectors", [False, True])
def test_as_the_equation_says(seed: int, with_vectors: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    # a grid of qualities: ties do occur
    q, t = np.round(rng.uniform(0.4, 0.8, n), 2), np.sort(rng.uniform(0, 4, n))
    e = rng.normal(size=(n, 4)).astype(np.float32) + 1 if with_vectors else None
    if e is not None:
        e /= np.linalg.norm(e, axis=1, keepdims=True)
    got = best_shots(q, t, k=3, gap=1.5, embeddings=e)
    assert got.tolist() == literal(q.tolist(), t.tolist(), e, 3, 1.5)


def test_likeness_halves_at_most_and_counts_from_a_half() -> None:
    angle = np.deg2rad([0, 0, 60, 90])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    worth = utility([0.8] * 4, [0, 9, 9, 9], [0], gap=1.0, embeddings=vectors)
    assert worth == pytest.approx([0.0, 0.4, 0.8, 0.8], abs=1e-6)


def test_a_shot_far_below_the_best_is_never_chosen() -> None:
    assert best_shots([0.9, 0.74, 0.76], [0, 50, 99], k=3, gap=1.0).tolist() == [0, 2]


def test_without_a_gap_time_does_not_matter() -> None:
    assert best_shots([0.9, 0.89, 0.88], [0, 0.01, 9], k=2, gap=0.0).tolist() == [0, 1]
    with pytest.raises(InputError, match="k must be at least 1"):
        best_shots([0.9], [0.0], k=0, gap=1.0)
    with pytest.raises(InputError, match="gap must be in"):
        best_shots([0.9], [0.0], k=1, gap=-1.0)


def test_what_is_spared() -> None:
    # too far below the best, before a double of a better one
    assert most_spared([0.9, 0.89, 0.5], [0, 0.1, 9], gap=1.0) == 2
    assert most_spared([0.9, 0.89, 0.8], [0, 0.1, 9], gap=1.0) == 1
    assert most_spared([0.9, 0.89, 0.8], [0, 5, 9], gap=1.0) == 2
    # of equals the later one
    assert most_spared([0.9, 0.9], [0, 9], gap=1.0) == 1
    with pytest.raises(InputError, match="at least one row"):
        most_spared([], [], gap=1.0)


def test_sparing_keeps_what_would_be_chosen(rng: np.random.Generator) -> None:
    """A store of 12 gives nearly the shots that all frames would give."""
    total, kept = [], []
    for _ in range(20):
        q, t = rng.uniform(0.4, 0.8, 200), np.arange(200) / 10
        rows: list[int] = []
        for i in range(200):
            rows.append(i)
            if len(rows) > 12:
                del rows[most_spared(q[rows], t[rows], gap=1.0)]
        everything = best_shots(q, t, k=3, gap=1.0)
        few = best_shots(q[rows], t[rows], k=3, gap=1.0)
        total.append(q[everything].mean())
        kept.append(q[rows][few].mean())
        assert rows[few[0]] == everything[0]
    assert np.mean(kept) > np.mean(total) - 0.01


def test_a_rise_does_not_push_all_else_out() -> None:
    """Each frame is better than the last: the last ones alone would be of one moment."""
    rows: list[int] = []
    q, t = 0.6 + np.arange(120) / 1000, np.arange(120) / 30
    for i in range(120):
        rows.append(i)
        if len(rows) > 4:
            del rows[most_spared(q[rows], t[rows], gap=2.0)]
    assert np.ptp(t[rows]) > 1.4


def test_floor_has_two_edges() -> None:
    open_, states = False, []
    for quality in (0.45, 0.5, 0.45, 0.39, 0.45):
        open_ = within_floor(quality, open_, (0.5, 0.4))
        states.append(open_)
    assert states == [False, True, True, False, False]
