"""Two domains of one score, against resampling in a loop, and verdicts that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError
from fiqa.functional.domains import (
    ENOUGH,
    MEASURES,
    RATIO_LEAST,
    domain_gap,
    judged,
    shrunk,
    unit_histograms,
)
from fiqa.functional.spread import spread

pytestmark = pytest.mark.numeric


def scores(seed: int, mean: float, sd: float, people: int = 60, images: int = 8):
    """Scores of people whose own levels differ, and who is on each."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, sd / 2, people)[:, None]
    value = np.clip(mean + own + rng.normal(0, sd, (people, images)), 0, 1)
    return value.ravel(), np.repeat(np.arange(people), images)


def gap_of(first, second, **how):
    sides = [unit_histograms(value, who, (0.0, 1.0)) for value, who in (first, second)]
    return judged([domain_gap(*sides, draws=200, **how)])[0]


def test_histograms_are_those_of_each_unit(rng) -> None:
    value, who = rng.random(500), rng.integers(0, 7, 500)
    found = unit_histograms(value, who, (0.2, 0.8))
    for k, row in enumerate(found):
        own = np.clip(value[who == k], 0.2, 0.8)
        assert row.tolist() == np.histogram(own, 100, (0.2, 0.8))[0].tolist()
    assert unit_histograms([], [], (0, 1)).shape == (0, 100)


def test_spread_and_intervals_are_those_of_people_drawn_one_by_one() -> None:
    (a, who), b = scores(1, 0.5, 0.15), scores(2, 0.4, 0.08)
    found = gap_of((a, who), b)
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(400):
        rows = [np.flatnonzero(who == k) for k in rng.integers(0, 60, 60)]
        wide = spread(a[np.concatenate(rows)])
        drawn.append((wide.q90_q10, wide.std, wide.entropy))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    wide = spread(a)
    assert found.before == pytest.approx((wide.q90_q10, wide.std, wide.entropy), abs=0.01)
    # two sets of resamples, and bins of .01: the ends agree, not their last digits
    assert found.before_low == pytest.approx(low, abs=0.03)
    assert found.before_high == pytest.approx(high, abs=0.03)
    assert found.shift == pytest.approx(b[0].mean() - a.mean(), abs=0.005)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict"),
    [
        (0.5, 0.15, "alike"),
        (0.3, 0.15, "shifted"),
        (0.5, 0.04, "collapsed"),
        (0.3, 0.04, "collapsed"),
    ],
)
def test_verdicts_of_what_is_known(mean: float, sd: float, verdict: str) -> None:
    found = gap_of(scores(1, 0.5, 0.15), scores(2, mean, sd))
    assert found.verdict == verdict
    assert found.bounds is not None
    assert (len(shrunk(found.bounds)) >= 2) == (verdict == "collapsed")


def test_a_wider_set_is_never_collapsed_and_the_ratio_is_of_the_first() -> None:
    narrow, wide = scores(1, 0.5, 0.04), scores(2, 0.5, 0.15)
    there, back = gap_of(narrow, wide), gap_of(wide, narrow)
    assert (there.verdict, back.verdict) == ("shifted", "collapsed")
    assert there.ratios is not None
    assert back.ratios is not None
    assert there.ratios == pytest.approx([1 / ratio for ratio in back.ratios])
    assert there.shift == pytest.approx(-back.shift)


def test_units_fail_together() -> None:
    """The same scores with more people behind them say more: intervals are narrower."""
    value, who = scores(3, 0.5, 0.1, people=40, images=20)
    other = scores(4, 0.5, 0.1)
    few, many = (gap_of(other, (value, units)) for units in (who, np.arange(len(value))))
    width = [np.subtract(found.high, found.low) for found in (few, many)]
    assert np.all(width[0] > width[1])
    assert few.spread == many.spread


def test_too_few_units_or_a_constant_reference_say_nothing() -> None:
    enough, few = scores(1, 0.5, 0.1), scores(2, 0.5, 0.1, people=ENOUGH - 1)
    assert gap_of(enough, few).verdict == gap_of(few, enough).verdict == "not enough"
    assert gap_of(enough, scores(2, 0.5, 0.1, people=ENOUGH)).verdict != "not enough"
    one = gap_of(enough, scores(2, 0.5, 0.1, people=1))
    assert np.isnan(one.low).all()
    assert one.drift is None
    constant = (np.full(80, 0.51), np.repeat(np.arange(40), 2))
    found = gap_of(constant, enough)
    assert (found.verdict, found.ratios) == ("not enough", None)
    assert gap_of(enough, constant).verdict == "collapsed"
    with pytest.raises(EvidenceError, match="need a score in each, got a set without any"):
        domain_gap(np.zeros((0, 100)), np.ones((30, 100)))


def test_p_is_adjusted_for_all_that_are_judged_together() -> None:
    gap = gap_of(scores(1, 0.5, 0.15), scores(2, 0.45, 0.15))
    assert gap.drift is not None
    alone = judged([gap])[0].p
    among = judged([gap] * 5)[0].p
    assert alone is not None
    assert among is not None
    assert among >= alone
    barely = replace(gap, drift=replace(gap.drift, psi=5.0, p_psi=0.01, p_ks=0.01))
    assert judged([barely])[0].verdict == "shifted"
    sure = replace(barely, drift=replace(gap.drift, psi=0.09, p_psi=1e-9, p_ks=1e-9))
    assert judged([sure])[0].verdict == "alike", "a small drift is not reported, however sure"
    assert judged([]) == []
    with pytest.raises(InputError, match="level must be"):
        judged([gap], level=1.0)


def test_shrunk_is_strictly_below() -> None:
    assert shrunk([RATIO_LEAST] * len(MEASURES)) == []
    assert shrunk([RATIO_LEAST - 1e-9] * len(MEASURES)) == [0, 1, 2]
