"""The Python parts of recipes/cabin.sh, and the film that the demo and the cabin draw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.data.video import VideoFrame, open_video
from fiqa.streams.states import Lights


def photograph() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (30, 40, 3), np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


def test_a_drawn_film_is_covered_and_goes_dark(part: Any, tmp_path: Path) -> None:
    film = part("drawn_film")
    path = tmp_path / "film.mp4"
    film.write_film(path, film.drawn(photograph(), (320, 240), at=(40, 30)))
    lights, states = Lights(), Counter()
    with open_video(path) as video:
        for frame in video:
            states[lights.state_of(VideoFrame(*_four(frame), "ok"), 0)] += 1
    seconds = sum(length for _, length in film.ACTS)
    assert sum(states.values()) == pytest.approx(seconds * film.RATE, abs=2)
    # each for most of its act
    assert states["covered"] >= 0.8 * 1.5 * film.RATE
    assert states["too_dark"] >= 0.6 * 1.6 * film.RATE


def _four(frame: VideoFrame) -> tuple[Any, ...]:
    return frame.number, frame.pts, frame.time, frame.image


def test_the_same_seed_draws_the_same_film(part: Any) -> None:
    film = part("drawn_film")
    acts = (("plain", 0.2), ("blurred", 0.2))
    one, same = (list(film.drawn(photograph(), (160, 120), acts=acts, seed=1)) for _ in range(2))
    other = list(film.drawn(photograph(), (160, 120), acts=acts, seed=2))
    assert len(one) == 6
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_best_shots_get_the_people_that_are_on_them(part: Any, tmp_path: Path) -> None:
    cabin = part("cabin")
    rows = []
    for week in cabin.LIGHTS:
        (tmp_path / week).mkdir()
        name = f"car_{week}-1"
        frames = {
            "id": [f"{name}@0", f"{name}@1", "film@2"],
            "path": [f"best/{name}/1.png", "film.mp4", "film.mp4"],
            "status": ["ok", "not_kept", "no_face"],
            "track": [name, name, None],
            "identity": [""] * 3,
        }
        pl.DataFrame(frames).write_parquet(tmp_path / week / "frames.parquet")
        pl.DataFrame({"track": [name]}).write_parquet(tmp_path / week / "tracks.parquet")
        rows.append({"identity": "Anna", "track": f"{week}/{name}", "drive": name, "light": "noon"})
        rows.append({"identity": "Bert", "track": f"{week}/gone-1", "drive": "x", "light": "noon"})
    pl.DataFrame(rows).write_csv(tmp_path / "people.csv")
    cabin.faces(tmp_path)
    faces = pl.read_parquet(tmp_path / "faces.parquet")
    assert faces["id"].to_list() == ["car_weeks-1@0", "car_today-1@0"]
    assert set(faces["identity"]) == {"Anna"}
    assert faces["path"][0] == str((tmp_path / "weeks").resolve() / "best/car_weeks-1/1.png")
    # a film without a track is of nobody
    assert pl.read_csv(tmp_path / "weeks_people.csv")["track"].to_list() == ["weeks/car_weeks-1"]


def test_a_scene_has_room_for_the_face_to_move(part: Any) -> None:
    cabin = part("cabin")
    crop = np.full((112, 112, 3), 200, np.uint8)
    image = cabin.scene(crop, seed=0)
    assert image.shape[1] > cabin.SIZE[0]
    assert image.shape[0] > cabin.SIZE[1]
    assert (image == 200).all(axis=2).sum() >= cabin.FACE**2
