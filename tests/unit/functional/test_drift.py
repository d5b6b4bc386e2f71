"""Drift and spread of histograms of drives, against scipy, spread() and numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.drift import (
    BINS,
    benjamini_yekutieli,
    deciles,
    drift,
    histogram,
    ks,
    needed_draws,
    psi,
    spread_ratios,
    spreads,
)
from fiqa.functional.spread import spread


def drives(rng: np.random.Generator, count: int, frames: int = 40, mean: float = 0.5, sd=0.15):
    """Histograms of drives of independent frames."""
    values = rng.normal(mean, sd, (count, frames))
    return np.stack([histogram(row, 0.0, 1.0) for row in values])


def test_psi_by_hand() -> None:
    # (10.5, 10.5)/21 against (15.5, 5.5)/21
    p, q = 10.5 / 21, (15.5 / 21, 5.5 / 21)
    wanted = sum((b - p) * math.log(b / p) for b in q)
    assert float(psi([10, 10], [15, 5])) == pytest.approx(wanted)
    assert float(psi([3, 4], [3, 4])) == 0.0
    assert math.isfinite(float(psi([0, 8], [8, 0]))), "half a count keeps an empty bin finite"
    assert psi([[1, 2], [3, 4]], [[1, 2], [4, 3]]).shape == (2,)


def test_ks_is_scipys_where_each_bin_holds_one_value(rng) -> None:
    a, b = rng.integers(0, BINS, 300), rng.integers(20, BINS, 200)
    counts = [np.bincount(values, minlength=BINS) for values in (a, b)]
    assert float(ks(*counts)) == pytest.approx(stats.ks_2samp(a, b).statistic)


def test_histogram_is_numpys_inside_and_keeps_what_lies_beyond(rng) -> None:
    values = rng.random(1000)
    wanted = np.histogram(values, BINS, (0.0, 1.0))[0]
    assert histogram(values, 0.0, 1.0).tolist() == wanted.tolist()
    counts = histogram([-9.0, 0.0, 1.0, 9.0], 0.0, 1.0)
    assert (counts[0], counts[-1], counts.sum()) == (2, 2, 4)
    assert histogram([], 0.0, 1.0).sum() == 0
    with pytest.raises(InputError, match="must be finite, got 1 NaN"):
        histogram([np.nan], 0.0, 1.0)
    with pytest.raises(InputError, match=r"must ascend, got 1\.0 and 1\.0"):
        histogram([0.5], 1.0, 1.0)


def test_deciles_hold_a_tenth_each_where_the_bins_allow() -> None:
    counts = np.arange(1, BINS + 1)
    shares = np.add.reduceat(counts, deciles(counts)) / counts.sum()
    assert len(shares) == 10
    assert np.abs(shares - 0.1).max() < 0.02
    one = np.zeros(BINS)
    one[40] = 7
    assert np.add.reduceat(one, deciles(one)).sum() == 7
    with pytest.raises(EvidenceError, match="at least one count, got 0"):
        deciles(np.zeros(BINS))


def test_the_spread_of_a_histogram_is_that_of_scores_in_the_middle_of_its_bins(rng) -> None:
    counts = rng.integers(0, 9, BINS)
    wanted = spread(np.repeat((np.arange(BINS) + 0.5) / BINS, counts))
    q90_q10, std, entropy = spreads(counts)
    assert std == pytest.approx(wanted.std)
    assert entropy == pytest.approx(wanted.entropy)
    assert q90_q10 == pytest.approx(wanted.q90_q10, abs=1 / BINS)
    both = spreads(np.stack([counts, counts[::-1]]))
    assert both[0].tolist() == pytest.approx(both[1].tolist())


def test_p_of_independent_frames_is_scipys(rng) -> None:
    """Drives of one frame each are independent scores, for which scipy has the exact p."""
    for gap in (0.0, 0.06, 0.12):
        a, b = rng.integers(0, BINS, 60), rng.integers(0, BINS, 50) + round(gap * BINS)
        b = np.minimum(b, BINS - 1)
        rows = [np.eye(BINS)[values] for values in (a, b)]
        found = drift(*rows, draws=4000, seed=3)
        wanted = stats.permutation_test(
            (a, b), lambda x, y: stats.ks_2samp(x, y).statistic, permutation_type="independent",
            alternative="greater", n_resamples=600, rng=np.random.default_rng(1),
        )  # fmt: skip
        assert found.ks == pytest.approx(stats.ks_2samp(a, b).statistic)
        assert found.p_ks == pytest.approx(wanted.pvalue, abs=0.06)
    assert found.draws == 4000


def test_p_counts_drives_and_not_frames(rng) -> None:
    """The same few drives with a hundred times the frames are no more sure."""
    few, many = drives(rng, 8), drives(rng, 8)
    once, often = (drift(few * k, many * k, draws=500, seed=1) for k in (1, 100))
    assert often.p_ks == pytest.approx(once.p_ks)
    pooled = stats.chi2_contingency(np.stack([(few * 100).sum(0), (many * 100).sum(0)]) + 1).pvalue
    assert pooled < 1e-6 < 0.01 < often.p_ks


def test_drift_is_found_and_repeats_by_seed(rng) -> None:
    before, now = drives(rng, 40), drives(rng, 30, mean=0.6)
    found = drift(before, now, draws=500, seed=5)
    assert found.psi > 0.1
    assert found.p_psi == found.p_ks == pytest.approx(1 / 501)
    assert drift(before, now, draws=500, seed=5) == found
    assert drift(before, drives(rng, 30), draws=500, seed=5).p_ks > 0.01


def test_drift_needs_drives() -> None:
    some = np.ones((2, BINS))
    with pytest.raises(EvidenceError, match="current must have drives"):
        drift(some, np.zeros((0, BINS)))
    with pytest.raises(EvidenceError, match="reference must have drives"):
        drift(some * [[1], [0]], some)
    with pytest.raises(ShapeError, match="must have shape"):
        drift(some[:, :9], some)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_adjusted_p_is_scipys(rng, count) -> None:
    p = rng.random(count) ** 3
    wanted = stats.false_discovery_control(p, method="by")
    assert benjamini_yekutieli(p).tolist() == pytest.approx(wanted.tolist())


def test_adjusted_p_of_nothing_and_of_no_p() -> None:
    assert benjamini_yekutieli([]).shape == (0,)
    with pytest.raises(InputError, match=r"must lie in 0\.\.1"):
        benjamini_yekutieli([1.5])


@pytest.mark.parametrize("tests", [1, 2, 30])
def test_the_needed_draws_let_the_smallest_p_count(tests) -> None:
    least = 1 / (needed_draws(tests, 0.95) + 1)
    p = np.ones(tests)
    p[0] = least
    assert benjamini_yekutieli(p)[0] <= 0.05
    assert needed_draws(0, 0.95) == 0


def test_ratios_of_a_squeeze_and_their_bounds(rng) -> None:
    before, now = drives(rng, 60, sd=0.15), drives(rng, 40, sd=0.15 * 0.7)
    ratios, bounds = spread_ratios(before, now, draws=400, seed=2)
    assert ratios[:2].tolist() == pytest.approx([0.7, 0.7], abs=0.06)
    assert np.all(bounds > ratios)
    assert np.all(bounds[:2] < 0.9)
    wider = spread_ratios(before, now, draws=400, level=0.999, seed=2)[1]
    assert np.all(wider > bounds)
    one = np.zeros((3, BINS))
    one[:, 4] = 5
    with pytest.raises(EvidenceError, match="more than one of 20 bins, got one"):
        spread_ratios(one, now)
    assert spread_ratios(before, one, draws=100)[1].max() < 0.05


def test_the_upper_bound_covers(rng) -> None:
    """In nine of ten samples at least, a bound of 95 % lies above the true ratio 1."""
    held = [
        spread_ratios(drives(rng, 40), drives(rng, 25), draws=200, seed=k)[1][:2] > 1.0
        for k in range(40)
    ]
    assert np.mean(held, axis=0).min() >= 0.85
