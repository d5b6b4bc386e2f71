"""The rule of collapse on paper: which ratio counts, where the limits lie, what a calibration
cannot change."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.functional.calibration import Calibration
from fiqa.functional.collapse import LIMIT, Collapse, on_scale
from fiqa.functional.spread import Spread

pytestmark = pytest.mark.numeric


def _numbers(q90_q10: float, std: float) -> Spread:
    return Spread(q90_q10, std, 1.0, 100)


def test_the_lesser_ratio_counts() -> None:
    labels = _numbers(0.6, 0.2)
    assert Collapse(_numbers(0.3, 0.02), labels).ratio == pytest.approx(0.1)
    assert Collapse(_numbers(0.03, 0.1), labels).ratio == pytest.approx(0.05)
    assert Collapse(_numbers(0.03, 0.1), labels).collapsed, "outliers keep a standard deviation up"
    assert Collapse(_numbers(0.3, 0.019), labels).collapsed
    assert not Collapse(_numbers(0.3, 0.021), labels).collapsed


def test_a_measure_in_which_the_labels_do_not_differ_is_passed_over() -> None:
    assert Collapse(_numbers(0.0, 0.05), _numbers(0.0, 0.1)).ratio == pytest.approx(0.5)
    alike = Collapse(_numbers(0.4, 0.1), _numbers(0.0, 0.0))
    assert alike.ratio is None
    assert "the labels do not differ" in alike.line()


def test_without_labels_a_tenth_of_a_bin_is_collapsed_and_a_bin_is_narrow() -> None:
    for width, collapsed, narrow in (
        (0.0049, True, True),
        (0.0051, False, True),
        (0.0499, False, True),
        (0.0501, False, False),
    ):
        found = Collapse(_numbers(width, 0.1))
        assert (found.ratio, found.collapsed, found.narrow) == (None, collapsed, narrow)
    assert "labels" not in Collapse(_numbers(0.1, 0.1)).line()


@pytest.mark.parametrize("r", [0.05, 0.5])
def test_a_least_squares_guess_has_the_share_of_its_correlation(r: float) -> None:
    """Why the limit is one of r: the best guess of a label from what correlates with it by r is r
    times as wide."""
    rng = np.random.default_rng(0)
    label = rng.normal(size=20_000)
    seen = r * label + np.sqrt(1 - r**2) * rng.normal(size=20_000)
    slope = float(np.cov(seen, label)[0, 1] / seen.var())
    found = Collapse.of(slope * seen, label, (-6, 6))
    assert found.ratio == pytest.approx(r, abs=0.02)
    assert found.collapsed == (r < LIMIT)


def test_the_scale_is_that_of_the_labels_whatever_it_is() -> None:
    labels = np.linspace(0, 1, 101)
    score = 0.5 + 0.3 * (labels - 0.5)
    one = Collapse.of(score, labels, (0, 1))
    other = Collapse.of(20 + 30 * score, 20 + 30 * labels, (20, 50))
    assert other.ratio == pytest.approx(one.ratio) == pytest.approx(0.3)
    assert other.score.entropy == pytest.approx(one.score.entropy)


def test_a_calibration_hides_what_the_rule_sees() -> None:
    rng = np.random.default_rng(1)
    raw = 0.5 + 0.0003 * rng.normal(size=500)
    calibrated = Calibration(x0=0.5, w=0.00022).unit(raw)
    labels = rng.random(500)
    assert Collapse.of(calibrated, labels, (0, 1)).ratio > 0.5
    assert Collapse.of(raw, labels, (0, 1)).ratio < 0.002
    assert Collapse.of(raw, labels, (0, 1)).score.entropy < 0.7


def test_on_scale_clips_and_refuses() -> None:
    assert on_scale([-1.0, 0.0, 2.0, 9.0], (0, 4)).tolist() == [0.0, 0.0, 0.5, 1.0]
    with pytest.raises(InputError, match="the ends of a scale must ascend, got 1 and 1"):
        on_scale([1.0], (1, 1))
    with pytest.raises(InputError, match="values must be finite"):
        on_scale([np.nan], (0, 1))
