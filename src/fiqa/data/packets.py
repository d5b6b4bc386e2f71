"""Frames by PyAV, packet by packet: a packet that cannot be decoded is passed over and said, and
frames are damaged from there to the next key frame.

PyAV is the extra `video`. Its wheels bundle x264 and x265, which are under the GPL, so it is never
imported unless this module is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from fiqa.data.containers import Container
from fiqa.data.video import Raw, too_large
from fiqa.errors import ReadError
from fiqa.extras import require

__all__ = ["PacketReader"]

_HIDDEN = ("vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9")
"""Codecs with packets that are never shown: one without a frame is no damage."""
_OUTPUT_CORRUPT = 1 << 3
"""AV_CODEC_FLAG_OUTPUT_CORRUPT of FFmpeg."""
_MOST_FAULTS = 16
"""Faults of the file in a row after which it is given up."""
_MOST_WAITING = 256
"""Packets that wait for their frame: decoders reorder at most 16."""


class PacketReader:
    """A video file by PyAV.

    Args:
        path: absolute.
        container: what the file says of itself.
        max_pixels: of a frame; the decoder refuses larger ones.

    Attributes:
        rotation: degrees clockwise that were applied.
        duration: seconds, None: not known.
        frames: declared, None: not declared.
        codec: its name.
        fault: what the file's own structure lacks where reading had to end, "" for nothing.

    Raises:
        ReadError: it cannot be opened, or holds no video stream.
        UnsafeFileError: the file declares larger frames.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, path: str, container: Container, max_pixels: int) -> None:
        av = require("av", extra="video")
        self._error: type[Exception] = av.error.FFmpegError
        cut = "truncated" if container.truncated else "corrupt"
        try:
            self._file = av.open(
                path,
                metadata_errors="replace",
                container_options={"protocol_whitelist": "file"},
            )
        except self._error as error:
            raise ReadError(f"{path!r} cannot be opened: {error}.", status=cut) from error
        streams = self._file.streams.video
        if not streams or streams[0].codec_context is None:
            self.close()
            raise ReadError(
                f"{path!r} must hold a stream of video, it holds none that is known.",
                status="truncated" if container.truncated else "unsupported_format",
            )
        stream = self._stream = streams[0]
        pixels = stream.codec_context.width * stream.codec_context.height
        if pixels > max_pixels:
            self.close()
            raise too_large(path, "pixels a frame", max_pixels, pixels)
        stream.thread_count, stream.thread_type = 1, "NONE"
        # A frame with errors is shown, and said to have them.
        stream.codec_context.flags |= _OUTPUT_CORRUPT
        stream.codec_context.options = {"max_pixels": str(max_pixels)}
        self.codec = str(stream.codec_context.name)
        self.frames = int(stream.frames) or None
        self.duration = float(stream.duration * stream.time_base) if stream.duration else None
        if self.duration is None and self._file.duration:
            self.duration = self._file.duration / av.time_base
        self.rotation, self.fault = 0, ""
        self._start = stream.start_time or 0
        self._order = _Order(self.codec not in _HIDDEN)
        self._ready: deque[Raw] = deque()
        self._frames = self._decoded()

    def read(self) -> Raw | None:
        """Returns the next frame, None at the end."""
        return next(self._frames, None)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _decoded(self) -> Iterator[Raw]:
        faults = 0
        while faults < _MOST_FAULTS:
            try:
                for packet in self._file.demux(self._stream):
                    faults = 0
                    yield from self._packet(packet)
            except self._error as error:
                # Reading goes on behind it; a file that is gone gives one fault after another.
                faults += 1
                self.fault = f"the file cannot be read on: {error}"
            else:
                self.fault = ""
                break
        yield from self._raws(self._order.rest())

    def _packet(self, packet: Any) -> Iterator[Raw]:
        """Yields the frames that a packet brings out of the decoder."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        lasting = packet.size and not packet.is_discard
        if lasting:
            yield from self._raws(self._order.put(stamp))
        try:
            frames = packet.decode()
        except self._error as error:
            frames = []
            if lasting:
                yield from self._raws(
                    self._order.broken(stamp, str(getattr(error, "strerror", None) or error))
                )
        for frame in frames:
            yield from self._raws(self._order.before(frame.pts, frame.interlaced_frame))
            yield self._shown(frame)

    def _shown(self, frame: Any) -> Raw:
        turns = round(frame.rotation / 90) % 4
        self.rotation = -90 * turns % 360
        damaged = self._order.state(frame.is_corrupt, frame.key_frame)
        image = np.rot90(frame.to_ndarray(format="rgb24"), turns)
        events = (("damaged_frame", "decoded with errors"),) if frame.is_corrupt else ()
        return Raw(
            frame.pts, self._seconds(frame.pts), np.ascontiguousarray(image), damaged, events
        )

    def _raws(self, lost: list[tuple[int | None, str]]) -> Iterator[Raw]:
        """Yields a frame without an image for each packet that gave none."""
        for stamp, detail in lost:
            yield Raw(stamp, self._seconds(stamp), None, True, (("damaged_packet", detail),))

    def _seconds(self, stamp: int | None) -> float:
        if stamp is None or self._stream.time_base is None:
            return float("nan")
        return float((stamp - self._start) * self._stream.time_base)


class _Order:
    """Which packets gave no frame, told when a later frame comes; and whether frames are damaged.

    Args:
        all_shown: each packet gives a frame.
    """

    def __init__(self, all_shown: bool) -> None:
        self._all_shown, self._damaged = all_shown, False
        self._waiting: dict[int, str] = {}
        self._errors: set[int] = set()

    def put(self, stamp: int | None) -> list[tuple[int | None, str]]:
        """Notes a packet, and returns the oldest where too many wait: (time stamp, why)."""
        if stamp is None:
            return []
        self._waiting[stamp] = "the decoder gave no frame"
        return self._lost(min(self._waiting) + 1) if len(self._waiting) > _MOST_WAITING else []

    def broken(self, stamp: int | None, why: str) -> list[tuple[int | None, str]]:
        """Notes that a packet cannot be decoded; returns it where no frame can tell its place."""
        if stamp is None:
            self._damaged = True
            return [(None, why)]
        self._waiting[stamp] = why
        self._errors.add(stamp)
        return []

    def before(self, stamp: int | None, interlaced: bool) -> list[tuple[int | None, str]]:
        """Returns the packets that should have been shown before the frame of that time stamp."""
        # Two packets may hold one interlaced frame.
        self._all_shown = self._all_shown and not interlaced
        if stamp is None:
            return []
        lost = self._lost(stamp)
        self._waiting.pop(stamp, None)
        self._errors.discard(stamp)
        return lost

    def rest(self) -> list[tuple[int | None, str]]:
        """Returns the packets that wait at the end of the file."""
        return self._lost(max(self._waiting, default=0) + 1)

    def state(self, corrupt: bool, key: bool) -> bool:
        """Returns whether the next frame is damaged: itself, or since the last key frame."""
        self._damaged = corrupt or (self._damaged and not key)
        return self._damaged

    def _lost(self, stamp: int) -> list[tuple[int | None, str]]:
        """Takes out what waits and is older; returns of it what is damage, in order."""
        old = sorted(one for one in self._waiting if one < stamp)
        told = [(one, self._waiting.pop(one)) for one in old]
        lost: list[tuple[int | None, str]] = [
            (one, why) for one, why in told if self._all_shown or one in self._errors
        ]
        self._errors.difference_update(old)
        self._damaged |= bool(lost)
        return lost
