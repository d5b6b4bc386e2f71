"""Videos and cameras as frames with their time: (H,W,3) uint8 RGB, upright.

    with open_video("drive.mp4") as video:
        for frame in video:
            frame.time, frame.state, frame.image

Only local files and cameras named as such are read. Time is what the file says of each frame, never
its number over a frame rate. What goes wrong on the way is an event, and reading goes on where it
can.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.clock import Clock
from fiqa.data.containers import Container, container_of
from fiqa.data.reading import reading
from fiqa.data.store import open_regular
from fiqa.data.video_events import DAMAGE, EVENTS, Event
from fiqa.errors import InputError, ReadError, UnsafeFileError
from fiqa.types import PathLike

__all__ = [
    "BACKENDS",
    "DAMAGE",
    "EVENTS",
    "Event",
    "Raw",
    "Reader",
    "Video",
    "VideoFrame",
    "VideoLimits",
    "open_video",
    "too_large",
]

BACKENDS = ("auto", "opencv", "pyav")
"""`auto` is OpenCV. PyAV is imported only where it is asked for by name."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
_CAMERA = re.compile(r"(?:camera:|/dev/video)([0-9]{1,3})")
_EARLY = 0.5
"""Seconds by which the frames may end before the declared length: sound is often longer."""
_GAP = 1.5
"""Times the mean time between frames from which on one is missing."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame.

    Attributes:
        number: 0, 1, 2, ... in the order of time, those without an image included.
        pts: the frame's time in the file's own unit; None: the reader does not tell it.
        time: seconds from the start of the stream, ascending.
        image: (H,W,3) uint8 RGB, upright; None: nothing could be decoded.
        state: "ok", or "damaged": decoded with errors, not at all, or from a damaged frame.
    """

    number: int
    pts: int | None
    time: float
    image: Pixels | None
    state: str


@dataclass(frozen=True)
class VideoLimits:
    """What a video may cost.

    A file that declares more is refused; where nothing is declared, reading ends there with an
    event.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height of a frame.
        max_seconds: length.
        max_frames: frames.
    """

    max_bytes: int = 64 * 2**30
    max_pixels: int = 40_000_000
    max_seconds: float = 24 * 3600.0
    max_frames: int = 10_000_000

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_frames"):
            checks.in_range(getattr(self, name), name, 1, float("inf"))
        checks.in_range(self.max_seconds, "max_seconds", 0, float("inf"), open_low=True)


@dataclass(frozen=True, eq=False)
class Raw:
    """One frame as a reader gives it.

    Attributes:
        pts: in the file's own unit, None: unknown.
        seconds: since the start of the stream, as the file says.
        image: upright RGB, None: nothing could be decoded.
        damaged: decoded with errors, or after such a frame and before the next key frame.
        events: (kind, what exactly) that belong to this frame.
    """

    pts: int | None
    seconds: float
    image: Pixels | None
    damaged: bool = False
    events: tuple[tuple[str, str], ...] = ()


class Reader(Protocol):
    """What OpenCV and PyAV have in common.

    Attributes:
        rotation: degrees clockwise that were applied, 0, 90, 180 or 270.
        duration: seconds, None: not known.
        frames: declared, None: not declared.
        codec: its name, as the reader tells it.
        fault: why the frames ended, "" for the end of the file or nothing known.
    """

    rotation: int
    duration: float | None
    frames: int | None
    codec: str
    fault: str

    def read(self) -> Raw | None:
        """Returns the next frame, None at the end."""

    def close(self) -> None:
        """Lets go of the file or camera."""


