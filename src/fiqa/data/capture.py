"""Frames by OpenCV: files and cameras. Damage that OpenCV cannot pass over ends the frames; frames
that it patched are not told apart from others."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from fiqa.data.containers import Container
from fiqa.data.video import Raw, too_large
from fiqa.errors import ReadError

__all__ = ["CameraCapture", "FileCapture", "open_camera"]

_SILENT = 0
"""OpenCV's level of its log at which it writes nothing."""
_COUNTED = ("mp4", "avi")
"""Kinds of file that declare their frames; of others OpenCV multiplies length and rate."""


def _capture(source: str | int, api: int) -> Any:
    """Returns an OpenCV capture; its decoder writes nothing to stderr."""
    # Read once, when the decoder is loaded; what a file lacks is an event or an error here.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    # OpenCV 5 has moved them.
    log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(_SILENT)
    try:
        return cv2.VideoCapture(source, api)
    finally:
        log.setLogLevel(level)


class FileCapture:
    """A video file by OpenCV.

    Args:
        path: absolute.
        container: what the file says of itself.
        max_pixels: of a frame, before the first is converted.

    Attributes:
        rotation: degrees clockwise that were applied.
        duration: seconds, None: not known.
        frames: declared, None: not declared.
        codec: the four letters of it.
        fault: "": OpenCV does not say why frames end.

    Raises:
        ReadError: OpenCV cannot open it; truncated where the file is cut off.
        UnsafeFileError: the file declares larger frames.
    """

    def __init__(self, path: str, container: Container, max_pixels: int) -> None:
        import cv2

        self._cv2, self._begun = cv2, False
        self._video = _capture(path, cv2.CAP_FFMPEG)
        if not self._video.isOpened():
            raise ReadError(
                f"{path!r} must hold a video that can be decoded, OpenCV cannot open it.",
                status="truncated" if container.truncated else "corrupt",
            )
        pixels = self._number(cv2.CAP_PROP_FRAME_WIDTH) * self._number(cv2.CAP_PROP_FRAME_HEIGHT)
        if pixels > max_pixels:
            self.close()
            raise too_large(path, "pixels a frame", max_pixels, int(pixels))
        self._video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.rotation = int(self._number(cv2.CAP_PROP_ORIENTATION_META)) % 360
        rate, count = self._number(cv2.CAP_PROP_FPS), self._number(cv2.CAP_PROP_FRAME_COUNT)
        self.frames = int(count) if count >= 1 and container.kind in _COUNTED else None
        self.duration = count / rate if count >= 1 and rate > 0 else None
        code = int(self._number(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        letters = code.to_bytes(4, "little").decode("ascii", "replace")
        self.codec = "".join(c for c in letters if c.isprintable()).strip()
        self.fault = ""

    def read(self) -> Raw | None:
        """Returns the next frame, None at the end or where the decoder gives up."""
        done, image = self._video.read()
        if not done or image is None:
            return None
        seconds = self._number(self._cv2.CAP_PROP_POS_MSEC) / 1000
        # OpenCV says 0 of a frame without a time, and of the first.
        known, self._begun = seconds != 0 or not self._begun, True
        return Raw(None, seconds if known else float("nan"), _rgb(image))

    def close(self) -> None:
        """Lets go of the file."""
        self._video.release()

    def _number(self, code: int) -> float:
        value = float(self._video.get(code))
        return value if np.isfinite(value) else 0.0


class CameraCapture:
    """A camera by OpenCV; time is that of this computer, from the first frame on.

    Args:
        number: of the camera.

    Attributes:
        rotation: 0.
        duration: None.
        frames: None.
        codec: "camera".
        fault: "".

    Raises:
        ReadError: there is no such camera, or it is in use.
    """

    def __init__(self, number: int) -> None:
        import cv2

        api = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        self._video = _capture(number, api)
        self._start: float | None = None
        self.rotation, self.codec, self.fault = 0, "camera", ""
        self.duration: float | None = None
        self.frames: int | None = None
        if not self._video.isOpened():
            raise ReadError(
                f"camera:{number} cannot be opened: it is not there, or in use.",
                status="not_found",
            )

    def read(self) -> Raw | None:
        """Returns the next frame, None where the camera gives none."""
        if not self._video.grab():
            return None
        now = time.monotonic()
        done, image = self._video.retrieve()
        if not done or image is None:
            return None
        self._start = now if self._start is None else self._start
        return Raw(None, now - self._start, _rgb(image))

    def close(self) -> None:
        """Lets go of the camera."""
        self._video.release()


def open_camera(number: int) -> CameraCapture:
    """Returns a camera that is open.

    Args:
        number: of the camera.

    Raises:
        ReadError: there is no such camera, or it is in use.
    """
    return CameraCapture(number)


def _rgb(image: Any) -> Any:
    """Returns OpenCV's picture as RGB; grey ones are repeated."""
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image[:, :, 2::-1])
