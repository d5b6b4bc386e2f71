"""A video that the service looks at, as its client sees it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Job", "SelectedFace", "SelectedShot", "job_of"]


@dataclass(frozen=True)
class SelectedShot:
    """One chosen frame of a face.

    Attributes:
        frame: its number in the video, from 0.
        time: seconds.
        score: in 0..1, higher is better.
        raw: the method's own number.
        reasons, advice: what is wrong and what to do.
        box: x, y, width, height in pixels of the frame.
        landmarks: five points.
        crop: the aligned face as the bytes of a PNG; None where it was not asked for.
    """

    frame: int
    time: float
    score: float
    raw: float
    reasons: list[str]
    advice: list[str]
    box: list[float]
    landmarks: list[list[float]]
    crop: bytes | None


@dataclass(frozen=True)
class SelectedFace:
    """One face over time.

    Attributes:
        id: which face of the video.
        start, end: seconds.
        frames: in how many it was seen.
        regime: rgb or nir.
        person: number of the person in the video, from 1; None without a recognizer.
        flags: what there is to know of it.
        best: the best first.
    """

    id: str
    start: float
    end: float
    frames: int
    regime: str
    person: int | None
    flags: list[str]
    best: list[SelectedShot]


@dataclass(frozen=True)
class Job:
    """A video and what became of it.

    Attributes:
        id: of it.
        state: queued, running, done, failed or cancelled.
        frames_done, frames_total: how far it is; the total is 0 where the file does not say.
        status: ok, or why nothing could be had of it; None before it has ended.
        meaning: that in a sentence.
        tracks: the faces, where it is done.
    """

    id: str
    state: str
    frames_done: int
    frames_total: int
    status: str | None
    meaning: str | None
    tracks: list[SelectedFace]

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state not in ("queued", "running")


def job_of(told: dict[str, Any]) -> Job:
    """Returns the job that an answer tells; what a later version adds is left out.

    Args:
        told: the JSON of /v1/jobs/{id}.
    """
    return _known(Job, {**told, "tracks": [_face(track) for track in told["tracks"]]})


def _face(told: dict[str, Any]) -> SelectedFace:
    shots = [
        _known(SelectedShot, {**shot, "crop": shot["crop"] and base64.b64decode(shot["crop"])})
        for shot in told["best"]
    ]
    return _known(SelectedFace, {**told, "best": shots})


def _known(kind: type[Any], told: dict[str, Any]) -> Any:
    return kind(**{field.name: told[field.name] for field in fields(kind)})
