"""What state a frame of a video is in, from plain statistics of its light.

A frame without a face is not a driver who is gone: the lens may be covered, or the light may be too
weak or too strong to see anyone. States, and which is told where several fit, first to last:

    damaged      the file is damaged there
    ok           a face was found: there is nothing to explain
    too_bright   no face, and nearly all of the picture is white
    covered      no face, nearly nothing to see, and there was something to see before
    too_dark     no face, and nearly all of the picture is black
    no_face      no face, and the picture is as it should be
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.video import VideoFrame
from fiqa.errors import ShapeError

__all__ = ["STATES", "Light", "LightLimits", "Lights", "light_of", "state_of"]

STATES = ("ok", "damaged", "no_face", "covered", "too_dark", "too_bright")
"""The states of a frame."""

_WIDTH = 80
"""Pixels across of the picture that is measured: noise is averaged away, edges of things stay."""


_FALL = 0.5
"""Share of the usual spread and edges below which a picture has changed at once."""


@dataclass(frozen=True)
class Light:
    """Statistics of a picture's luminance, on a scale of 0 to 255.

    Attributes:
        low: the 5th percentile.
        high: the 95th percentile.
        edges: mean difference between neighboring pixels of the picture reduced to 80 across.
    """

    low: float
    high: float
    edges: float


@dataclass(frozen=True)
class LightLimits:
    """Where a picture without a face is said to be dark, bright or covered.

    Measured on 120 frames in a car, 300 photographs and 1031 faces lit from the side; blurred and
    darkened copies of them with noise stand for hands on the lens and for nights. Spread: pictures
    58 and more in 99 of 100, a hand 1 to 46. Edges: pictures 2.6 and more in 99 of 100, a hand .36
    to .82, a tenth of the light .65 to 1.7: there a lens that is covered and a lamp that goes out
    begin to look alike. The 95th percentile: three tenths of the light 43 and more in 95 of 100, a
    tenth at most 25.

    Attributes:
        dark: too dark where `Light.high` is below it.
        bright: too bright where `Light.low` is above it.
        spread: nearly uniform where `high - low` is below it.
        edges: hardly any edges where `Light.edges` is below it.
    """

    dark: float = 40.0
    bright: float = 235.0
    spread: float = 10.0
    edges: float = 0.8

    def __post_init__(self) -> None:
        for name in ("dark", "bright", "spread", "edges"):
            checks.in_range(getattr(self, name), name, 0, 255)


class Lights:
    """The usual light of a stream: the median over its last pictures in which something was seen.

    Args:
        most: how many pictures are remembered.
    """

    def __init__(self, most: int = 300) -> None:
        self._last: deque[Light] = deque(maxlen=most)

    def add(self, light: Light, state: str) -> None:
        """Remembers a picture, unless its lens was covered.

        Args:
            light: of the picture.
            state: what state_of said of it.
        """
        if state != "covered":
            self._last.append(light)

    def state_of(
        self, frame: VideoFrame, faces_found: int, *, limits: LightLimits | None = None
    ) -> str:
        """Returns which of STATES the next frame is in, and remembers its light.

        Args:
            frame: of a video or camera, in the order of time.
            faces_found: faces that the detector found in it, at least 0.
            limits: None is the default.
        """
        image = None if frame.state == "damaged" else frame.image
        light = None if image is None else light_of(image)
        state = state_of(frame, faces_found, light=light, usual=self.usual, limits=limits)
        if light is not None:
            self.add(light, state)
        return state

    @property
    def usual(self) -> Light | None:
        """The median of each statistic; None: no picture came yet."""
        if not self._last:
            return None
        rows = np.array([(one.low, one.high, one.edges) for one in self._last])
        low, high, edges = np.median(rows, axis=0)
        return Light(float(low), float(high), float(edges))


def light_of(image: NDArray[np.uint8]) -> Light:
    """Returns the statistics of a picture's luminance.

    Args:
        image: (H,W,3) uint8 RGB.

    Raises:
        ShapeError: another shape or dtype.

    >>> light_of(np.full((48, 64, 3), 7, np.uint8))
    Light(low=7.0, high=7.0, edges=0.0)
    """
    import cv2

    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ShapeError(f"image must be (H, W, 3) uint8 RGB, got {image.shape} of {image.dtype}.")
    height, width = image.shape[:2]
    small = image
    if width > _WIDTH:
        size = _WIDTH, max(1, round(height * _WIDTH / width))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    low, high = np.percentile(grey, (5, 95))
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    count = across.size + down.size
    edges = (across.sum() + down.sum()) / count if count else 0.0
    return Light(float(low), float(high), float(edges))


def state_of(
    frame: VideoFrame,
    faces_found: int,
    *,
    light: Light | None = None,
    usual: Light | None = None,
    limits: LightLimits | None = None,
) -> str:
    """Returns which of STATES a frame is in.

    Args:
        frame: of a video or camera.
        faces_found: faces that the detector found in it, at least 0.
        light: of its image, where it is known already; None: it is measured.
        usual: the light of the stream before (Lights.usual); None: no picture came before, and a
            lens cannot be told to be covered.
        limits: None is the default.

    >>> state_of(VideoFrame(0, None, 0.0, np.full((48, 64, 3), 3, np.uint8), "ok"), 0)
    'too_dark'
    """
    checks.in_range(faces_found, "faces_found", 0, float("inf"))
    if frame.state == "damaged" or frame.image is None:
        return "damaged"
    if faces_found:
        return "ok"
    limits = limits or LightLimits()
    light = light or light_of(frame.image)
    if light.low > limits.bright:
        return "too_bright"
    if usual is not None and _lit(usual, limits) and _gone(light, usual, limits):
        return "covered"
    return "too_dark" if light.high < limits.dark else "no_face"


def _empty(light: Light, limits: LightLimits) -> bool:
    return light.high - light.low < limits.spread or light.edges < limits.edges


def _gone(light: Light, usual: Light, limits: LightLimits) -> bool:
    """Nearly nothing is to be seen, and not because it has grown dark little by little."""
    sudden = light.high - light.low < _FALL * (usual.high - usual.low)
    return _empty(light, limits) and sudden and light.edges < _FALL * usual.edges


def _lit(light: Light, limits: LightLimits) -> bool:
    return not _empty(light, limits) and light.high >= limits.dark
