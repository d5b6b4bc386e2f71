"""A real film of a driver: all of its frames, by both readers."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fiqa.data.video import open_video
from fiqa.streams.states import light_of, state_of

PYAV = importlib.util.find_spec("av") is not None
needs_pyav = pytest.mark.skipif(not PYAV, reason="PyAV is not installed: pip install 'fiqa[video]'")
BACKENDS = ["opencv", pytest.param("pyav", marks=needs_pyav)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_frames_of_the_film_and_ascending_times(data, backend):
    with open_video(data / "video" / "carphone.mp4", backend=backend) as video:
        frames = list(video)
    assert len(frames) == video.frames == 120
    assert (video.width, video.height, video.rotation) == (176, 144, 0)
    times = np.array([frame.time for frame in frames])
    assert np.allclose(times, np.arange(120) * 1001 / 30000, atol=1e-6)
    assert not video.events
    assert {state_of(frame, 0) for frame in frames} == {"no_face"}


@needs_pyav
def test_both_readers_give_the_same_pictures(data):
    path = data / "video" / "carphone.mp4"
    with open_video(path, backend="pyav") as first, open_video(path) as second:
        for one, other in zip(first, second, strict=True):
            assert np.abs(one.image.astype(int) - other.image).mean() < 2


@needs_pyav
@pytest.mark.parametrize("distance", ["12", "30"])
@pytest.mark.parametrize("seed", range(2))
def test_sixty_damaged_spots_of_the_film(data, films, tmp_path, distance, seed):
    """The film forth and back, coded as a camera does, with a key frame every so many frames."""
    with open_video(data / "video" / "carphone.mp4") as video:
        there = [frame.image for frame in video]
    images, ticks = (there + there[::-1])[:180], list(range(0, 7200, 40))
    path = films.damaged(films.coded(tmp_path / "a.mp4", images, ticks, g=distance), 60, seed)
    with open_video(path, backend="pyav") as video:
        frames = list(video)
    assert len(frames) == 180
    assert sum(frame.image is not None for frame in frames) >= 170
    with open_video(path) as video:
        whole = list(video)
    assert len(whole) < 120, "whole-stream decoding stops at damage"


def test_an_empty_seat_is_not_a_covered_lens(data):
    with open_video(data / "video" / "carphone.mp4") as video:
        frame = next(video)
    usual = light_of(frame.image)
    assert state_of(frame, 0, usual=usual) == "no_face"
    assert state_of(frame, 1, usual=usual) == "ok"
