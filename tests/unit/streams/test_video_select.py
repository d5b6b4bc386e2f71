"""`fiqa select` on files of video: damage, uneven times, pictures that lie on their side."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build

needs_pyav = pytest.mark.skipif(
    importlib.util.find_spec("av") is None,
    reason="PyAV is not installed: pip install 'fiqa[video]'",
)
BACKENDS = ["opencv", pytest.param("pyav", marks=needs_pyav)]


@pytest.fixture(scope="session")
def files() -> ModuleType:
    """Makers of files of video: tests/films.py, loaded by path."""
    name = "film_files"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "films.py"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _frames(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "frames.parquet").unique("frame", maintain_order=True)


class Bright:
    """A detector that finds the one bright square, wherever it is."""

    name = "bright"

    def detect(self, image: Any) -> Any:
        from fiqa.faces.detection import Detection
        from fiqa.functional.geometry import TEMPLATE

        rows, columns = np.nonzero(image.max(axis=2) > 180)
        if len(rows) < 100:
            return []
        x, y = float(columns.min()), float(rows.min())
        side = float(max(np.ptp(columns), np.ptp(rows)) + 1)
        points = (TEMPLATE * side / 112).astype(np.float32) + np.float32([x, y])
        return [Detection(np.array([x, y, side, side], np.float32), points, 0.9)]


def _square(count: int, noise: int = 1) -> list[Any]:
    """Pictures in which a bright square moves slowly to the right."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        image = 60 + rng.integers(0, noise, (120, 160, 3), dtype=np.uint8)
        x = 20 + number // 2
        image[40:80, x : x + 40] = 220
        image[40:60, x : x + 20] = (220, 30, 30)
        made.append(image)
    return made


@needs_pyav
@pytest.mark.parametrize("distance", ["12", pytest.param("30", marks=pytest.mark.slow)])
def test_sixty_damaged_spots_lose_few_frames(
    files: ModuleType, tmp_path: Path, distance: str
) -> None:
    """Every frame keeps its place in time, at least 170 of 180 have a picture, and those between a
    damaged one and the next key frame say so."""
    from fiqa.data.video import open_video

    ticks = list(range(0, 7200, 40))
    # With the noise of a camera: a coded frame of a few bytes is gone with any of them.
    path = files.coded(tmp_path / "a.mp4", _square(180, noise=40), ticks, g=distance)
    files.damaged(path, 60)
    out = tmp_path / "out"
    words = ["select", str(path), "--backend", "pyav", "--detector", "none", "-o", str(out), "-q"]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 3, done.output
    rows = _frames(out)
    assert rows["frame"].to_list() == list(range(180))
    assert np.allclose(rows["time_s"].to_numpy(), np.arange(180) / 25, atol=1e-3)
    with open_video(path, backend="pyav") as video:
        frames = list(video)
    assert sum(frame.image is not None for frame in frames) >= 170
    damaged = [frame.number for frame in frames if frame.state == "damaged"]
    assert rows.filter(pl.col("state") == "damaged")["frame"].to_list() == damaged
    assert 60 <= len(damaged) < 180
    events = pl.read_csv(out / "events.csv")
    assert {"damaged_frame"} <= set(events["kind"])


@needs_pyav
def test_one_damaged_spot_costs_the_rest_of_its_group_alone(
    files: ModuleType, tmp_path: Path
) -> None:
    """As cameras write: a key frame every 15 frames; the face is followed over the damage."""
    ticks = list(range(0, 7200, 40))
    options = {"g": "15", "bf": "0", "sc_threshold": "0", "keyint_min": "15"}
    path = files.coded(tmp_path / "a.mp4", _square(180, noise=40), ticks, **options)
    place, size = files.packets(path)[65]
    data = bytearray(path.read_bytes())
    data[place + 4 : place + size] = bytes(size - 4)
    path.write_bytes(data)
    (track,) = fiqa.select(path, backend="pyav", detector=Bright(), out=tmp_path / "out")
    rows = _frames(tmp_path / "out")
    damaged = rows.filter(pl.col("state") == "damaged")["frame"].to_list()
    assert damaged == list(range(65, 75))
    assert all(shot.frame not in damaged for shot in track.best)
    assert track.frames[-1] >= 170


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_is_what_the_file_says(files: ModuleType, tmp_path: Path, backend: str) -> None:
    ticks = np.random.default_rng(1).integers(10, 90, 40).tolist()
    path = files.with_times(files.write(tmp_path / "a.mp4", _square(40)), ticks)
    out = tmp_path / "out"
    fiqa.select(path, backend=backend, detector=Bright(), out=out)
    want = np.concatenate([[0], np.cumsum(ticks)[:-1]]) / 1000
    assert np.abs(_frames(out)["time_s"].to_numpy() - want).max() < 1e-3
    best = pl.read_parquet(out / "frames.parquet").filter(pl.col("status") == "ok")
    assert np.abs(best["time_s"].to_numpy() - want[best["frame"].to_numpy()]).max() < 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_boxes_of_a_film_on_its_side_are_those_of_the_upright_one(
    files: ModuleType, tmp_path: Path, backend: str
) -> None:
    images = _square(40)
    upright = files.write(tmp_path / "upright.mp4", images)
    lying = files.write(tmp_path / "lying.mp4", [np.rot90(image) for image in images])
    files.on_its_side(lying, 1)
    how = {"backend": backend, "detector": Bright(), "floor": (0.0, 0.0)}
    (plain,) = fiqa.select(upright, **how)
    (turned,) = fiqa.select(lying, **how)
    assert plain.frames.tolist() == turned.frames.tolist()
    assert np.abs(plain.boxes - turned.boxes).max() <= 3
    crops = [track.best[0].crop.astype(int) for track in (plain, turned)]
    assert np.abs(crops[0] - crops[1]).mean() < 12


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_film_that_is_cut_off_gives_what_is_there(
    files: ModuleType, tmp_path: Path, backend: str, suffix: str
) -> None:
    path = files.write(tmp_path / f"a{suffix}", _square(90))
    if suffix == ".mp4":
        files.header_first(path)
    files.cut(path, 0.6)
    out = tmp_path / "out"
    tracks = fiqa.select(path, backend=backend, detector=Bright(), out=out)
    assert len(tracks) == 1
    assert "open_at_end" in tracks[0].flags
    assert 20 < _frames(out).height < 90
    if suffix == ".mp4":
        assert "truncated" in set(pl.read_csv(out / "events.csv")["kind"])
