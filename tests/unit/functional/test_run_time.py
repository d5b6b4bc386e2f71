"""Run times against slow loops, and what has no ratio."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.run_time import image_times, run_time

pytestmark = pytest.mark.numeric


def test_each_image_has_the_median_of_its_rounds() -> None:
    rng = np.random.default_rng(0)
    image = rng.choice(["p/1", "p/2", "p/10"], 40)
    took = rng.random(40) + 0.1
    names, middle = image_times(image, took)
    assert names.tolist() == sorted(set(image.tolist()))
    for name, value in zip(names.tolist(), middle.tolist(), strict=True):
        own = [float(t) for i, t in zip(image, took, strict=True) if i == name]
        assert value == pytest.approx(statistics.median(own))
    assert image_times([], [])[1].shape == (0,)


def test_intervals_are_those_of_a_loop_over_draws() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(12) + 1, rng.random(12) + 0.2
    found = run_time(before, after, draws=300, level=0.9, seed=4)
    other = np.random.default_rng(4)
    drawn = []
    for _ in range(300):
        rows = [int(k) for k in other.integers(0, 12, 12)]
        a, b = (statistics.fmean(float(v[k]) for k in rows) for v in (before, after))
        drawn.append((a, b, a / b))
    for place, ends in enumerate(found.ends):
        column = sorted(row[place] for row in drawn)
        # the quantile between two neighbors, written out
        for level, end in zip((0.05, 0.95), ends, strict=True):
            at = level * (len(column) - 1)
            low = math.floor(at)
            value = column[low] + (at - low) * (column[low + 1] - column[low])
            assert end == pytest.approx(value)
    assert found.before == pytest.approx(statistics.fmean(before.tolist()))
    assert found.after_std == pytest.approx(statistics.pstdev(after.tolist()))
    assert found.ends[2][0] < found.ratio < found.ends[2][1]
    again = run_time(before, after, draws=300, level=0.9, seed=5)
    wider = run_time(before, after, draws=300, level=0.99, seed=4)
    assert again.ends != found.ends
    assert wider.ends[2][0] < found.ends[2][0]


def test_the_ratio_is_of_the_same_images() -> None:
    before = np.linspace(1, 9, 20)
    found = run_time(before, before / 2, draws=100)
    assert found.ratio == pytest.approx(2)
    assert found.ends[2] == pytest.approx((2, 2)), "what both share is taken out"
    assert found.ends[0][1] - found.ends[0][0] > 1


def test_what_has_no_run_time() -> None:
    assert run_time([2.0], [4.0]).ratio == 0.5
    assert run_time([2.0], [4.0]).ends == ()
    with pytest.raises(EvidenceError, match="need at least 1 images, got 0"):
        run_time([], [])
    with pytest.raises(EvidenceError, match="need at least 2 images for intervals, got 1"):
        run_time([1.0], [1.0], draws=10)
    with pytest.raises(InputError, match="must be above 0, got 0"):
        run_time([1.0, 0.0], [1.0, 1.0])
    with pytest.raises(InputError, match="must be above 0, got -1"):
        image_times(["a"], [-1.0])
    with pytest.raises(InputError, match="after"):
        run_time([1.0], [math.nan])
    with pytest.raises(ShapeError, match="after"):
        run_time([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="draws must be at least 2, got 1"):
        run_time([1.0, 2.0], [1.0, 2.0], draws=1)
