"""Agreement against scipy and scikit-learn, with ties, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    mean_absolute_error,
    root_mean_squared_error,
)

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.agreement import (
    balanced_accuracy,
    kendall,
    macro_f1,
    mae,
    per_identity,
    rmse,
    spearman,
)

pytestmark = pytest.mark.numeric

rows = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40).map(
    lambda v: np.array(v, float)
)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_errors_and_orders_equal_their_oracles(values: np.ndarray) -> None:
    pred, target = values.T
    assert mae(pred, target) == pytest.approx(mean_absolute_error(target, pred), abs=1e-12)
    assert rmse(pred, target) == pytest.approx(root_mean_squared_error(target, pred), abs=1e-12)
    assert rmse(pred, target) >= mae(pred, target)
    if np.ptp(pred) and np.ptp(target):
        assert spearman(pred, target) == pytest.approx(spearmanr(pred, target).statistic, abs=1e-12)
        assert kendall(pred, target) == pytest.approx(kendalltau(pred, target).statistic, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(-10, 10))
def test_rmse_is_never_below_mae(values: list[float], shift: float) -> None:
    pred = np.array(values)
    assert rmse(pred, pred + shift) >= mae(pred, pred + shift)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_levels_equal_scikit_learn(values: np.ndarray) -> None:
    pred, target = values.astype(int).T
    # scikit-learn warns of levels that are only predicted, and of a single level
    if np.isin(pred, target).all() and np.ptp(target):
        assert balanced_accuracy(pred, target) == pytest.approx(
            balanced_accuracy_score(target, pred)
        )
    assert macro_f1(pred, target) == pytest.approx(
        f1_score(target, pred, average="macro", zero_division=0)
    )


def test_levels_by_hand_with_a_level_that_is_only_predicted() -> None:
    assert balanced_accuracy([2, 1, 1], [0, 1, 1]) == 0.5
    assert macro_f1([2, 1, 1], [0, 1, 1]) == pytest.approx(1 / 3)
    assert balanced_accuracy(["good", "low"], ["good", "low"]) == 1.0


def test_tau_b_corrects_for_ties() -> None:
    assert kendall([1, 1, 2, 3], [1, 2, 2, 3]) == pytest.approx(4 / 5)


def test_per_identity_averages_and_counts() -> None:
    pred = [1, 2, 3, 3, 2, 1, 5, 7, 7, 1, 2]
    target = [1, 2, 3, 1, 2, 3, 5, 1, 2, 4, 4]
    who = (
        ["a"] * 3 + ["b"] * 3 + ["c"] + ["d"] * 2 + ["e"] * 2
    )  # c has one image, d and e are constant on one side
    mean, used, skipped = per_identity(spearman, pred, target, who)
    assert mean == pytest.approx(0.0, abs=1e-12)  # +1 of a and -1 of b
    assert (used, skipped) == (2, 3)
    assert per_identity(mae, pred, target, who)[0] == pytest.approx((0 + 4 / 3) / 2)
    shuffled = np.random.default_rng(0).permutation(11)
    again = per_identity(
        spearman, np.array(pred)[shuffled], np.array(target)[shuffled], np.array(who)[shuffled]
    )
    assert again == (pytest.approx(mean, abs=1e-12), used, skipped)


def test_per_identity_refuses_when_nobody_can_be_used() -> None:
    with pytest.raises(EvidenceError, match="all 3 have fewer or are constant"):
        per_identity(spearman, [1, 2, 3], [1, 2, 3], ["a", "b", "c"])


@pytest.mark.parametrize("metric", [spearman, kendall])
def test_orders_refuse_constants_and_single_rows(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(
        EvidenceError, match=r"needs values that differ, but pred is 1.0 in all 3 rows"
    ):
        metric([1, 1, 1], [1, 2, 3])
    with pytest.raises(EvidenceError, match=r"but target is 2\.0"):
        metric([1, 2], [2, 2])
    for n in (0, 1):
        with pytest.raises(EvidenceError, match=f"at least 2 rows, got {n}"):
            metric(np.ones(n), np.ones(n))
    assert metric([1, 2], [5, 3]) == pytest.approx(-1)


def test_errors_refuse_nothing_nan_and_other_shapes() -> None:
    with pytest.raises(EvidenceError, match="at least 1 rows, got 0"):
        mae([], [])
    with pytest.raises(InputError, match="target must be finite"):
        rmse([1.0], [np.nan])
    with pytest.raises(ShapeError, match=r"target must have shape \(2,\), got \(1,\)"):
        mae([1.0, 2.0], [1.0])
    with pytest.raises(EvidenceError, match="levels needs at least 1 row"):
        macro_f1([], [])
    with pytest.raises(ShapeError, match="target_levels must have shape"):
        balanced_accuracy([1, 2], [1])


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    from fiqa.functional.agreement import cohen_kappa

    rng = np.random.default_rng(seed)
    first = rng.integers(0, 5, 40)
    second = np.where(rng.random(40) < 0.6, first, rng.integers(0, 5, 40))
    expected = cohen_kappa_score(first, second)
    assert cohen_kappa(first.tolist(), second.tolist()) == pytest.approx(expected)


def test_kappa_of_one_answer_everywhere_cannot_be_told() -> None:
    from fiqa.functional.agreement import cohen_kappa

    with pytest.raises(EvidenceError):
        cohen_kappa([], [])
    with pytest.raises(EvidenceError):
        cohen_kappa([1, 1], [1, 1])
    with pytest.raises(InputError):
        cohen_kappa([1], [1, 2])
    assert cohen_kappa([1, 2], [2, 1]) == -1.0
