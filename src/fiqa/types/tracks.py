"""The nouns of video: one face over time, its best shots, and what happened."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqa.types.fields import FloatArray

__all__ = ["BestShot", "StreamEvent", "Track"]


@dataclass(frozen=True, eq=False)
class BestShot:
    """One chosen frame of a track.

    Attributes:
        frame: its number in the video.
        time: seconds.
        quality: the calibrated score, 0..1.
        raw: the method's own number.
        box: (4,) x, y, width, height in pixels of the frame.
        landmarks: (5,2) pixels of the frame.
        crop: (112,112,3) uint8 RGB, aligned.
        reasons: reason codes, the costliest first.
        advice: what to do about each, in words.
        vector: (D,) of unit length, None without a recognizer.
        path: where the crop was written, "" where it was not.
    """

    frame: int
    time: float
    quality: float
    raw: float
    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    crop: NDArray[np.uint8]
    reasons: tuple[str, ...] = ()
    vector: FloatArray | None = None
    path: str = ""
    advice: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"BestShot(frame {self.frame}, {self.time:.2f} s, quality {self.quality:.2f})"


@dataclass(frozen=True, eq=False)
class Track:
    """One face over time.

    Attributes:
        id: unique among the tracks of a run, `VIDEO-NUMBER`.
        video: as it was given, "" of a stream.
        frames: (N,) int64 numbers of the frames it was seen in; a fiqa.Stream without `history`
            keeps the first and the last.
        times: (N,) float64 seconds.
        boxes: (N,4) float64 x, y, width, height in pixels; between detections the expected ones.
        quality: (N,) float64 in 0..1, NaN where the frame was not scored.
        best: the best shots, best first; empty where none could be proved to be of this face.
        regime: rgb or nir, of most frames.
        person: number of the person in the video, from 1; None without a recognizer.
        purity: share of the identity checks that agreed, None where there were none.
        flags: of FLAGS.
        template: (D,) quality-weighted mean vector of the checked frames, of unit length; None
            without a recognizer.
    """

    id: str
    video: str
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    boxes: NDArray[np.float64]
    quality: NDArray[np.float64]
    best: tuple[BestShot, ...]
    regime: str = "rgb"
    person: int | None = None
    purity: float | None = None
    flags: tuple[str, ...] = ()
    template: FloatArray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def start(self) -> float:
        """Seconds of the first frame."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """Seconds of the last frame."""
        return float(self.times[-1])

    def __repr__(self) -> str:
        best = f", best {self.best[0].quality:.2f}" if self.best else ", no best shot"
        flags = f", {' '.join(self.flags)}" if self.flags else ""
        return (
            f"Track({self.id!r}, {self.start:.2f} to {self.end:.2f} s, frames"
            f" {self.frames[0]:,} to {self.frames[-1]:,}{best}{flags})"
        )


@dataclass(frozen=True, eq=False)
class StreamEvent:
    """Something that happened in a video.

    Attributes:
        kind: one of fiqa.vocabulary.STREAM_EVENTS.
        frame: its number.
        time: seconds.
        track: whose, "" where it is of the whole frame.
        detail: more, in words.
        ended: the whole track where kind is `track_ended`, else None.
    """

    kind: str
    frame: int
    time: float
    track: str = ""
    detail: str = ""
    ended: Track | None = None
