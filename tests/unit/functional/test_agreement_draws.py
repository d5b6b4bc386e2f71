"""Draws of people from sums per person, against people laid out row by row and measured again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import EvidenceError, InputError
from fiqa.functional import agreement
from fiqa.functional.agreement_draws import (
    drawn_errors,
    drawn_levels,
    drawn_order,
    drawn_spread,
    drawn_weights,
)
from fiqa.functional.spread import spread

pytestmark = pytest.mark.numeric


def people(rng, count=9, most=6):
    """Predictions, labels, levels and who: some people with one image, some with equal scores."""
    who = np.concatenate([np.full(int(rng.integers(1, most)), k) for k in range(count)])
    truth = rng.random(len(who))
    pred = np.clip(truth + 0.3 * rng.normal(size=len(who)), 0, 1).round(2)
    pred[who == 2] = 0.5
    return pred, truth, who


def laid_out(who, weight):
    """Rows of a draw, and who each is: a person taken twice is two people."""
    rows, names = [], []
    for person, times in enumerate(weight.astype(int)):
        for copy in range(times):
            own = np.flatnonzero(who == person)
            rows.append(own)
            names += [f"{person} {copy}"] * len(own)
    return np.concatenate(rows), np.array(names)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_every_draw_is_that_of_the_rows_laid_out(seed: int) -> None:
    pred, truth, who = people(np.random.default_rng(seed))
    level, true_level = (np.digitize(part, (0.3, 0.6, 0.8)) for part in (pred, truth))
    middle = (truth > 0.2) & (truth < 0.9)
    weights = drawn_weights(who, 6, 0.95, seed % 100)
    mae, rmse = drawn_errors(pred, truth, who, weights)
    balanced, f1 = drawn_levels(level, true_level, who, weights)
    wide = drawn_spread(pred, who, weights)
    order = drawn_order(agreement.spearman, pred, truth, who, weights)
    inner = drawn_order(agreement.kendall, pred, truth, who, weights, among=middle)
    for k, weight in enumerate(weights):
        rows, names = laid_out(who, weight)
        assert mae[k] == pytest.approx(agreement.mae(pred[rows], truth[rows]))
        assert rmse[k] == pytest.approx(agreement.rmse(pred[rows], truth[rows]))
        levels = level[rows], true_level[rows]
        assert balanced[k] == pytest.approx(agreement.balanced_accuracy(*levels))
        assert f1[k] == pytest.approx(agreement.macro_f1(*levels))
        slow = spread(pred[rows])
        assert wide[:, k] == pytest.approx((slow.q90_q10, slow.std, slow.entropy), abs=1e-9)
        for found, metric, keep in (
            (order[k], agreement.spearman, np.ones(len(rows), bool)),
            (inner[k], agreement.kendall, middle[rows]),
        ):
            try:
                expected = agreement.per_identity(
                    metric, pred[rows][keep], truth[rows][keep], names[keep]
                )[0]
            except EvidenceError:
                assert np.isnan(found)
            else:
                assert found == pytest.approx(expected)


def test_weights_take_as_many_people_as_there_are() -> None:
    weights = drawn_weights(["b", "a", "b", "c"], 50, 0.95, 1)
    assert weights.shape == (50, 3)
    assert np.all(weights.sum(axis=1) == 3)
    assert not np.array_equal(weights, drawn_weights(["b", "a", "b", "c"], 50, 0.95, 2))
    with pytest.raises(EvidenceError, match="at least 2 identities, got 1"):
        drawn_weights(["a", "a"], 5, 0.95, 0)


def test_a_score_outside_the_unit_is_refused() -> None:
    with pytest.raises(InputError, match="score must be"):
        drawn_spread([0.5, 1.5], ["a", "b"], np.ones((2, 2)))
