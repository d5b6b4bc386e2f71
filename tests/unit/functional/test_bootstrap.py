"""The weighted evaluation against one that really repeats the pairs; what the band and the paired
test say."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.bootstrap import bootstrap_band, paired_difference
from fiqa.functional.draws import GRID, OrderedPairs, identity_weights, mated_codes
from fiqa.functional.edc import discard_curve

pytestmark = pytest.mark.numeric

Sample = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int, people: int = 40, each: int = 12, *, levels: int = 0) -> Sample:
    """(similarity, mated, quality, identities (P,2)): quality predicts the mated similarity."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    same = np.r_[np.ones(len(who), bool), np.zeros(1500, bool)]
    identities = np.r_[
        np.stack([who, who], 1),
        np.stack([rng.integers(0, 20, 1500), rng.integers(20, 40, 1500)], 1),
    ]
    quality = rng.random((len(same), 2))
    if levels:
        quality = np.round(quality * levels)
    similarity = np.where(same, 0.2 + 0.5 * (quality / max(levels, 1)).min(axis=1), 0) + rng.normal(
        scale=0.15, size=len(same)
    )
    return similarity, same, quality, identities


@pytest.mark.parametrize("levels", [0, 5])
def test_weights_equal_repeated_pairs(levels: int) -> None:
    similarity, same, quality, identities = sample(0, levels=levels)
    curve = discard_curve(similarity, same, quality, fmr=0.01)
    code, count = mated_codes(identities, same)
    worst, failed = quality.min(axis=1)[same], similarity[same] <= curve.threshold
    ordered = OrderedPairs(worst, failed, code)
    for weight in identity_weights(count, 5, 0.95, 3):
        fnmr, areas = ordered.evaluate(weight)
        times = weight[code]
        repeated = np.repeat(np.arange(len(code)), times)
        # The same pairs written out as often as their identity was drawn, at the same threshold.
        again = discard_curve(
            np.r_[similarity[same][repeated], similarity[~same]],
            np.r_[np.ones(len(repeated), bool), np.zeros((~same).sum(), bool)],
            np.r_[quality[same][repeated], quality[~same]],
            fmr=0.01,
        )
        assert again.threshold == curve.threshold
        place = np.searchsorted(again.discard, GRID, side="right") - 1
        np.testing.assert_allclose(fnmr, again.fnmr[place], atol=1e-12)
        np.testing.assert_allclose(areas[1:], [again.area(g) for g in GRID[1:]], atol=1e-12)


def test_band_holds_the_curve_and_narrows_with_more_people() -> None:
    few, many = (bootstrap_band(*sample(1, people=n), fmr=0.01) for n in (40, 400))
    for band in (few, many):
        assert band.curve.band is not None
        assert band.curve.band.shape == (2, len(band.curve))
        inside = (band.curve.band[0] <= band.curve.fnmr + 1e-12) & (
            band.curve.fnmr <= band.curve.band[1] + 1e-12
        )
        assert inside[band.curve.discard < 0.9].mean() > 0.95
    a, b = few.area(0.3, normalize="start"), many.area(0.3, normalize="start")
    assert a.low < a.value < a.high
    assert b.low < b.value < b.high
    assert b.high - b.low < 0.6 * (a.high - a.low)
    assert a.value == few.curve.area(0.3, normalize="start")


def test_people_not_pairs_are_resampled() -> None:
    """The pairs of one person fail together: the band must be as wide as for the persons alone, not
    for their many pairs."""
    people, each = 50, 40
    who = np.repeat(np.arange(people), each)
    similarity = np.r_[np.where(who < 10, 0.0, 0.9), np.full(200, 0.1)]
    same = np.r_[np.ones(len(who), bool), np.zeros(200, bool)]
    identities = np.r_[np.stack([who, who], 1), np.zeros((200, 2), int)]
    band = bootstrap_band(
        similarity, same, np.ones((len(same), 2)), identities, fmr=0.01, draws=400
    )
    width = np.std(band.fnmr[:, 0])
    assert width == pytest.approx(np.sqrt(0.2 * 0.8 / people), rel=0.15)


