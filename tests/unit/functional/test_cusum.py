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


def test_the_limit_rises_with_the_run_length_and_ends_at_that_of_a_known_center() -> None:
    assert limit(1e5, 100) > limit(1e4, 100) > limit(1e3, 100) > 0
    known = limit(930.9, 10**9)
    assert known == limit(930.9, 1000), "more drives count as 1000"
    # a center and a spread that are nearly known: h is near the 5 of the tables
    assert 4.7 < known < 5.7
    assert limit(1e4, 50) == limit(1e4, 50)
    with pytest.raises(InputError, match="drives must be in"):
        limit(1.0, 100)
    with pytest.raises(InputError, match="reference must be in"):
        limit(100.0, 0)


def test_the_run_length_at_its_ends() -> None:
    assert run_length(1e6, 0.5) > 1e300
    assert run_length(4, 0.5, 0.5) == pytest.approx(5.166**2)
    with pytest.raises(InputError, match="limit must be in"):
        run_length(-1, 0.5)


def test_the_sum_by_hand() -> None:
    assert cumulative([1, 1, -3, 2], 0.5) == [0.5, 1.0, 0.0, 1.5]
    assert cumulative([1, 1], 0.5, start=2.0) == [2.5, 3.0]
    assert cumulative([], 0.5) == []


def test_the_allowance_shrinks_to_its_end() -> None:
    assert allowance(10**12) == allowance(1000) == pytest.approx(ALLOWANCE, abs=0.05)
    assert allowance(100) == pytest.approx(0.5 + stats.norm.ppf(0.9) / 10)
    with pytest.raises(InputError, match="reference must be in"):
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


def lengths_of_references(rng, promised: float, size: int, references: int, draw) -> list[float]:
    """The mean run length of the chart of each of so many references, from 200 runs each."""
    k, height, found = allowance(size), limit(promised, size), []
    for _ in range(references):
        known, sums = draw(size), np.zeros(200)
        steps, done = np.zeros(200), np.zeros(200, bool)
        for _ in range(int(10 * promised)):
            sums = np.maximum(0.0, sums + normal_scores(draw(200), known) - k)
            steps += ~done
            done |= sums > height
        # those that have not alarmed yet count by their time, as an exponential's would
        found.append(steps.sum() / max(1, done.sum()))
    return found


DRAWN = {
    "skewed": lambda rng: lambda size: rng.exponential(size=size),
    "mostly 0": lambda rng: lambda size: np.where(rng.random(size) < 0.8, 0.0, rng.random(size)),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_most_references_keep_the_promised_run_length(rng, kind) -> None:
    """Nine of ten are promised: of 30, fewer than 22 have a chance of 1 in 700."""
    found = lengths_of_references(rng, 40.0, 100, 30, DRAWN[kind](rng))
    assert np.count_nonzero(np.array(found) >= 0.9 * 40.0) >= 22


@pytest.mark.slow
def test_nine_of_ten_references_keep_a_longer_promise(rng) -> None:
    found = lengths_of_references(rng, 300.0, 100, 100, DRAWN["skewed"](rng))
    assert 0.8 <= np.mean(np.array(found) >= 300.0) <= 0.98
