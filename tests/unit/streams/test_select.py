"""The folder of `select`, of films whose frames are images."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image, write_image
from fiqa.data.manifest import read_manifest
from fiqa.data.video import VideoFrame
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import InputError
from fiqa.streams import clips as clips_module
from fiqa.streams import folder as folder_module
from fiqa.streams.clips import clips

Maker = Callable[..., tuple[Path, Any]]


@pytest.fixture
def written(tmp_path: Path, films: ModuleType) -> Maker:
    """Writes a film as images, and returns their folder and the detector that knows it."""

    def make(film: Any, name: str = "drive") -> tuple[Path, Any]:
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        for number, (_, image) in enumerate(film):
            write_image(folder / f"frame_{number}.png", image)
        return folder, films.Finder(film)

    return make


def two_drivers(films: ModuleType) -> Any:
    film = films.Film().add(60, lambda i: [films.Actor(0, 100, quality=0.5 + i / 200)])
    return film.add(40, lambda i: []).add(60, lambda i: [films.Actor(1, 110, quality=0.45)])


def content(folder: Path) -> dict[str, bytes]:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return files | {"sidecar": folder.with_name(folder.name + ".json").read_bytes()}


def test_the_folder_says_what_the_tracks_say(
    written: Maker, films: ModuleType, tmp_path: Path
) -> None:
    source, finder = written(two_drivers(films))
    how = {"detector": finder, "model": films.Judge(), "recognizer": films.Knower(), "k": 2}
    out = tmp_path / "out"
    tracks = fiqa.select(source, out=out, **how)
    plain = fiqa.select(source, **how)
    assert [track.id for track in tracks] == ["drive-1", "drive-2"]
    for one, other in zip(tracks, plain, strict=True):
        assert one.frames.tolist() == other.frames.tolist()
        assert np.allclose(one.boxes, other.boxes)
        assert np.allclose(one.quality, other.quality, equal_nan=True)
        assert (one.flags, one.person, one.purity) == (other.flags, other.person, other.purity)
        assert one.template is not None
        assert other.template is not None
        assert np.allclose(one.template, other.template)
        for written_shot, shot in zip(one.best, other.best, strict=True):
            assert written_shot.frame == shot.frame
            assert np.array_equal(written_shot.crop, shot.crop)
            assert np.allclose(written_shot.landmarks, shot.landmarks)
    table = pl.read_parquet(out / "tracks.parquet")
    assert table["frames"].to_list() == [len(track) for track in tracks]
    assert table["person"].to_list() == [1, 2]
    assert table["below_floor"].to_list() == [False, True]
    events = pl.read_csv(out / "events.csv")
    assert events.filter(pl.col("kind") == "track_started").height == 2
    assert read_embeddings(out / "templates.npz").id.tolist() == ["drive-1", "drive-2"]
    page = (out / "index.html").read_text()
    assert len(re.findall(r'<b style="[^"]+">\d+</b>', page)) == sum(
        len(track.best) for track in tracks
    )
    assert "below floor" in page


def test_frames_are_a_manifest_for_the_other_verbs(
    written: Maker, films: ModuleType, tmp_path: Path
) -> None:
    source, finder = written(two_drivers(films))
    out = tmp_path / "out"
    fiqa.select(source, out=out, detector=finder)
    rows = pl.read_parquet(out / "frames.parquet")
    assert rows["id"].n_unique() == len(rows)
    assert set(rows["status"]) == {"ok", "not_kept", "no_face"}
    assert (
        rows.filter(pl.col("track").is_null())["frame"].to_list()
        == rows.filter(pl.col("state") == "no_face")["frame"].to_list()
    )
    chosen = rows.filter(pl.col("status") == "ok")
    manifest = read_manifest(out / "frames.parquet")
    assert (manifest.status == "ok").sum() == len(chosen)
    # nobody is guessed from the folder's names
    assert set(manifest.identity.tolist()) == {""}
    # the crops on disk have the numbers that the table has
    scores = fiqa.score(out / "frames.parquet", aligned=True, workers=1)
    again = scores.filter(pl.col("status") == "ok")
    assert again["id"].to_list() == chosen["id"].to_list()
    assert np.allclose(again["raw"], chosen["raw"], atol=1e-5)
    vectors = fiqa.embed(str(out / "frames.parquet"), recognizer=films.Knower())
    assert vectors.id.tolist() == chosen["id"].to_list()


def test_a_rerun_does_nothing_and_another_question_is_another_run(
    written: Maker, films: ModuleType, tmp_path: Path
) -> None:
    source, finder = written(two_drivers(films))
    out, how = tmp_path / "out", {"detector": finder, "model": films.Judge()}
    fiqa.select(source, out=out, **how)
    before, looked = content(out), finder.looked
    fiqa.select(source, out=out, **how)
    assert finder.looked == looked
    assert content(out) == before
    fiqa.select(source, out=out, force=True, **how)
    assert finder.looked == 2 * looked
    assert content(out) == before
    fiqa.select(source, out=out, k=1, **how)
    assert content(out) != before
    assert sorted(p.name for p in out.glob("best/*/*.png")) == ["1.png", "1.png"]


@pytest.mark.slow
@pytest.mark.parametrize("at", [30, 85])
def test_killed_and_run_again_gives_the_same_bytes(
    written: Maker,
    films: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    monkeypatch.setattr(folder_module, "_CHUNK", 32)
    film = two_drivers(films)
    first, finder = written(film, "a")
    second, _ = written(film, "b")
    how = {"model": films.Judge(), "recognizer": films.Knower()}
    fiqa.select([first, second], out=tmp_path / "whole", detector=finder, **how)

    class Killed(films.Finder):
        def detect(self, image: Any) -> Any:
            if self.looked == at:
                raise KeyboardInterrupt
            return super().detect(image)

    with pytest.raises(KeyboardInterrupt):
        fiqa.select([first, second], out=tmp_path / "out", detector=Killed(film), **how)
    assert not (tmp_path / "out.json").exists()
    resumed = films.Finder(film)
    fiqa.select([first, second], out=tmp_path / "out", detector=resumed, **how)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    # a clip that was done is not done again
    assert resumed.looked == (108 if at < 54 else 54)


def test_killed_while_the_tables_are_written(
    written: Maker, films: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, finder = written(two_drivers(films))
    how = {"model": films.Judge(), "recognizer": films.Knower()}
    fiqa.select(source, out=tmp_path / "whole", detector=finder, **how)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_page", killed)
        with pytest.raises(KeyboardInterrupt):
            fiqa.select(source, out=tmp_path / "out", detector=finder, **how)
    looked = finder.looked
    fiqa.select(source, out=tmp_path / "out", detector=finder, **how)
    assert finder.looked == looked
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_what_cannot_be_read_is_a_row(written: Maker, films: ModuleType, tmp_path: Path) -> None:
    source, finder = written(two_drivers(films))
    (source / "frame_7.png").write_bytes(b"no image")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 99)
    out = tmp_path / "out"
    tracks = fiqa.select([source, broken], out=out, detector=finder, model=films.Judge())
    assert len(tracks) == 2
    rows = pl.read_parquet(out / "frames.parquet")
    assert rows.filter(pl.col("video") == str(broken))["status"].to_list() == ["corrupt"]
    assert rows.filter(pl.col("frame") == 7)["state"].to_list() == ["damaged"]
    events = pl.read_csv(out / "events.csv")
    damaged = events.filter(pl.col("kind") == "damaged_frame")
    assert damaged["time_s"].to_list() == [pytest.approx(7 / 30)]
    (why,) = events.filter(pl.col("kind") == "not_read")["detail"]
    assert why.startswith("corrupt: ")


def test_a_camera_is_recorded_anew(
    films: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film stands for the camera."""
    film = two_drivers(films)

    class Camera:
        events: ClassVar[list[Any]] = []
        damaged = False

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None: ...

        def __iter__(self) -> Any:
            for number, (time, image) in enumerate(film):
                yield VideoFrame(number, None, time, image, "ok")

    monkeypatch.setattr(clips_module, "open_video", lambda *_, **__: Camera())
    finder = films.Finder(film)
    for recordings in (1, 2):
        tracks = fiqa.select(0, out=tmp_path / "out", detector=finder, model=films.Judge())
        assert finder.looked == recordings * 54
        assert [track.id for track in tracks] == ["camera_0-1", "camera_0-2"]


