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


def test_an_empty_seat_is_not_a_covered_lens(data):
    with open_video(data / "video" / "carphone.mp4") as video:
        frame = next(video)
    usual = light_of(frame.image)
    assert state_of(frame, 0, usual=usual) == "no_face"
    assert state_of(frame, 1, usual=usual) == "ok"
