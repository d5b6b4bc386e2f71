"""Discard curves against a slow loop per threshold, against hand-computed values, and at their
edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from fiqa.errors import EvidenceError, InputError, ShapeError, UnknownNameError
from fiqa.functional.curve import area, best_area, theoretical_best
from fiqa.functional.edc import (
    PROTOCOLS,
    comparison_threshold,
    discard_curve,
    false_match_curve,
    oracle_curve,
    pair_quality,
    random_curve,
)

pytestmark = pytest.mark.numeric

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample(
    seed: int, mated: int = 300, nonmated: int = 2000, *, levels: int | None = None
) -> Sample:
    """Pairs whose mated similarity grows with quality; `levels` makes quality and similarity
    coarse, so that ties abound."""
    rng = np.random.default_rng(seed)
    same = rng.permutation(np.arange(mated + nonmated) < mated)
    quality = rng.random((len(same), 2))
    similarity = np.where(same, 0.3 + 0.6 * quality.min(axis=1), 0.0) + rng.normal(
        scale=0.2, size=len(same)
    )
    if levels:
        quality, similarity = (
            np.round(quality * levels) / levels,
            np.round(similarity * levels) / levels,
        )
    return similarity, same, quality


def slow_iso(
    similarity: np.ndarray, same: np.ndarray, quality: np.ndarray, fmr: float
) -> tuple[Any, ...]:
    """The definition, one threshold at a time."""
    impostor = sorted(similarity[~same], reverse=True)
    threshold = impostor[round(fmr * len(impostor) * 1e6) // 10**6]
    worst, failed = quality.min(axis=1)[same], similarity[same] <= threshold
    points = []
    for q in sorted(set(worst)):
        keep = worst >= q
        points.append((1 - keep.mean(), failed[keep].mean(), keep.sum()))
    return threshold, np.array(points)


@pytest.mark.parametrize("levels", [None, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_iso_equals_the_loop_over_thresholds(seed: int, levels: int | None) -> None:
    data = sample(seed, levels=levels)
    threshold, points = slow_iso(*data, 0.01)
    curve = discard_curve(*data, fmr=0.01)
    assert curve.threshold == threshold
    np.testing.assert_allclose(curve.discard, points[:, 0], atol=1e-15)
    np.testing.assert_allclose(curve.fnmr, points[:, 1], atol=1e-15)
    np.testing.assert_array_equal(curve.kept, points[:, 2])
    assert curve.counts == {
        "mated": 300,
        "nonmated": 2000,
        "errors": round(points[0, 1] * 300),
        "resolvable_fmr": 1 / 2000,
    }
    assert curve.fnmr[0] > curve.fnmr[-1]
    assert (curve.protocol, curve.fmr) == ("iso", 0.01)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25
    ),
    st.lists(st.integers(0, 5), min_size=4, max_size=12),
)
def test_iso_equals_the_loop_on_small_tied_sets(
    mated: list[tuple[int, int, int]], other: list[int]
) -> None:
    similarity = np.array([m[0] for m in mated] + other, float)
    same = np.arange(len(similarity)) < len(mated)
    quality = np.array([m[1:] for m in mated] + [(0, 0)] * len(other), float)
    threshold, points = slow_iso(similarity, same, quality, 0.25)
    curve = discard_curve(similarity, same, quality, fmr=0.25)
    assert curve.threshold == threshold
    np.testing.assert_allclose(np.stack([curve.discard, curve.fnmr], 1), points[:, :2], atol=1e-15)
    assert 0 <= curve.area(0.7) <= 0.7


def test_k_is_not_lost_to_floating_point() -> None:
    similarity = np.arange(101.0)
    same = np.arange(101) == 100
    for fmr, count in ((0.29, 29), (0.57, 57), (0.07, 7)):  # 0.29 * 100 is 28.999999999999996
        assert discard_curve(similarity, same, np.ones((101, 2)), fmr=fmr).threshold == 99 - count
    one_in_thousand = np.append(np.arange(1000.0), 5000)
    curve = discard_curve(one_in_thousand, np.arange(1001) == 1000, np.ones((1001, 2)), fmr=1e-3)
    assert curve.threshold == 998


def test_order_of_pairs_and_of_a_pairs_images_do_not_matter() -> None:
    similarity, same, quality = sample(2, levels=9)
    first = discard_curve(similarity, same, quality, fmr=0.01)
    order = np.random.default_rng(0).permutation(len(same))
    second = discard_curve(similarity[order], same[order], quality[order][:, ::-1], fmr=0.01)
    np.testing.assert_array_equal(first.fnmr, second.fnmr)
    stretched = discard_curve(similarity, same, np.exp(3 * quality), fmr=0.01)
    np.testing.assert_array_equal(first.fnmr, stretched.fnmr)


def test_float32_input_compares_in_its_own_values() -> None:
    similarity, same, quality = (
        np.asarray(x, np.float32) if x.dtype.kind == "f" else x for x in sample(3)
    )
    curve = discard_curve(similarity, same, quality, fmr=0.01)
    wide = discard_curve(similarity.astype(np.float64), same, quality.astype(np.float64), fmr=0.01)
    assert curve.threshold == wide.threshold
    np.testing.assert_array_equal(curve.fnmr, wide.fnmr)


def test_all_of_one_quality_is_one_point() -> None:
    similarity, same, quality = sample(4)
    curve = discard_curve(similarity, same, np.ones_like(quality), fmr=0.01)
    assert (len(curve), curve.discard[0], curve.kept[0]) == (1, 0.0, 300)
    assert curve.area(0.3, normalize="start") == pytest.approx(1.0)


def test_one_and_two_mated_pairs() -> None:
    other = np.linspace(0, 0.5, 10)
    one = discard_curve(np.append(other, 0.1), np.arange(11) == 10, np.ones((11, 2)), fmr=0.1)
    assert (one.fnmr.tolist(), one.kept.tolist()) == ([1.0], [1])
    quality = np.ones((12, 2))
    quality[10, 0] = 0.2
    two = discard_curve(np.append(other, [0.1, 0.9]), np.arange(12) >= 10, quality, fmr=0.1)
    assert (two.discard.tolist(), two.fnmr.tolist(), two.kept.tolist()) == (
        [0.0, 0.5],
        [0.5, 0.0],
        [2, 1],
    )


def test_no_error_gives_a_curve_of_zeros_and_no_normalized_area() -> None:
    similarity = np.append(np.linspace(0, 0.5, 10), [0.8, 0.9])
    curve = discard_curve(similarity, np.arange(12) >= 10, np.ones((12, 2)), fmr=0.1)
    assert curve.fnmr.tolist() == [0.0]
    assert curve.area() == 0.0
    assert curve.area(normalize="best") == 0.0
    with pytest.raises(EvidenceError, match="needs an error there, got none"):
        curve.area(normalize="start")


# --- areas
# ------------------------------------------------------------------------------------------------


def hand_curve(protocol: str = "schlett2023") -> Any:
    return discard_curve(
        [0.0, 0.9, 0.1, 0.8],
        [True] * 4,
        np.array([[1, 9], [9, 2], [3, 9], [4, 4]]),
        protocol=protocol,
        start_fnmr=0.5,
    )


def test_step_area_by_hand() -> None:
    curve = hand_curve()
    assert curve.fnmr.tolist() == [0.5, 1 / 3, 0.5, 0.0]
    assert curve.area(0.6) == pytest.approx(0.25 * 0.5 + 0.25 / 3 + 0.1 * 0.5)
    assert curve.area(0.1) == pytest.approx(0.05)
    assert curve.area(1.0) == pytest.approx(0.25 * (0.5 + 1 / 3 + 0.5))
    assert curve.area(0.6, normalize="start") == pytest.approx(curve.area(0.6) / 0.3)
    assert curve.area(0.6, normalize="best") == pytest.approx(curve.area(0.6) - 0.125)


def test_area_is_the_integral_of_the_step_function() -> None:
    curve = discard_curve(*sample(5), fmr=0.01)
    grid = (np.arange(200_000) + 0.5) / 200_000 * 0.3
    value = curve.fnmr[np.searchsorted(curve.discard, grid, side="right") - 1]
    assert curve.area(0.3) == pytest.approx(value.mean() * 0.3, rel=1e-4)


def test_theoretical_best_forms_and_their_integrals() -> None:
    d = (np.arange(100_000) + 0.5) / 100_000 * 0.3
    for form in ("exact", "line"):
        assert best_area(0.05, 0.3, form) == pytest.approx(
            theoretical_best(0.05, d, form=form).mean() * 0.3, rel=1e-4
        )
        assert best_area(0.5, 0.2, form) == pytest.approx(
            theoretical_best(0.5, d[d < 0.2], form=form).mean() * 0.2, rel=1e-4
        )
    assert best_area(0.05, 0.3, "line") == pytest.approx(0.05**2 / 2, abs=1e-18)
    assert theoretical_best(0.1, 0.1) == 0.0
    assert theoretical_best(1.0, 1.0) == 0.0
    assert best_area(1.0, 1.0, "exact") == 1.0
    with pytest.raises(UnknownNameError, match="form"):
        theoretical_best(0.1, 0.1, form="straight")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"discard must lie in \[0, 1\]"):
        theoretical_best(0.1, [0.5, 1.5])
    with pytest.raises(InputError, match="e0 must be in"):
        theoretical_best(1.5, 0.1)


def test_oracle_meets_the_theoretical_best_and_random_discards_help_nobody() -> None:
    similarity, same, _ = sample(6, mated=4000)
    oracle = oracle_curve(similarity, same, fmr=0.01)
    e0 = oracle.fnmr[0]
    np.testing.assert_allclose(oracle.fnmr, theoretical_best(e0, oracle.discard), atol=1e-12)
    assert 0 <= oracle.area(0.3, normalize="best") < e0 / 1000
    index = np.random.default_rng(0).integers(0, 6000, (len(same), 2))
    random = random_curve(similarity, same, index, fmr=0.01)
    assert random.area(0.5, normalize="start") == pytest.approx(1.0, abs=0.1)
    assert random_curve(similarity, same, index, fmr=0.01, seed=1).area() != random.area()
    with pytest.raises(InputError, match="index must not be negative"):
        random_curve(similarity, same, index - 1, fmr=0.01)


@pytest.mark.parametrize("upto", [0.0, 1.01, math.nan])
def test_area_refuses_a_limit_outside_the_unit_interval(upto: float) -> None:
    with pytest.raises(InputError, match="upto must be in"):
        area(hand_curve(), upto)


def test_area_refuses_another_normalization() -> None:
    with pytest.raises(UnknownNameError, match="Unknown normalize 'begin'"):
        area(hand_curve(), 0.3, normalize="begin")  # type: ignore[arg-type]


# --- protocols
# ------------------------------------------------------------------------------------------------


def test_clib_is_the_iso_curve_under_another_name() -> None:
    iso, clib = (discard_curve(*sample(7), fmr=0.01, protocol=name) for name in ("iso", "clib"))
    np.testing.assert_array_equal(iso.fnmr, clib.fnmr)
    assert PROTOCOLS["clib"].printed == "start"
    assert clib.protocol == "clib"
    assert clib.area(0.3, normalize=PROTOCOLS["clib"].printed) == pytest.approx(
        iso.area(0.3) / (0.3 * iso.fnmr[0])
    )


@pytest.mark.parametrize("protocol", ["crfiqa", "magface"])
@pytest.mark.parametrize("levels", [None, 11])
def test_re_estimating_protocols_equal_a_slow_loop(protocol: str, levels: int | None) -> None:
    similarity, same, quality = sample(8, levels=levels)
    order = np.argsort(quality.min(axis=1), kind="stable")
    curve = discard_curve(similarity, same, quality, fmr=0.01, protocol=protocol)
    assert len(curve) == 20
    for k, u in enumerate(np.arange(0, 0.98, 0.05)):
        keep = order[int(u * len(order)) :]
        genuine, impostor = similarity[keep][same[keep]], similarity[keep][~same[keep]]
        if protocol == "magface":
            threshold = np.sort(impostor)[::-1][int(0.01 * (len(impostor) - 1))]
        else:
            every = np.unique(similarity[keep])
            threshold = every[np.argmin([abs(np.mean(impostor >= t) - 0.01) for t in every])]
        assert curve.discard[k] == pytest.approx(u)
        assert curve.kept[k] == len(genuine)
        assert curve.fnmr[k] == pytest.approx(np.mean(genuine <= threshold), abs=1e-15)
        if k == 0:
            assert curve.threshold == threshold
    between = np.interp(0.32, curve.discard, curve.fnmr)
    by_hand = trapezoid(np.append(curve.fnmr[:7], between), np.append(curve.discard[:7], 0.32))
    assert curve.area(0.32) == pytest.approx(by_hand)


def test_re_estimating_curve_ends_where_a_kind_of_pair_is_gone() -> None:
    quality = np.repeat(np.arange(1.0, 101)[:, None], 2, axis=1)
    curve = discard_curve(
        np.linspace(0, 1, 100), np.arange(100) < 50, quality, fmr=0.1, protocol="magface"
    )
    assert curve.discard[-1] == pytest.approx(0.45)
    assert np.isfinite(curve.fnmr).all()
    assert curve.area(0.9) > 0


def test_starting_error_counts_similarities_below_the_quantile() -> None:
    similarity = np.arange(21.0)  # the .05 quantile is exactly the second value, and is accepted
    curve = discard_curve(similarity, np.ones(21, bool), np.ones((21, 2)), protocol="schlett2023")
    assert curve.counts["errors"] == 1
    assert curve.fmr is None
    assert curve.counts["resolvable_fmr"] == math.inf
    more = discard_curve(
        similarity, np.ones(21, bool), np.ones((21, 2)), protocol="schlett2023", start_fnmr=0.5
    )
    assert more.counts["errors"] == 10


def test_comparison_threshold_is_that_of_the_curve() -> None:
    similarity, same, quality = sample(9)
    for name in PROTOCOLS:
        curve = discard_curve(similarity, same, quality, fmr=0.01, protocol=name)
        assert comparison_threshold(similarity, same, fmr=0.01, protocol=name) == curve.threshold
    for name in ("iso", "crfiqa", "magface"):
        with pytest.raises(
            EvidenceError, match="needs at least 1000 non-mated pairs, got 0: there is none"
        ):
            comparison_threshold([0.5], [True], protocol=name)


def test_false_match_curve_equals_the_loop() -> None:
    similarity, same, quality = sample(10, levels=20)
    curve = false_match_curve(similarity, same, quality, fmr=0.05)
    worst, matched = quality.min(axis=1)[~same], similarity[~same] > curve.threshold
    expected = [matched[worst >= q].mean() for q in np.unique(worst)]
    np.testing.assert_allclose(curve.fmr, expected, atol=1e-15)
    assert curve.fmr[0] <= 0.05
    assert curve.counts["errors"] == matched.sum()
    assert curve.area(0.3, normalize="start") == pytest.approx(
        curve.area(0.3) / (0.3 * curve.fmr[0])
    )


# --- refusals
# ------------------------------------------------------------------------------------------------


def test_refuses_an_fmr_that_the_pairs_cannot_resolve() -> None:
    data = sample(11, nonmated=999)
    for protocol in ("iso", "clib", "crfiqa", "magface"):
        with pytest.raises(
            EvidenceError,
            match=(
                r"FMR of 0.001 needs at least 1000 non-mated pairs, got 999: the lowest they"
                r" resolve is 0.001"
            ),
        ):
            discard_curve(*data, protocol=protocol)
    with pytest.raises(EvidenceError, match="got 0: there is none"):
        discard_curve([0.5], [True], [[1, 1]])


def test_refuses_pairs_without_mated_ones() -> None:
    with pytest.raises(EvidenceError, match="needs mated pairs, got none among 2"):
        discard_curve([0.1, 0.2], [False, False], np.ones((2, 2)), fmr=0.5)
    with pytest.raises(EvidenceError, match="got none among 0"):
        discard_curve([], [], np.empty((0, 2)))


def test_refuses_wrong_shapes_and_nan() -> None:
    with pytest.raises(ShapeError, match=r"quality must have shape \(P, 2\), got \(2,\)"):
        discard_curve([0.1, 0.2], [True, False], [0.1, 0.2])
    with pytest.raises(InputError, match=r"quality must have one row per similarity \(2\), got 3"):
        discard_curve([0.1, 0.2], [True, False], np.ones((3, 2)))
    with pytest.raises(ShapeError, match="mated must have shape"):
        discard_curve([0.1, 0.2], [True], np.ones((2, 2)))
    with pytest.raises(InputError, match="similarity must be finite"):
        discard_curve([0.1, math.nan], [True, False], np.ones((2, 2)))
    with pytest.raises(InputError, match="quality must be finite"):
        discard_curve([0.1, 0.2], [True, False], [[1, math.nan], [1, 1]])
    with pytest.raises(InputError, match="fmr must be in"):
        discard_curve(*sample(0), fmr=0.0)


def test_refuses_an_unknown_protocol_with_the_closest() -> None:
    with pytest.raises(
        UnknownNameError, match=r"(?s)Unknown protocol 'shlett2023'.*did you mean 'schlett2023'"
    ):
        discard_curve(*sample(0), protocol="shlett2023")


def test_refuses_a_starting_error_where_it_would_do_nothing() -> None:
    with pytest.raises(InputError, match="start_fnmr must be None under protocol 'iso'"):
        discard_curve(*sample(0), start_fnmr=0.1)
    with pytest.raises(InputError, match="start_fnmr must be in"):
        discard_curve(*sample(0), protocol="schlett2023", start_fnmr=0.0)


def test_pair_quality_is_the_lower() -> None:
    assert pair_quality([[3, 1], [2, 5]]).tolist() == [1, 2]
    assert pair_quality(np.empty((0, 2))).shape == (0,)
