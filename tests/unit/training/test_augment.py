"""Every option changes pixels, grey stays grey, and the draws depend on their key alone."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.faces.degrade import PRESETS
from fiqa.training.augment import augmented, degraded, generator, plan
from fiqa.training.config import Augment

pytestmark = pytest.mark.numeric

NONE = {"flip": 0.0, "color": 0.0, "blur": 0.0, "noise": 0.0}


@pytest.fixture
def crop(rng) -> np.ndarray:
    return rng.integers(40, 200, (112, 112, 3), dtype=np.uint8)


def test_without_options_nothing_changes(crop):
    assert np.array_equal(augmented(crop, Augment(**NONE), generator(1)), crop)


@pytest.mark.parametrize("name", ["flip", "color", "blur", "noise"])
def test_each_option_changes_the_crop_and_the_same_key_the_same_way(crop, name):
    how = Augment(**(NONE | {name: 1.0}))
    once = augmented(crop, how, generator(1, 2))
    assert once.shape == crop.shape
    assert once.dtype == np.uint8
    assert not np.array_equal(once, crop)
    assert np.array_equal(once, augmented(crop, how, generator(1, 2)))
    if name != "flip":
        assert not np.array_equal(once, augmented(crop, how, generator(1, 3)))
    else:
        assert np.array_equal(once, crop[:, ::-1])


def test_a_crop_without_color_keeps_none(crop):
    grey = np.repeat(crop[..., :1], 3, axis=2)
    for seed in range(5):
        out = augmented(grey, Augment(flip=0.5, color=1.0, blur=1.0, noise=1.0), generator(seed))
        assert np.array_equal(out[..., 0], out[..., 1])
        assert np.array_equal(out[..., 0], out[..., 2])
    assert np.array_equal(augmented(grey, Augment(**(NONE | {"color": 1.0})), generator(1)), grey)


def test_one_option_does_not_change_what_another_draws(crop):
    flipped = augmented(crop, Augment(**(NONE | {"flip": 0.5})), generator(7))
    both = augmented(crop, Augment(**(NONE | {"flip": 0.5, "noise": 1.0})), generator(7))
    assert np.abs(both.astype(int) - flipped).mean() < 8, "the same flip, then noise"


def test_probabilities_are_kept(crop):
    how = Augment(**(NONE | {"flip": 0.3}))
    share = np.mean(
        [not np.array_equal(augmented(crop, how, generator(i)), crop) for i in range(400)]
    )
    assert 0.22 < share < 0.38


def test_a_plan_is_drawn_as_often_as_asked_from_the_kinds_of_the_preset():
    for preset in PRESETS:
        plans = [plan(Augment(degrade=0.5, preset=preset), generator(i)) for i in range(300)]
        drawn = {name for steps in plans for name, _ in steps}
        assert drawn <= set(PRESETS[preset])
        assert len(drawn) > 8
        assert 0.2 < np.mean([bool(steps) for steps in plans]) < 0.5
        assert all(0 <= strength <= 1 for steps in plans for _, strength in steps)
    assert not any(plan(Augment(degrade=0.0), generator(i)) for i in range(50))


def test_a_plan_goes_on_crops_in_order(crop):
    dark = degraded(crop, (("low_light", 0.9),), seed=1)
    assert dark.mean() < crop.mean() / 2
    assert np.array_equal(dark, degraded(crop, (("low_light", 0.9),), seed=1))
    assert np.array_equal(degraded(crop, (), seed=1), crop)