class Video:
    """A video or camera that is open, and its frames as an iterator: they can be read once.

    Attributes:
        name: the source in words.
        backend: "opencv" or "pyav".
        width: pixels from left to right, upright.
        height: pixels from top to bottom, upright.
        rotation: degrees clockwise that were applied, 0, 90, 180 or 270.
        duration: seconds, None: not known.
        frames: declared, None: not declared.
        codec: its name, as the backend tells it.
        events: (time, kind, detail) so far; kinds: EVENTS. Whoever has told them may clear the
            list.
    """

    def __init__(
        self,
        reader: Reader,
        name: str,
        backend: str,
        limits: VideoLimits,
        container: Container | None = None,
    ) -> None:
        self.name, self.backend = name, backend
        self.events: list[Event] = []
        self._reader, self._limits, self._container = reader, limits, container
        self._clock, self._number, self._ended = Clock(), 0, False
        self._damaged = False
        self._ahead: deque[VideoFrame] = deque()
        first = self._first()
        self.height, self.width = first.shape[:2]
        self.rotation, self.codec, self.frames = reader.rotation, reader.codec, reader.frames
        declared = container and container.seconds
        self.duration = declared or reader.duration

    @property
    def damaged(self) -> bool:
        """True where frames that were read are damaged, or some are missing."""
        return self._damaged

    def __iter__(self) -> Iterator[VideoFrame]:
        return self

    def __next__(self) -> VideoFrame:
        frame = self._ahead.popleft() if self._ahead else self._next()
        if frame is None:
            raise StopIteration
        return frame

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file or camera; a second time does nothing."""
        self._ended = True
        self._ahead.clear()
        self._reader.close()

    def _first(self) -> Pixels:
        """Reads up to the first frame that has an image, and returns that."""
        while (frame := self._next()) is not None:
            self._ahead.append(frame)
            if frame.image is not None:
                return frame.image
        cut = self._container is not None and self._container.truncated
        raise ReadError(
            f"{self.name} must hold at least one frame that can be decoded, it holds none.",
            status="truncated" if cut else "corrupt",
        )

    def _next(self) -> VideoFrame | None:
        if self._ended:
            return None
        while True:
            with reading(self.name):
                raw = self._reader.read()
            if raw is None:
                self._end()
                return None
            time, kind, detail = self._clock.at(raw.seconds)
            if time is not None:
                break
            self._event(kind, detail)
        if limit := self._limit(time, raw.image):
            self._ended = True
            self._event("limit", limit)
            return None
        for what, why in (*raw.events, (kind, detail)):
            if what:
                self._event(what, why)
        number, self._number = self._number, self._number + 1
        state = "damaged" if raw.damaged or raw.image is None else "ok"
        return VideoFrame(number, raw.pts, time, raw.image, state)

    def _limit(self, time: float, image: Pixels | None) -> str:
        """Says which limit the next frame is beyond, "" for none."""
        limits = self._limits
        if self._number >= limits.max_frames:
            return f"{limits.max_frames:,} frames"
        if time > limits.max_seconds:
            return f"{limits.max_seconds:,} s"
        if image is not None and image.shape[0] * image.shape[1] > limits.max_pixels:
            return f"{limits.max_pixels:,} pixels a frame"
        return ""

    def _end(self) -> None:
        """Says at the end of the frames whether it is the end of the file too."""
        self._ended = True
        if self._container is None:
            self._event("camera_lost", f"{self.name} gives no more frames")
            return
        if self._container.truncated:
            self._event("truncated", f"the file ends after {self._container.bytes} bytes")
        if self._reader.fault:
            self._event("ended_early", self._reader.fault)
        declared, frames = self._container.seconds or self._reader.duration, self._reader.frames
        if frames is not None and self._number >= frames:
            return
        reached = self._clock.last + max(_EARLY, 3 * self._clock.step)
        if declared is not None and reached < declared:
            self._event(
                "ended_early", f"the last frame is at {self._clock.last:.3f} s of {declared:.3f} s"
            )
        elif frames is not None:
            gap = declared is not None and self._clock.longest > _GAP * declared / frames
            kind = "missing_frames" if gap else "fewer_frames"
            self._event(kind, f"{self._number} of {frames} frames")

    def _event(self, kind: str, detail: str) -> None:
        self._damaged |= kind in DAMAGE
        self.events.append((max(0.0, self._clock.last), kind, detail))


def open_video(
    source: PathLike | int,
    *,
    backend: str = "auto",
    limits: VideoLimits | None = None,
) -> Video:
    """Returns a video or camera that is open, its first frame already decoded.

    Args:
        source: a local file; or a camera: its number, "camera:0" or "/dev/video0".
        backend: "auto" and "opencv": OpenCV, which stops at damage that it cannot pass over;
            "pyav": packet by packet with PyAV (the extra `video`), which goes on behind it and
            knows which frames are damaged. Cameras are read by OpenCV.
        limits: what it may cost; None is the default.

    Raises:
        ReadError: not_found, unreadable, empty_file, unsupported_format, too_large, truncated or
            corrupt: no frame can be had.
        UnsafeFileError: an address of the network.
        MissingExtraError: PyAV is not installed.
        InputError: another backend; a camera with PyAV.
    """
    checks.choice(backend, "backend", BACKENDS)
    limits = limits or VideoLimits()
    if isinstance(source, int):
        checks.in_range(source, "the number of a camera", 0, 999)
    path = f"camera:{source}" if isinstance(source, int) else os.fspath(source)
    camera = _CAMERA.fullmatch(path)
    if camera is not None:
        from fiqa.data.capture import open_camera

        if backend == "pyav":
            raise InputError("A camera must be read by OpenCV, got the backend 'pyav'.")
        number = int(camera[1])
        return _opened(open_camera(number), f"camera:{number}", "opencv", limits, None)
    container = _checked(path, limits)
    # Absolute: what stands before a colon in a relative name would be taken for a protocol.
    full = os.path.abspath(path)
    reader: Reader
    with reading(path):
        if backend == "pyav":
            from fiqa.data.packets import PacketReader

            reader = PacketReader(full, container, limits.max_pixels)
        else:
            from fiqa.data.capture import FileCapture

            reader = FileCapture(full, container, limits.max_pixels)
    return _opened(reader, path, "pyav" if backend == "pyav" else "opencv", limits, container)


def _opened(
    reader: Reader, name: str, backend: str, limits: VideoLimits, container: Container | None
) -> Video:
    try:
        video = Video(reader, name, backend, limits, container)
        for value, name_, most in (
            (video.duration, "seconds", limits.max_seconds),
            (video.frames, "frames", limits.max_frames),
            (video.width * video.height, "pixels a frame", limits.max_pixels),
        ):
            if value is not None and value > most:
                raise too_large(name, name_, most, value)
    except BaseException:
        reader.close()
        raise
    return video


def too_large(name: str, what: str, most: float, value: float) -> UnsafeFileError:
    """Returns the error of a video beyond a limit.

    Args:
        name: of the video.
        what: is limited, in the plural.
        most: the limit.
        value: what was given.
    """
    return UnsafeFileError(
        f"{name!r} must have at most {most:,} {what}, got {value:,}.",
        status="too_large",
        hint="raise the limits if you trust the source",
    )


def _checked(path: str, limits: VideoLimits) -> Container:
    """Returns what the file says of itself; refuses what must not come to a decoder."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ReadError(
            f"The name of a video must be UTF-8, got {path!r}.",
            status="unreadable",
            hint="rename the file",
        ) from error
    if _URL.match(path) and not os.path.lexists(path):
        raise UnsafeFileError(
            f"A video must be a local file or a camera, got the address {path!r}.",
            status="unreadable",
            hint="fetch the file yourself; a camera is camera:0",
        )
    with reading(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.max_bytes:
            raise too_large(path, "bytes", limits.max_bytes, size)
        return container_of(file, path)