def test_each_parameter_changes_the_band() -> None:
    data = sample(2)
    base = bootstrap_band(*data, fmr=0.01).area(0.3)
    assert bootstrap_band(*data, fmr=0.01).area(0.3) == base
    assert bootstrap_band(*data, fmr=0.01, seed=1).area(0.3) != base
    assert bootstrap_band(*data, fmr=0.05).area(0.3) != base
    wide = bootstrap_band(*data, fmr=0.01, level=0.5).area(0.3)
    assert wide.high - wide.low < base.high - base.low
    assert bootstrap_band(*data, fmr=0.01, draws=50).area(0.3).draws == 50
    other = bootstrap_band(*data, protocol="schlett2023", start_fnmr=0.1)
    assert other.curve.fnmr[0] == pytest.approx(0.1, abs=0.01)
    best = other.area(0.2, normalize="best")
    assert best.low < best.value < best.high


def test_paired_difference_sees_what_single_bands_cannot() -> None:
    similarity, same, quality, identities = sample(3, people=150)
    rng = np.random.default_rng(0)
    worse = quality + rng.normal(scale=0.25, size=quality.shape)
    result = paired_difference(similarity, same, quality, worse, identities, fmr=0.01)
    assert result.difference == pytest.approx(result.area_a - result.area_b)
    assert result.low < result.difference < result.high < 0
    assert result.p == pytest.approx(2 / 201)
    back = paired_difference(similarity, same, worse, quality, identities, fmr=0.01)
    assert (back.difference, back.low) == (
        pytest.approx(-result.difference),
        pytest.approx(-result.high),
    )
    nothing = paired_difference(
        similarity, same, rng.random(quality.shape), rng.random(quality.shape), identities, fmr=0.01
    )
    assert nothing.p > 0.05
    assert nothing.low < 0 < nothing.high
    same_thing = paired_difference(similarity, same, quality, 3 * quality, identities, fmr=0.01)
    assert (same_thing.difference, same_thing.p) == (0.0, 1.0)
    raw = paired_difference(
        similarity, same, quality, worse, identities, fmr=0.01, upto=0.6, normalize=None
    )
    assert raw.area_a != result.area_a


def test_a_start_without_errors_has_no_relative_interval() -> None:
    who = np.repeat(np.arange(40), 5)
    similarity = np.r_[np.where((who == 0), 0.0, 0.9), np.full(200, 0.1)]
    same = np.r_[np.ones(200, bool), np.zeros(200, bool)]
    identities = np.r_[np.stack([who, who], 1), np.zeros((200, 2), int)]
    band = bootstrap_band(similarity, same, np.ones((400, 2)), identities, fmr=0.01)
    interval = band.area(
        0.3, normalize="start"
    )  # one person in forty has errors: about 37 % of the draws have none
    assert interval.draws < 200
    empty = bootstrap_band(
        np.where(same, 0.9, similarity), same, np.ones((400, 2)), identities, fmr=0.01
    )
    with pytest.raises(EvidenceError, match="needs an error there, got none"):
        empty.area(0.3, normalize="start")


def test_refuses() -> None:
    similarity, same, quality, identities = sample(4)
    with pytest.raises(
        InputError, match="needs a protocol with a threshold fixed at discard 0, got 'magface'"
    ):
        bootstrap_band(similarity, same, quality, identities, fmr=0.01, protocol="magface")
    with pytest.raises(InputError, match="draws must be at least 2, got 1"):
        bootstrap_band(similarity, same, quality, identities, fmr=0.01, draws=1)
    with pytest.raises(InputError, match="level must be in"):
        bootstrap_band(similarity, same, quality, identities, fmr=0.01, level=1.0)
    with pytest.raises(ShapeError, match="identities must have shape"):
        bootstrap_band(similarity, same, quality, identities[:, 0], fmr=0.01)
    mixed = identities.copy()
    mixed[:3, 0] += 1
    with pytest.raises(InputError, match=r"of one identity, got 3 of 480 that are of two"):
        bootstrap_band(similarity, same, quality, mixed, fmr=0.01)
    with pytest.raises(EvidenceError, match="at least 2 identities, got 1"):
        bootstrap_band(similarity, same, quality, np.zeros_like(identities), fmr=0.01)


def test_refuses_an_interval_when_most_draws_have_no_error() -> None:
    from fiqa.functional.bootstrap import _interval

    with pytest.raises(EvidenceError, match=r"needs errors in most draws, got none in 3 of 4"):
        _interval(0.5, np.array([0.5, np.nan, np.nan, np.nan]), 0.95)
