"""The state of a frame: a covered lens, weak and strong light, and nobody there."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.data.video import VideoFrame
from fiqa.errors import InputError, ShapeError
from fiqa.streams.states import STATES, Light, LightLimits, Lights, light_of, state_of


def frame(image: np.ndarray | None, state: str = "ok") -> VideoFrame:
    return VideoFrame(0, None, 0.0, image, state)


def noisy(image: np.ndarray, rng: np.random.Generator, sigma: float = 4) -> np.ndarray:
    return np.clip(image + rng.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def cabin() -> np.ndarray:
    """A window, a seat and a door, without anybody."""
    image = np.full((180, 320, 3), 70, np.uint8)
    image[20:90, 30:150] = 210
    image[60:180, 180:300] = 30
    image[100:110] = 120
    return image


@pytest.fixture
def usual(cabin) -> Light:
    lights = Lights()
    for _ in range(5):
        lights.add(light_of(cabin), "ok")
    assert lights.usual is not None
    return lights.usual


def test_a_lens_that_is_covered_and_a_driver_who_is_gone(cabin, usual, rng):
    import cv2

    hand = noisy(cv2.GaussianBlur(cabin, (0, 0), 60) * 0.1 + 30, rng)
    tape = noisy(np.full_like(cabin, 12), rng)
    assert state_of(frame(hand), 0, usual=usual) == "covered"
    assert state_of(frame(tape), 0, usual=usual) == "covered"
    assert state_of(frame(noisy(cabin, rng)), 0, usual=usual) == "no_face"


def test_weak_and_strong_light(cabin, usual, rng):
    night = noisy(cabin * 0.15, rng)
    assert state_of(frame(night), 0, usual=usual) == "too_dark"
    assert state_of(frame(np.full_like(cabin, 254)), 0, usual=usual) == "too_bright"


def test_nothing_is_covered_that_was_never_seen(cabin):
    black = np.zeros_like(cabin)
    assert state_of(frame(black), 0) == "too_dark"
    assert state_of(frame(black), 0, usual=light_of(black)) == "too_dark"
    assert state_of(frame(np.full_like(cabin, 90)), 0) == "no_face"


def test_a_face_explains_itself_and_damage_comes_first(cabin):
    black = np.zeros_like(cabin)
    assert state_of(frame(black), 1) == "ok"
    assert state_of(frame(black, "damaged"), 1) == "damaged"
    assert state_of(frame(None), 0) == "damaged"
    with pytest.raises(InputError, match="faces_found"):
        state_of(frame(black), -1)


def test_light_against_numbers_by_hand():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 200
    # One of 79 columns of neighbors across differs, none of those down.
    assert light_of(image) == Light(0, 200, pytest.approx(200 * 40 / (79 * 40 + 39 * 80)))
    assert light_of(image.repeat(8, 0).repeat(8, 1)) == light_of(image)


def test_the_usual_light_forgets_and_leaves_covered_pictures_out():
    lights = Lights(most=3)
    assert lights.usual is None
    for value, state in ((1, "ok"), (10, "ok"), (20, "covered"), (30, "no_face"), (50, "too_dark")):
        lights.add(Light(value, value, value), state)
    assert lights.usual == Light(30, 30, 30)


def test_limits_are_the_callers(cabin):
    grey = frame(np.full_like(cabin, 90))
    assert state_of(grey, 0, limits=LightLimits(dark=100)) == "too_dark"
    assert state_of(grey, 0, limits=LightLimits(bright=80)) == "too_bright"
    with pytest.raises(InputError, match="dark"):
        LightLimits(dark=-1)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_another_shape_or_type_is_refused(image):
    with pytest.raises(ShapeError, match="uint8 RGB"):
        light_of(image)


def test_small_pictures_and_one_pixel():
    assert light_of(np.full((1, 1, 3), 9, np.uint8)) == Light(9, 9, 0)
    assert set(STATES) >= {"ok", "covered"}


def test_a_stream_that_is_covered_stays_covered_until_it_is_free(cabin, rng):
    lights = Lights(most=20)
    tape = noisy(np.full_like(cabin, 12), rng)
    film = [cabin] * 5 + [tape] * 50 + [cabin] * 2
    told = [lights.state_of(frame(image), 0) for image in film]
    assert told == ["no_face"] * 5 + ["covered"] * 50 + ["no_face"] * 2
    assert lights.state_of(frame(None), 0) == "damaged"
    assert lights.state_of(frame(cabin, "damaged"), 1) == "damaged"


def test_a_slow_dusk_is_dark_and_not_covered(cabin, rng):
    lights = Lights(most=20)
    gains = np.linspace(1, 0.01, 400)
    told = [lights.state_of(frame(noisy(cabin * gain, rng, 1)), 0) for gain in gains]
    assert told[0] == "no_face"
    assert told[-1] == "too_dark"
    assert "covered" not in told
