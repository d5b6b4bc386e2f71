"""What kind of video a file is by its first bytes, and whether it ends before it should.

A decoder looks at the bytes of a file as well, and some kinds of file (play lists, descriptions of
a transmission, names of picture series) make it open others, also from the network. So a file is
one of KINDS here before any decoder sees it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from fiqa.data import boxes
from fiqa.data.folders import walk
from fiqa.data.formats.source import read_text
from fiqa.data.places import placed
from fiqa.data.store import open_regular
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = [
    "KINDS",
    "VIDEO_SUFFIXES",
    "Container",
    "container_of",
    "count_videos",
    "find_videos",
    "is_video",
    "kind_of",
]

KINDS = ("mp4", "matroska", "avi", "mpeg-ts", "mpeg-ps")
"""Kinds of file that are read: MP4 and QuickTime, Matroska and WebM, AVI, MPEG transport streams
(also those of 192 bytes a packet) and program streams."""
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".m2ts", ".mpg", ".mpeg")
)
"""Suffixes that make a file of a folder a video, whatever it holds. A `.ts` or `.mts` is a video
where its bytes are one: programs have these suffixes too."""

_HEAD = 1024
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_PICTURES = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"crx "}
_MOST_BOXES = 100_000


@dataclass(frozen=True)
class Container:
    """What the file says of itself, read without a decoder.

    Attributes:
        kind: one of KINDS.
        bytes: of the file.
        truncated: it ends within a box (MP4), a chunk (AVI) or a packet (MPEG-TS). False where that
            cannot be told.
        seconds: the length that an MP4 declares; None: not said.
    """

    kind: str
    bytes: int
    truncated: bool
    seconds: float | None = None


def is_video(path: str) -> bool:
    """Tells whether a file is a video by its first bytes or its suffix.

    Args:
        path: the file; one that cannot be opened is told by its suffix.
    """
    if os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES:
        return True
    try:
        with open_regular(path) as file:
            return kind_of(file.read(_HEAD)) is not None
    except OSError:
        return False


def find_videos(sources: PathLike | int | Sequence[PathLike | int]) -> list[str | int]:
    """Returns the videos and cameras that `sources` name; nothing is decoded.

    A folder gives its videos, sorted by path; a `.txt` file is a list, one path a line, taken from
    the folder of the list; anything else is taken as it is.

    Args:
        sources: one or more of: video file, folder, list file, camera (see
            fiqa.data.video.open_video).

    Raises:
        ReadError: a list cannot be read.
        InputError: no source was given, or a folder or list holds no video.
    """
    listed = [sources] if isinstance(sources, str | int | os.PathLike) else list(sources)
    if not listed:
        raise InputError("There must be at least one video, folder, list or camera, got none.")
    found: list[str | int] = []
    for source in listed:
        if isinstance(source, int):
            found.append(source)
            continue
        path, few = os.fspath(source), len(found)
        if os.path.isdir(path):
            found += _below(path)
        elif path.lower().endswith(".txt") and os.path.isfile(path):
            lines = [line.rstrip("\r") for line in read_text(path).split("\n")]
            found += placed([line for line in lines if line.strip()], path)
        else:
            found.append(path)
        if len(found) == few:
            raise InputError(
                f"{path!r} must hold at least one video, got none.",
                hint=f"videos end in one of {', '.join(sorted(VIDEO_SUFFIXES))}, or in .ts",
            )
    return found


def count_videos(paths: PathLike | Sequence[PathLike]) -> int:
    """Returns how many videos `paths` hold: those below folders, and those that are named.

    Args:
        paths: files and folders; lists and tables are not opened.
    """
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    names = [os.fspath(path) for path in listed]
    return sum(len(_below(name)) if os.path.isdir(name) else is_video(name) for name in names)


def _below(folder: str) -> list[str]:
    return [path for path, _ in walk(folder) if os.path.isfile(path) and is_video(path)]


def container_of(file: BinaryIO, name: str) -> Container:
    """Returns what a video file says of itself.

    Args:
        file: open for reading bytes.
        name: of the file, for the message.

    Raises:
        ReadError: with status empty_file, or unsupported_format: it is none of KINDS.
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(_HEAD)
    if not head:
        raise ReadError(f"{name!r} has 0 bytes.", status="empty_file")
    kind = kind_of(head)
    if kind is None:
        raise ReadError(
            f"{name!r} must be a video ({', '.join(KINDS)}), its first bytes are of none.",
            status="unsupported_format",
            hint=_hint(head),
        )
    if kind == "mp4":
        ends, seconds = _mp4(file, size)
        return Container(kind, size, ends > size, seconds)
    if kind == "avi":
        return Container(kind, size, int.from_bytes(head[4:8], "little") + 8 > size)
    first, step = _packets(head) or (0, 188)
    # The four bytes in front of each packet of 192 belong to it.
    whole = (size - first + step - 188) % step == 0
    return Container(kind, size, kind == "mpeg-ts" and not whole)


def kind_of(head: bytes) -> str | None:
    """Returns which of KINDS begins so, None for everything else.

    Args:
        head: the file's first kilobyte, or more.

    >>> kind_of(b"RIFF....AVI LIST"), kind_of(b"#EXTM3U")
    ('avi', None)
    """
    if head[4:8] in _BOXES:
        return None if head[8:12] in _PICTURES or boxes.brands(head) & {b"heic", b"avif"} else "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"\0\0\x01\xba"):
        return "mpeg-ps"
    return "mpeg-ts" if _packets(head) is not None else None


def _packets(head: bytes) -> tuple[int, int] | None:
    """Returns (where the first packet of an MPEG-TS begins, bytes of each), None: it is none.

    A cut-out part may begin within a packet. Every packet begins with a G.
    """
    for first in range(192):
        for step in (188, 192):
            marks = head[first::step]
            if len(marks) >= (2 if first in (0, 4) else 5) and marks == b"G" * len(marks):
                return first, step
    return None


def _hint(head: bytes) -> str:
    if head.lstrip()[:7] in (b"#EXTM3U", b"ffconca", b"v=0\r\no="):
        return "a play list may name files of the network: give the video itself"
    return "images: fiqa score; videos of another kind: convert them to MP4 without encoding anew"


def _mp4(file: BinaryIO, size: int) -> tuple[int, float | None]:
    """Returns where the last box ends, and the length that the film's header declares."""
    end, seconds = 0, None
    for kind, start, stop in _top(file, size):
        end = stop
        if kind == b"moov" and seconds is None:
            file.seek(start)
            seconds = _declared(file.read(128))
    return end, seconds


def _top(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields (kind, start of the content, end) of each outermost box."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if not head:
            return
        if len(head) < 8:
            yield b"", place, place + 8
            return
        length, kind = struct.unpack_from(">I4s", head)
        start = place + 8
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
            start = place + 16
        end = size if length == 0 else place + length
        # A length shorter than its own head would walk backwards, forever.
        if end < start:
            return
        yield kind, start, end
        if end >= size:
            return
        place = end


def _declared(head: bytes) -> float | None:
    """Returns the seconds that a `mvhd` box at the start of `moov` declares, None: not said."""
    if head[4:8] != b"mvhd" or len(head) < 40:
        return None
    form, place = (">IQ", 28) if head[8] == 1 else (">II", 20)
    scale, length = struct.unpack_from(form, head, place)
    # All bits set: unknown; 0: a film in fragments.
    unknown = (0, 2**64 - 1 if head[8] == 1 else 2**32 - 1)
    return length / scale if scale and length not in unknown else None
