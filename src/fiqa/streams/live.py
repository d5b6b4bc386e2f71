"""A track that is not over: where its face is, whose it is, and what it may end with."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.tracking import Motion
from fiqa.functional.best_shots import within_floor
from fiqa.streams.identity import Identity
from fiqa.streams.shots import Shot, Shots
from fiqa.types import BestShot

__all__ = ["History", "LiveTrack"]


class History:
    """The frames of a track as they became certain.

    Args:
        full: keep every frame; otherwise only how many there were, the first and the last.
    """

    def __init__(self, full: bool) -> None:
        self._full = full
        self.frames, self.numbers = array("q"), array("d")

    def add(self, frame: int, time: float, box: list[float], quality: float) -> None:
        """Takes the next frame in.

        Args:
            frame: its number.
            time: seconds.
            box: x, y, width, height.
            quality: NaN where it was not scored.
        """
        if not self._full and len(self.frames) == 2:
            del self.frames[1:], self.numbers[6:]
        self.frames.append(frame)
        self.numbers.extend((time, *box, quality))

    def __len__(self) -> int:
        return len(self.frames)

    def columns(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Returns frames, times, boxes and qualities as arrays."""
        table = np.array(self.numbers, np.float64).reshape(-1, 6)
        return np.array(self.frames, np.int64), table[:, 0], table[:, 1:5], table[:, 5]


@dataclass(eq=False)
class LiveTrack:
    """A track that is not over.

    Attributes:
        number: from 1, in the order of their beginning.
        motion: where its face is.
        shots: what it may end with.
        identity: whose face it is, None without a recognizer.
        history: its frames.
        born: seconds, of its first frame.
        above: whether it is above the floor now.
        checked: number of the frame of its last check.
        detections: how often its face was found.
        lost_since: seconds since when it is not seen, None while it is.
        regimes: rgb or nir -> how many frames.
        flags: of fiqa.vocabulary.TRACK_FLAGS.
        suspects: shots before its first doubt that nobody has checked.
        merged: the older track of the same face that it goes on as, None where there is none.
    """

    number: int
    motion: Motion
    shots: Shots
    identity: Identity | None
    history: History
    born: float
    above: bool = False
    checked: int = -1
    detections: int = 0
    lost_since: float | None = None
    regimes: Counter[str] = field(default_factory=Counter)
    flags: set[str] = field(default_factory=set)
    suspects: list[BestShot] = field(default_factory=list)
    merged: LiveTrack | None = None

    @property
    def final(self) -> LiveTrack:
        """The track that this one goes on as: itself, unless it was merged."""
        track = self
        while track.merged is not None:
            track = track.merged
        return track

    @property
    def regime(self) -> str:
        """rgb or nir, of most frames."""
        return max(sorted(self.regimes), key=self.regimes.__getitem__) if self.regimes else "rgb"

    def observe(self, shot: BestShot, floor: tuple[float, float], regime: str) -> None:
        """Takes a scored frame in.

        Args:
            shot: what it would be as a best shot.
            floor: (on, off).
            regime: of the frame.
        """
        self.above = within_floor(shot.quality, self.above, floor)
        self.shots.add(Shot(shot, self.above))
        self.regimes[regime] += 1

    def absorb(self, other: LiveTrack) -> None:
        """Goes on with the face of another track, which is the same.

        Args:
            other: the younger one; it becomes a part of this.
        """
        self.motion, self.above, self.lost_since = other.motion, other.above, None
        self.checked = other.checked
        self.detections += other.detections
        self.regimes.update(other.regimes)
        self.shots.drop()
        self.shots.absorb(other.shots)
        if self.identity is not None and other.identity is not None:
            self.identity.absorb(other.identity)
        other.merged = self
