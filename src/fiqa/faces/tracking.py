"""How faces move from frame to frame: boxes of constant velocity, who is who among new detections,
and scene cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.functional.association import assignment, iou

__all__ = ["Motion", "SceneCuts", "in_contact", "match"]

Box = NDArray[np.float64]

_LEAST_OVERLAP = 0.2
"""The overlap under which a detection is never where a track was predicted."""
_TOUCH = 0.05
"""The overlap of two predicted boxes from which they may be taken for each other."""
_MIX = 0.5
"""How much of a velocity is that of the last step."""
_SIDE = 32
"""Pixels to which frames are shrunk to see a cut."""
_CUT = 28.0
"""Grey levels of mean difference that make a cut, where the frame before was calm."""
_TIMES_CALM = 4.0
"""How many times the usual difference of frames a cut has."""
_CALM = 12
"""Frames that say what is usual."""


@dataclass
class Motion:
    """Where a face is, and how it moves.

    Its center goes on with constant velocity, its size stays.

    Attributes:
        box: (4,) x, y, width, height in pixels, when it was last seen.
        time: seconds, of that.
        velocity: (2,) pixels a second.
        steps: how often it was seen again.
    """

    box: Box
    time: float
    velocity: Box = field(default_factory=lambda: np.zeros(2))
    steps: int = 0

    def at(self, time: float) -> Box:
        """Returns the box (4,) that is expected at a time.

        Args:
            time: seconds, not before the last.
        """
        moved = self.box.copy()
        moved[:2] += self.velocity * (time - self.time)
        return moved

    def seen(self, box: Box, time: float) -> None:
        """Goes on from a new detection.

        Args:
            box: (4,) as `box`.
            time: seconds, after the last.
        """
        was, now = (b[:2] + b[2:] / 2 for b in (self.box, np.asarray(box, np.float64)))
        step = (now - was) / max(time - self.time, 1e-6)
        # The first step is all that is known.
        share = _MIX if self.steps else 1.0
        self.velocity = (1 - share) * self.velocity + share * step
        self.box, self.time, self.steps = np.asarray(box, np.float64).copy(), time, self.steps + 1


def in_contact(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns (N,) True for each box that touches another: those two may be taken for each other.

    Args:
        boxes: (N,4).

    >>> in_contact(np.array([[0, 0, 9, 9], [5, 0, 9, 9], [50, 0, 9, 9]])).tolist()
    [True, True, False]
    """
    overlap = iou(boxes, boxes)
    np.fill_diagonal(overlap, 0.0)
    return np.asarray(overlap.max(axis=1, initial=0.0) > _TOUCH)


def match(
    motions: Sequence[Motion],
    boxes: NDArray[np.float64],
    time: float,
    *,
    likeness: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Returns which detection is which motion, (P,2) pairs of their rows.

    Args:
        motions: T of them.
        boxes: (N,4) detections.
        time: seconds, of the detections.
        likeness: (T,N) cosine of each motion's face and each detection, NaN where it was not asked;
            it is added to the overlap where it is known.
    """
    if not motions or not len(boxes):
        return np.empty((0, 2), np.int64)
    overlap = iou(np.stack([motion.at(time) for motion in motions]), boxes)
    worth = np.where(overlap >= _LEAST_OVERLAP, overlap, 0.0)
    if likeness is not None:
        like = np.nan_to_num(likeness, nan=0.0).clip(0.0, 1.0)
        worth = np.where(worth > 0, worth + 2.0 * like, 0.0)
    return assignment(worth, least=_LEAST_OVERLAP)


class SceneCuts:
    """Tells where one scene ends and another begins: the mean difference of consecutive frames is
    large, and several times what it was before."""

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None
        self._usual: list[float] = []

    def seen(self, image: NDArray[np.uint8]) -> bool:
        """Takes the next frame, and returns whether it begins another scene.

        Args:
            image: (H,W,3) uint8 RGB.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
        # The mean is left out: a tunnel darkens all of a frame and is no cut.
        flat = small - small.mean()
        last, self._last = self._last, flat
        if last is None or last.shape != flat.shape:
            return False
        change = float(np.abs(flat - last).mean())
        usual = float(np.median(self._usual)) if self._usual else 0.0
        cut = change > max(_CUT, _TIMES_CALM * usual)
        self._usual = [] if cut else [*self._usual, change][-_CALM:]
        return cut

    def forget(self) -> None:
        """Forgets the frames before: those of a covered lens are no scene."""
        self._last = None
