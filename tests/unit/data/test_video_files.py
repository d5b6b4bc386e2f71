"""Which files are videos, what they say of themselves without a decoder, and time that ascends."""

from __future__ import annotations

import logging
import math

import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.clock import Clock
from fiqa.data.containers import container_of, count_videos, find_videos, is_video, kind_of
from fiqa.data.images import read_image
from fiqa.data.manifest import find
from fiqa.diagnosis.folder import folder_report
from fiqa.errors import InputError, ReadError


@pytest.fixture
def folder(films, hostile, tmp_path):
    """Two videos, a broken one, an image, a program and a table, some in a folder below."""
    films.write(tmp_path / "a.mp4", films.pictures(3))
    (tmp_path / "below").mkdir()
    films.write(tmp_path / "below" / "c.ts", films.pictures(3))
    films.write(tmp_path / "x.avi", films.pictures(3), "MJPG").rename(tmp_path / "below" / "noend")
    (tmp_path / "b.mkv").write_bytes(b"")
    (tmp_path / "program.ts").write_text("const Good: string = 'Good';\n" * 99)
    (tmp_path / "d.jpg").write_bytes(hostile.encoded("JPEG"))
    (tmp_path / ".hidden.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    return tmp_path


NAMES = ["a.mp4", "b.mkv", "below/c.ts", "below/noend"]


def test_the_videos_of_a_folder_a_list_and_cameras(folder):
    found = [str(folder / name) for name in NAMES]
    assert find_videos(folder) == found
    assert count_videos(folder) == 4
    assert count_videos([folder / "below", folder / "a.mp4", folder / "d.jpg"]) == 3
    (folder / "list.txt").write_text("a.mp4\r\n\nbelow/c.ts\n")
    named = [str(folder / "a.mp4"), str(folder / "below/c.ts")]
    assert find_videos(folder / "list.txt") == named
    assert find_videos([folder / "a.mp4", "camera:0", 1, "gone.mp4"]) == [
        str(folder / "a.mp4"),
        "camera:0",
        1,
        "gone.mp4",
    ]


def test_nothing_to_read_is_an_error(folder):
    (folder / "empty").mkdir()
    (folder / "list.txt").write_text("\n")
    for source in ([], folder / "empty", folder / "list.txt"):
        with pytest.raises(InputError, match="at least one video"):
            find_videos(source)


def test_a_file_is_told_by_its_bytes_and_by_its_suffix(folder):
    assert is_video(str(folder / "below" / "noend"))
    assert is_video(str(folder / "gone.webm"))
    assert not is_video(str(folder / "program.ts"))
    assert not is_video(str(folder / "gone.ts"))
    assert kind_of(b"\0\0\0\x18ftypheic" + bytes(20)) is None
    assert kind_of(b"G" * 1024) == "mpeg-ts"
    assert kind_of(b"GIF89a" + bytes(400)) is None


@pytest.mark.parametrize(
    ("name", "code", "kind", "seconds"),
    [
        ("a.mp4", "mp4v", "mp4", 1.2),
        ("a.avi", "MJPG", "avi", None),
        ("a.mkv", "mp4v", "matroska", None),
        ("a.ts", "mp4v", "mpeg-ts", None),
        ("a.mpg", "MPG2", "mpeg-ps", None),
    ],
)
def test_what_a_file_says_of_itself(films, tmp_path, name, code, kind, seconds):
    path = films.write(tmp_path / name, films.pictures(30), code)
    data = path.read_bytes()
    for more, truncated in ((data, False), (data[:-1], kind not in ("matroska", "mpeg-ps"))):
        path.write_bytes(more)
        with path.open("rb") as file:
            told = container_of(file, name)
        assert (told.kind, told.bytes, told.truncated) == (kind, len(more), truncated)
        # The table stands at the end of the file, and its beginning is still whole.
        assert told.seconds == (None if seconds is None else pytest.approx(seconds))


def test_a_part_of_a_transport_stream_that_begins_within_a_packet(films, tmp_path):
    path = films.write(tmp_path / "a.ts", films.pictures(30), "mp4v")
    data = path.read_bytes()
    wide = b"".join(b"\0\0\0\0" + data[i : i + 188] for i in range(0, len(data), 188))
    for content, truncated in ((data[100:], False), (data[100:-9], True), (wide, False)):
        path.write_bytes(content)
        with path.open("rb") as file:
            assert container_of(file, "a.ts").truncated is truncated


def test_images_of_a_folder_with_videos(folder, caplog):
    with caplog.at_level(logging.WARNING):
        assert find(folder).id.tolist() == ["d"]
    assert "4 videos were passed over: fiqa select" in caplog.text
    with pytest.raises(ReadError, match="a video, not an image") as caught:
        read_image(folder / "a.mp4")
    assert caught.value.status == "unsupported_format"
    assert "fiqa select" in str(caught.value)


def test_scan_and_doctor_say_how_many_videos_there_are(folder):
    result = CliRunner().invoke(build(), ["scan", str(folder)])
    assert ", 4 videos: fiqa select finds the faces in them" in result.stderr
    report = folder_report(folder)
    assert report.videos == 4
    assert any(
        line.startswith("videos: 4, passed over: fiqa select. OpenCV") and "PyAV" in line
        for line in report.lines()
    )


@pytest.mark.parametrize("command", ["scan", "doctor", "score", "align"])
def test_a_folder_of_videos_alone_is_refused_with_what_finds_their_faces(folder, command):
    (folder / "d.jpg").unlink()
    more = ["-o", str(folder / "out")] if command == "align" else []
    result = CliRunner().invoke(build(), [command, str(folder), *more])
    assert result.exit_code == 2
    assert "hint: 4 videos: fiqa select finds the faces in them" in result.stderr


def test_doctor_says_what_the_wheels_of_pyav_bundle(folder, monkeypatch):
    monkeypatch.setattr("fiqa.diagnosis.folder.metadata.version", lambda name: "18.1.0")
    text = "\n".join(folder_report(folder).lines())
    assert "PyAV 18.1.0 is installed" in text
    assert "x264 and x265, which are under the GPL" in text


def test_time_ascends_whatever_the_file_says():
    clock = Clock()
    nan = math.nan
    told = [clock.at(seconds) for seconds in (-0.1, 0.0, 0.2, 0.15, 0.2, 90.0, 3.0, 3.5, nan, nan)]
    times = [time for time, _, _ in told if time is not None]
    assert times == pytest.approx([0, 0.1, 0.3, 90.1, 179.9, 180.4, 180.9, 181.4])
    assert [kind for _, kind, _ in told] == [
        *("", "", "", "out_of_order", "out_of_order", "", "time_jump", "", "no_time", ""),
    ]
    assert clock.longest == pytest.approx(89.8)


def test_one_damaged_time_does_not_move_the_others():
    clock = Clock()
    told = [clock.at(seconds) for seconds in (0.0, 0.04, 95443.7, 0.12, 0.16)]
    assert [time for time, _, _ in told] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert [kind for _, kind, _ in told] == ["", "", "time_jump", "time_jump", ""]
