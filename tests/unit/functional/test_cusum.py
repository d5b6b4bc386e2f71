"""Cumulative sums: the run length against published numbers and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fiqa.errors import EvidenceError, InputError
from fiqa.functional.cusum import (
    ALLOWANCE,
    allowance,
    cumulative,
    limit,
    normal_scores,
    run_length,
)


def simulated(rng, height: float, k: float, shift: float = 0.0, runs: int = 2000) -> float:
    """The mean number of normal scores until S > h."""
    sums, lengths, done = np.zeros(runs), np.zeros(runs), np.zeros(runs, bool)
    while not done.all():
        sums = np.maximum(0.0, sums + rng.normal(shift, 1.0, runs) - k)
        lengths += ~done
        done |= sums > height
    return float(lengths.mean())


@pytest.mark.parametrize(
    ("height", "shift", "exact"),
    [(4, 0.0, 335.4), (5, 0.0, 930.9), (4, 1.0, 8.38), (5, 1.0, 10.4), (5, 0.5, 38.0)],
)
def test_run_length_of_the_tables(height, shift, exact) -> None:
    """Lucas and Crosier (1982) and Montgomery's table of one- and two-sided charts, k = .5."""
    assert run_length(height, 0.5, shift) == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
    ("height", "k", "shift"), [(3.0, 0.5, 0.0), (3.0, 0.628, 0.0), (4, 0.5, 1)]
)
def test_run_length_is_that_of_simulation(rng, height, k, shift) -> None:
    assert simulated(rng, height, k, shift) == pytest.approx(run_length(height, k, shift), rel=0.1)


def test_the_limit_gives_the_wanted_run_length() -> None:
    for wanted in (2.0, 100.0, 1e5, 1e9):
        found = limit(wanted, 0.6)
        assert run_length(found, 0.6) == pytest.approx(max(wanted, run_length(0, 0.6)), rel=1e-6)
    assert limit(1e5, 0.5) > limit(1e4, 0.5) > limit(1e4, 0.8)
    assert run_length(1e6, 0.5) == math.inf
    assert run_length(4, 0.5, 0.5) == pytest.approx(5.166**2)
    with pytest.raises(InputError, match="drives must be in"):
        limit(1.0, 0.5)
    with pytest.raises(InputError, match="limit must be in"):
        run_length(-1, 0.5)


def test_the_sum_by_hand() -> None:
    assert cumulative([1, 1, -3, 2], 0.5) == [0.5, 1.0, 0.0, 1.5]
    assert cumulative([1, 1], 0.5, start=2.0) == [2.5, 3.0]
    assert cumulative([], 0.5) == []


def test_the_allowance_shrinks_to_its_end() -> None:
    assert allowance(10**12) == pytest.approx(ALLOWANCE, abs=1e-5)
    assert allowance(100) == pytest.approx(0.5 + stats.norm.ppf(0.9) / 10)
    with pytest.raises(InputError, match="drives must be in"):
        allowance(0)


def test_normal_scores_have_mean_0_and_variance_at_most_1_whatever_the_ties(rng) -> None:
    smooth, tied = rng.exponential(size=200), np.where(rng.random(200) < 0.9, 0.0, rng.random(200))
    for known in (smooth, tied, np.round(smooth), np.zeros(50)):
        z = normal_scores(known, known)
        assert z.mean() == pytest.approx(0.0, abs=1e-9)
        assert z.var() <= 1.0
        # Jensen: no larger exponential moment than the normal's, so no shorter run length
        for theta in (0.5, 1.0, 1.5):
            assert np.exp(theta * z).mean() <= math.exp(theta**2 / 2)


def test_a_normal_score_is_the_mean_of_its_part_of_the_normal() -> None:
    known = [1.0, 2.0, 2.0, 3.0]
    middle = stats.norm.expect(lambda x: x, lb=stats.norm.ppf(0.25), ub=stats.norm.ppf(0.75))
    top = stats.norm.expect(lambda x: x, lb=stats.norm.ppf(0.75)) / 0.25
    z = normal_scores([2.0, 3.0, 99.0, -99.0], known)
    assert z.tolist() == pytest.approx([middle / 0.5, top, top, -top], abs=1e-6)
    between = normal_scores([1.5], known)[0]
    assert normal_scores([1.0], known)[0] < between < z[0]
    assert normal_scores([], known).shape == (0,)
    with pytest.raises(EvidenceError, match="at least one number, got 0"):
        normal_scores([1.0], [])
    with pytest.raises(InputError, match="must be finite"):
        normal_scores([np.nan], known)


def test_charts_of_normal_scores_alarm_no_more_often_than_promised(rng) -> None:
    """References of 100 drives, of a skewed number and of one that is mostly 0: with the widened
    allowance the run length is the promised one or longer in most of them."""
    promised = 60.0
    for draw in (
        lambda size: rng.exponential(size=size),
        lambda size: np.where(rng.random(size) < 0.8, 0.0, rng.random(size)),
    ):
        lengths = []
        for _ in range(60):
            k = allowance(100)
            height = limit(promised, k)
            path = cumulative(normal_scores(draw(2000), draw(100)), k)
            first = next((n for n, s in enumerate(path, 1) if s > height), 2000)
            lengths.append(first)
        assert np.mean(lengths) > 0.8 * promised
