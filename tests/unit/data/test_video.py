"""Reading video: times, turns, damage, limits and names, by OpenCV and, where it is there, PyAV."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fiqa.data.video import EVENTS, Video, VideoFrame, VideoLimits, open_video
from fiqa.errors import InputError, MissingExtraError, ReadError, UnsafeFileError

PYAV = importlib.util.find_spec("av") is not None
needs_pyav = pytest.mark.skipif(not PYAV, reason="PyAV is not installed: pip install 'fiqa[video]'")
BACKENDS = ["opencv", pytest.param("pyav", marks=needs_pyav)]
TICKS = np.random.default_rng(0).integers(10, 90, 60).tolist()
"""Milliseconds that each frame of the uneven film is shown."""


def read(
    path: Path | str, backend: str = "opencv", **limits: float
) -> tuple[Video, list[VideoFrame]]:
    with open_video(path, backend=backend, limits=VideoLimits(**limits)) as video:
        return video, list(video)


def kinds(video: Video) -> set[str]:
    found = {kind for _, kind, _ in video.events}
    assert found <= EVENTS.keys()
    return found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "code"),
    [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a.ts", "mp4v"), ("a.webm", "VP80")],
)
def test_all_frames_of_each_kind_of_file(films, tmp_path, backend, name, code):
    images = films.pictures(30)
    video, frames = read(films.write(tmp_path / name, images, code), backend)
    assert [frame.number for frame in frames] == list(range(30))
    assert np.allclose([frame.time for frame in frames], np.arange(30) / 25, atol=1e-3)
    assert {frame.state for frame in frames} == {"ok"}
    assert (video.width, video.height, video.rotation) == (64, 48, 0)
    assert video.frames in (30, None)
    assert video.duration == pytest.approx(1.2, abs=0.05)
    assert video.codec
    assert not video.events
    assert not video.damaged
    for frame, image in zip(frames, images, strict=True):
        assert frame.image.dtype == np.uint8
        assert np.abs(frame.image.astype(int) - image).mean() < 12


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_is_what_the_file_says_and_not_a_rate(films, tmp_path, backend):
    path = films.with_times(films.write(tmp_path / "a.mp4", films.pictures(60)), TICKS)
    video, frames = read(path, backend)
    told = np.cumsum([0, *TICKS[:-1]]) / 1000
    assert np.abs(np.array([frame.time for frame in frames]) - told).max() < 1e-3
    assert video.duration == pytest.approx(sum(TICKS) / 1000)
    if backend == "pyav":
        assert [frame.pts for frame in frames] == np.cumsum([0, *TICKS[:-1]]).tolist()


@needs_pyav
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_uneven_times_with_frames_that_are_coded_out_of_order(films, tmp_path, backend, name):
    ticks = np.cumsum([0, *TICKS[:-1]]).tolist()
    path = films.coded(tmp_path / name, films.pictures(60), ticks, bf="2")
    video, frames = read(path, backend)
    assert np.abs(np.array([frame.time for frame in frames]) * 1000 - ticks).max() < 1
    assert not video.events


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_film_on_its_side_is_turned_once(films, tmp_path, backend, turns):
    images = films.pictures(4)
    lying = films.write(tmp_path / "a.mp4", [np.rot90(image, turns) for image in images])
    video, frames = read(films.on_its_side(lying, turns), backend)
    assert (video.width, video.height, video.rotation) == (64, 48, 90 * turns)
    for frame, image in zip(frames, images, strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 12


@needs_pyav
def test_sixty_damaged_spots_of_an_h264_film(films, tmp_path):
    images, ticks = films.pictures(180, (160, 120)), list(range(0, 7200, 40))
    path = films.damaged(films.coded(tmp_path / "a.mp4", images, ticks, g="30"), 60)
    video, frames = read(path, "pyav")
    assert len(frames) == 180
    assert sum(frame.image is not None for frame in frames) >= 170
    assert np.allclose([frame.time for frame in frames], np.arange(180) / 25, atol=1e-3)
    assert {"damaged_frame"} <= kinds(video) <= {"damaged_frame", "damaged_packet"}
    assert video.damaged
    broken = [frame.number for frame in frames if frame.state == "damaged"]
    # From the first spot to the end of its thirty frames, and again.
    assert broken[0] < 30 <= len(broken)

    opened, few = read(path, "opencv")
    assert len(few) <= 180
    if len(few) < 180:
        assert kinds(opened) & {"ended_early", "missing_frames", "fewer_frames"}


@needs_pyav
def test_frames_are_sound_again_from_the_next_key_frame(films, tmp_path):
    images, ticks = films.pictures(40), list(range(0, 1600, 40))
    options = {"g": "10", "bf": "0", "sc_threshold": "0", "keyint_min": "10"}
    path = films.coded(tmp_path / "a.mp4", images, ticks, **options)
    place, size = films.packets(path)[13]
    data = bytearray(path.read_bytes())
    data[place + 4 : place + size] = bytes(size - 4)
    path.write_bytes(data)
    _, frames = read(path, "pyav")
    assert [frame.number for frame in frames if frame.state == "damaged"] == list(range(13, 20))
    assert [frame.number for frame in frames if frame.image is None] in ([], [13])


def test_a_frame_that_opencv_drops_is_said(films, tmp_path):
    path = films.write(tmp_path / "a.mp4", films.pictures(60))
    place, size = films.packets(path)[30]
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes(size)
    path.write_bytes(data)
    video, frames = read(path)
    assert len(frames) < 60
    assert kinds(video) & {"missing_frames", "ended_early"}
    assert video.damaged


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_mp4_that_is_cut_off_has_no_frames(films, tmp_path, backend):
    path = films.cut(films.write(tmp_path / "a.mp4", films.pictures(30)), 0.7)
    with pytest.raises(ReadError, match=r"a\.mp4") as caught:
        open_video(path, backend=backend)
    assert caught.value.status == "truncated"


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_mp4_with_its_table_in_front_gives_frames_up_to_the_cut(films, tmp_path, backend):
    path = films.header_first(films.write(tmp_path / "a.mp4", films.pictures(60)))
    assert len(read(path, backend)[1]) == 60
    video, frames = read(films.cut(path, 0.6), backend)
    assert 10 < sum(frame.state == "ok" for frame in frames) < 50
    assert {"truncated", "ended_early"} <= kinds(video)
    assert video.damaged


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "code", "event"),
    [
        ("a.ts", "mp4v", "truncated"),
        ("a.avi", "MJPG", "truncated"),
        ("a.mkv", "mp4v", "ended_early"),
    ],
)
def test_other_files_that_are_cut_off_give_frames_up_to_there(
    films, tmp_path, backend, name, code, event
):
    path = films.cut(films.write(tmp_path / name, films.pictures(60), code), 0.4)
    video, frames = read(path, backend)
    assert 5 < sum(frame.state == "ok" for frame in frames) < 50
    assert event in kinds(video)
    assert video.damaged


@needs_pyav
def test_both_readers_count_from_where_a_part_begins_whatever_they_can_show_of_it(films, tmp_path):
    options = {"g": "20", "bf": "0", "sc_threshold": "0", "keyint_min": "20"}
    ticks = list(range(0, 2400, 40))
    path = films.coded(tmp_path / "a.ts", films.pictures(60), ticks, **options)
    path.write_bytes(path.read_bytes()[path.stat().st_size // 2 :])
    video, frames = read(path, "pyav")
    assert kinds(video) <= {"damaged_frame", "damaged_packet"}
    sound = [frame for frame in frames if frame.state == "ok"]
    assert len(sound) == 20
    shown = read(path, "opencv")[1]
    assert len(shown) >= 20
    assert np.allclose([f.time for f in shown[-20:]], [f.time for f in sound], atol=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.mp4", b"", "empty_file"),
        ("a.mp4", b"hello", "unsupported_format"),
        ("a.mp4", b"\x89PNG\r\n\x1a\n" + bytes(64), "unsupported_format"),
        ("a.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "unsupported_format"),
        ("a.mp4", b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/a'\n", "unsupported_format"),
        ("a.mp4", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "unsupported_format"),
        ("a.mp4", b"\0\0\0\x18ftypavif" + bytes(64), "unsupported_format"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "corrupt"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp41\0\0\0\x08moov", "corrupt"),
        ("a.avi", b"RIFF\x04\0\0\0AVI ", "corrupt"),
        ("a.mkv", b"\x1aE\xdf\xa3" + bytes(200), "corrupt"),
        ("a.ts", b"G".ljust(188, b"\xff") * 40, "corrupt"),
        ("a.mpg", b"\0\0\x01\xba" + bytes(500), "corrupt"),
    ],
)
def test_what_is_no_video_is_refused_with_a_status(tmp_path, backend, name, content, status):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read(path, backend)
    assert str(path) in str(caught.value)
    fits = {status, "unsupported_format"} if status == "corrupt" else {status}
    assert caught.value.status in fits


def test_sound_alone_and_a_folder_and_nothing(tmp_path):
    sound = b"\0\0\0\x1cftypM4A \0\0\0\0M4A mp42isom" + b"\0\0\0\x10mdat" + bytes(8)
    (tmp_path / "a.m4a").write_bytes(sound)
    for name, status in (("a.m4a", "corrupt"), ("", "unreadable"), ("gone.mp4", "not_found")):
        with pytest.raises(ReadError) as caught:
            open_video(tmp_path / name)
        assert caught.value.status == status


@needs_pyav
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_true_file_of_sound_holds_no_video(tmp_path, backend):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as film:
        stream = film.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    with pytest.raises(ReadError) as caught:
        open_video(tmp_path / "a.mp4", backend=backend)
    assert caught.value.status in ("corrupt", "unsupported_format")


@pytest.mark.parametrize(
    "source",
    ["http://127.0.0.1:9/a.mp4", "rtsp://x/y", "concat:a.mp4|b.mp4", "file:/etc/hosts", "data:,"],
)
@pytest.mark.parametrize("backend", ["opencv", "pyav"])
def test_an_address_is_refused_before_anything_is_opened(monkeypatch, source, backend):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnsafeFileError, match="local file or a camera"):
        open_video(source, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    ["http:a.mp4", "a%03d.mp4", "-i.mp4", "new\nline.mp4", "ö ü.mp4", "n" * 251 + ".mp4", "a"],
)
def test_hostile_names_are_names(films, tmp_path, monkeypatch, backend, name):
    monkeypatch.chdir(tmp_path)
    films.write(tmp_path / "x.mp4", films.pictures(5)).rename(tmp_path / name)
    video, frames = read(name, backend)
    assert len(frames) == 5
    assert video.name == name


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    with pytest.raises(ReadError, match="UTF-8") as caught:
        open_video(str(tmp_path / "caf\udce9.mp4"))
    assert caught.value.status == "unreadable"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "most"),
    [("max_bytes", 500), ("max_pixels", 3000), ("max_seconds", 1), ("max_frames", 9)],
)
def test_a_file_that_declares_more_than_the_limits_is_refused(films, tmp_path, backend, name, most):
    path = films.write(tmp_path / "a.mp4", films.pictures(30))
    with pytest.raises(ReadError) as caught:
        read(path, backend, **{name: most})
    assert caught.value.status == "too_large"
    assert len(read(path, backend, **{name: 10**7})[1]) == 30


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_nothing_is_declared_reading_ends_at_the_limit(films, tmp_path, backend):
    path = films.write(tmp_path / "a.ts", films.pictures(30), "mp4v")
    video, frames = read(path, backend, max_frames=7)
    assert len(frames) == 7
    assert kinds(video) == {"limit"}
    assert not video.damaged


def test_pyav_is_never_imported_unasked_and_says_how_to_install_it(films, tmp_path, monkeypatch):
    path = films.write(tmp_path / "a.mp4", films.pictures(3))
    code = (
        "import sys; from fiqa.data.video import open_video\n"
        f"for b in ('auto', 'opencv'): list(open_video({str(path)!r}, backend=b))\n"
        "sys.exit('av' in sys.modules)"
    )
    # What the file lacks is said once, by an event, and not by the decoder.
    films.damaged(path, 2)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"fiqa\[video\]"):
        open_video(path, backend="pyav")


def test_the_frames_can_be_read_once_and_closing_ends_them(films, tmp_path):
    path = films.write(tmp_path / "a.mp4", films.pictures(5))
    with open_video(path) as video:
        assert next(iter(video)).number == 0
        assert [frame.number for frame in video] == [1, 2, 3, 4]
        assert list(video) == []
    video = open_video(path)
    video.close()
    video.close()
    assert list(video) == []


class Camera:
    """A camera of three pictures."""

    def __init__(self, number: int, api: int) -> None:
        self.left, self.number = 3, number

    def isOpened(self) -> bool:
        return self.number == 7

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((4, 6, 3), (3, 2, 1), np.uint8)

    def release(self) -> None:
        self.left = 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    from fiqa.data import capture

    ticks = iter(np.arange(100, 200, 0.125).tolist())
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(capture, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


@pytest.mark.parametrize("source", [7, "camera:7", "/dev/video7"])
def test_a_camera_is_timed_by_the_clock(clock, source):
    with open_video(source) as video:
        frames = list(video)
    assert [frame.time for frame in frames] == [0, 0.125, 0.25]
    assert frames[0].image[0, 0].tolist() == [1, 2, 3]
    assert (video.width, video.height, video.name) == (6, 4, "camera:7")
    assert kinds(video) == {"camera_lost"}


def test_a_camera_is_read_for_so_long(clock):
    with open_video(7, limits=VideoLimits(max_seconds=0.2)) as video:
        assert [frame.time for frame in video] == [0, 0.125]
    assert kinds(video) == {"limit"}
    assert not video.damaged


def test_a_frame_that_is_larger_than_the_first_ends_at_the_limit(clock, monkeypatch):
    with open_video(7, limits=VideoLimits(max_pixels=24)) as video:
        large = True, np.zeros((5, 6, 3), np.uint8)
        monkeypatch.setattr(Camera, "retrieve", lambda self: large)
        assert [frame.number for frame in video] == [0]
    assert kinds(video) == {"limit"}


def test_events_that_were_told_may_be_cleared(clock):
    with open_video(7) as video:
        assert not video.damaged
        list(video)
        video.events.clear()
        assert video.damaged


@needs_pyav
def test_faults_of_the_file_itself_are_passed_over_and_in_the_end_said(
    films, tmp_path, monkeypatch
):
    import av

    from fiqa.data import packets

    class File:
        """A file that has a fault in front of every packet but the first, and then only faults."""

        def __init__(self, whole: Any, good: int) -> None:
            self.packets, self.good, self.asked = iter(list(whole.demux(video=0))), good, 0

        def demux(self, stream: Any) -> Any:
            self.asked += 1
            if self.asked > self.good:
                raise av.error.InvalidDataError(0, "broken")
            yield next(self.packets)
            raise av.error.InvalidDataError(0, "broken")

        def close(self) -> None:
            pass

    path = films.write(tmp_path / "a.avi", films.pictures(30), "MJPG")
    opened = open_video(path, backend="pyav")
    reader = opened._reader
    assert isinstance(reader, packets.PacketReader)
    reader._file = File(reader._file, 5)
    reader._frames = reader._decoded()
    frames = list(opened)
    assert len(frames) == 1 + 5
    told = [detail for _, kind, detail in opened.events if kind == "ended_early"]
    assert any("cannot be read on" in detail for detail in told)
    assert opened.damaged


def test_a_camera_that_is_not_there_or_by_another_backend(clock):
    with pytest.raises(ReadError) as caught:
        open_video("camera:0")
    assert caught.value.status == "not_found"
    with pytest.raises(InputError, match="read by OpenCV"):
        open_video(7, backend="pyav")
    with pytest.raises(InputError, match="number of a camera"):
        open_video(-1)
    with pytest.raises(InputError, match="backend"):
        open_video(7, backend="gstreamer")