@pytest.mark.parametrize("known", [True, False])
def test_a_film_without_a_face(
    written: Maker, films: ModuleType, tmp_path: Path, known: bool
) -> None:
    source, finder = written(films.Film().add(12, lambda i: []))
    how = {"model": films.Judge(), "recognizer": films.Knower() if known else None}
    out = tmp_path / "out"
    assert fiqa.select(source, out=out, detector=finder, **how) == []
    assert pl.read_parquet(out / "frames.parquet")["status"].to_list() == ["no_face"] * 12
    table = pl.read_parquet(out / "tracks.parquet")
    assert (len(table), table["start"].dtype, table["flags"].dtype) == (0, pl.Float64, pl.String)
    assert (out / "templates.npz").exists() == known
    assert "No face was found." in (out / "index.html").read_text()


def test_clips_have_names_of_their_own(tmp_path: Path) -> None:
    for name in ("a/drive.mp4", "b/drive.mp4", "b/../c/drive_1.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypmp42")
    found = clips([tmp_path / "a", tmp_path / "b" / "drive.mp4", tmp_path / "c"])
    assert len({clip.name for clip in found}) == 3
    assert all(clip.images is None for clip in found)
    assert clips([0, "camera:1"])[0].name == "camera_0"
    with pytest.raises(InputError, match="at least one video"):
        clips([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="must hold at least one video"):
        clips(tmp_path / "empty")
    write_image(tmp_path / "one.png", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="got the image"):
        clips(tmp_path / "one.png")


def test_frames_of_a_folder_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_image(tmp_path / "film" / f"f{number}.png", np.zeros((20, 20, 3), np.uint8))
    (clip,) = clips(tmp_path / "film")
    assert clip.images is not None
    assert [Path(image).stem for image in clip.images] == ["f1", "f2", "f10"]
    listing = tmp_path / "list.txt"
    listing.write_text("film/f10.png\nfilm/f1.png\n")
    (clip,) = clips(listing)
    assert clip.images is not None
    assert [Path(image).stem for image in clip.images] == ["f10", "f1"]


def test_an_output_over_the_frames_is_refused(written: Maker, films: ModuleType) -> None:
    source, finder = written(two_drivers(films))
    before = sorted(source.iterdir())
    with pytest.raises(InputError, match="must not lie in a folder of frames"):
        fiqa.select(source, out=source / "out", detector=finder, model=films.Judge())
    assert sorted(source.iterdir()) == before


def test_the_command(tmp_path: Path) -> None:
    """Aligned drawn faces as frames: no detector is needed."""
    face = drawn_faces(1, seed=3).crops[0]
    rng = np.random.default_rng(0)
    for number in range(24):
        noisy = np.clip(face + rng.normal(0, 2, face.shape), 0, 255).astype(np.uint8)
        write_image(tmp_path / "drive" / f"{number}.png", noisy)
    arguments = ["select", str(tmp_path / "drive"), "--detector", "none", "--floor", "0"]
    runner = CliRunner()
    out = tmp_path / "out"
    arguments += ["--k", "2"]
    done = runner.invoke(build(), [*arguments, "--gap", "0.2", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 track, 2 best shots" in done.stderr
    assert "real time on one core" in done.stderr
    assert read_image(out / "best" / "drive-1" / "2.png").pixels.shape == (112, 112, 3)
    again = runner.invoke(build(), [*arguments, "--gap", "0.2", "-o", str(out)])
    assert "is current" in again.stderr
    shown = runner.invoke(build(), [*arguments, "--rate", "10", "-q"])
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].startswith('"video","track","start","end"')
    assert '"drive-1",0.0,2.3,24' in lines[1]
    tight = [*arguments, "--max-pixels", "100", "-o", str(tmp_path / "no")]
    for told in ("1 damaged or not read", "is current"):
        small = runner.invoke(build(), tight)
        assert small.exit_code == 3
        assert "0 tracks" in small.stderr
        assert told in small.stderr
    wrong = runner.invoke(build(), [*arguments, "--floor", "high", "-o", str(out)])
    assert wrong.exit_code == 2
    assert "--floor must be ON/OFF" in wrong.stderr
