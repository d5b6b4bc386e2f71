"""Limits of a share of clustered pairs: against scipy's exact binomial, against simulation, and at
the ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.clustered import ClusteredShare, clustered_share, people_missing

pytestmark = pytest.mark.numeric


def test_pairs_that_fail_alone_are_nearly_a_plain_binomial() -> None:
    """One pair a person: the limits are Clopper and Pearson's, widened by Student's quantile
    only."""
    failed = np.zeros(2000)
    failed[:40] = 1
    share = clustered_share(failed, np.ones(2000))
    exact = stats.binomtest(40, 2000).proportion_ci(0.95, "exact")
    low, high = share.interval(0.95)
    assert share.value == 0.02
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=4e-4)
    assert low <= exact.low + 1e-9
    assert high >= exact.high - 1e-9


def test_the_variance_is_that_of_the_linearized_ratio() -> None:
    rng = np.random.default_rng(3)
    total = rng.integers(1, 30, 300).astype(float)
    failed = rng.binomial(total.astype(int), rng.beta(0.2, 4, 300)).astype(float)
    share = clustered_share(failed, total)
    ratio = failed.sum() / total.sum()
    residual = failed - ratio * total
    variance = 300 * residual.var(ddof=1) / total.sum() ** 2
    assert share.trials == pytest.approx(ratio * (1 - ratio) / variance)
    assert share.trials < total.sum()
    # The bootstrap of people sees the same spread.
    draws = rng.multinomial(300, np.ones(300) / 300, size=4000)
    spread = np.std((draws @ failed) / (draws @ total))
    assert np.sqrt(variance) == pytest.approx(spread, rel=0.1)


def test_pairs_that_fail_together_count_as_one() -> None:
    alone = clustered_share(np.r_[np.ones(40), np.zeros(1960)], np.ones(2000))
    together = clustered_share(np.r_[np.full(4, 10.0), np.zeros(196)], np.full(200, 10.0))
    assert alone.value == together.value
    assert together.trials == pytest.approx(200, rel=0.02)
    assert together.carriers == pytest.approx(4, rel=0.05)
    assert together.upper(0.9) > 1.5 * alone.upper(0.9)


def test_without_any_failure_people_count_and_not_pairs() -> None:
    share = clustered_share(np.zeros(50), np.full(50, 45.0))
    assert (share.value, share.trials) == (0.0, 50.0)
    # One kind of trial: t of one carrier leaves the fewest trials, which are the people.
    assert share.upper(0.9) == pytest.approx(1 - 0.1 ** (1 / 50))
    uneven = clustered_share(np.zeros(50), np.r_[2000.0, np.ones(49)])
    assert uneven.trials < 1.1
    assert uneven.upper(0.9) > 0.5


def test_a_limit_for_other_people_lies_above_that_of_the_population() -> None:
    share = clustered_share(np.r_[np.ones(5), np.zeros(95)], np.full(100, 4.0))
    assert share.value < share.upper(0.9) < share.upper(0.9, ahead=True)
    assert share.upper(0.8) < share.upper(0.9) < share.upper(0.99)


def test_a_limit_holds_as_often_as_it_says() -> None:
    """People whose pairs fail together: of 400 groups the limit holds for the truth in 90 % and for
    other 200 people in 85 % at least."""
    rng = np.random.default_rng(11)

    def group() -> ClusteredShare:
        total = rng.integers(1, 12, 200)
        return clustered_share(rng.binomial(total, rng.beta(0.3, 9, 200)), total)

    truth = 0.3 / 9.3
    groups = [(group(), group()) for _ in range(400)]
    holds = np.mean([one.upper(0.9) >= truth for one, _ in groups])
    ahead = np.mean([one.upper(0.9, ahead=True) >= other.value for one, other in groups])
    assert holds >= 0.87
    assert ahead >= 0.87
    assert ahead < 0.99, "nor is it so wide that it says nothing"


def test_times_is_what_so_many_more_people_give() -> None:
    failed, total = np.r_[np.full(3, 4.0), np.zeros(57)], np.full(60, 6.0)
    share = clustered_share(failed, total)
    more = clustered_share(np.tile(failed, 5), np.tile(total, 5))
    assert share.upper(0.9, ahead=True, times=5) == pytest.approx(
        more.upper(0.9, ahead=True), rel=0.02
    )


def test_the_people_missing_are_enough_and_not_far_too_many() -> None:
    failed, total = np.r_[np.full(3, 2.0), np.zeros(57)], np.full(60, 6.0)
    share = clustered_share(failed, total)
    missing = people_missing([share], 0.03, 0.9)
    assert missing is not None
    times = 1 + missing / 60
    assert (
        share.upper(0.9, ahead=True, times=times)
        <= 0.03
        < share.upper(0.9, ahead=True, times=times / 1.15)
    )
    assert people_missing([share], share.value, 0.9) is None, (
        "no number of people brings it below what it is"
    )
    assert people_missing([], 0.1, 0.9) is None


def test_pairs_of_two_people_spread_as_both_of_them_do() -> None:
    """One person who matches everybody: the FMR hangs on whether he is there."""
    n = 60
    i, j = np.triu_indices(n, 1)
    matched = i == 0
    ends = np.stack([i, j])
    total = np.bincount(ends.ravel(), minlength=n)
    one = clustered_share(np.bincount(ends[:, matched].ravel(), minlength=n), total, ends=2)
    spread = np.random.default_rng(0).permutation(matched)
    many = clustered_share(np.bincount(ends[:, spread].ravel(), minlength=n), total, ends=2)
    assert one.value == many.value == matched.mean()
    assert one.interval(0.95)[1] > 2 * many.interval(0.95)[1] - many.value
    assert one.trials < 70
    assert many.trials > 500


def test_the_ends_of_the_range() -> None:
    everyone = clustered_share([3, 3], [3, 3])
    assert everyone.value == 1.0
    assert everyone.upper(0.9) == 1.0
    assert everyone.interval(0.9)[0] > 0
    alike = clustered_share(np.full(20, 1.0), np.full(20, 2.0))
    assert alike.value == 0.5
    assert 0 < alike.interval(0.95)[0] < 0.5 < alike.interval(0.95)[1] < 1
    assert clustered_share([0, 1], [0, 4]).people == 1


def test_refuses_wrong_input() -> None:
    with pytest.raises(InputError, match=r"failed must be in 0\.\.total"):
        clustered_share([2], [1])
    with pytest.raises(InputError, match="ends must be 1 or 2, got 3"):
        clustered_share([0], [1], ends=3)
    with pytest.raises(ShapeError, match="failed must have shape"):
        clustered_share([0, 1], [1])
    with pytest.raises(EvidenceError, match="at least one pair, got none"):
        clustered_share([0, 0], [0, 0])
    with pytest.raises(InputError, match="level must be in"):
        clustered_share([0], [1]).interval(1.0)
