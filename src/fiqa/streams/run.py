"""A run of `select`: planned, made clip by clip, in memory or into a folder."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from fiqa import checks
from fiqa.data.store import hash_rows, make_record, sha256_file
from fiqa.data.video import BACKENDS, VideoLimits
from fiqa.errors import InputError, ReadError
from fiqa.evaluation.match_chance import MatchChance, read_match_chance
from fiqa.faces.points import points_record
from fiqa.progress import Told
from fiqa.streams.clips import Clip, Sources, clips, opened
from fiqa.streams.engine import Engine
from fiqa.streams.settings import Settings
from fiqa.streams.stream import Row, Stream
from fiqa.types import PathLike, Recognizer, StreamEvent, Track

__all__ = ["ClipResult", "Selecting", "Summary", "plan"]


@dataclass
class ClipResult:
    """What became of a clip.

    Attributes:
        clip: which.
        tracks: in the order in which they ended.
        events: of the stream and of the file, without the tracks themselves.
        frames: how many were read.
        seconds: of the last one.
        due: detections that were due.
        dropped: of them, those left out for the clock.
        work: seconds of processor time it took.
        status: ok, or why nothing could be read.
        damaged: whether frames are damaged or missing.
    """

    clip: Clip
    tracks: list[Track] = field(default_factory=list)
    events: list[StreamEvent] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0
    due: int = 0
    dropped: int = 0
    work: float = 0.0
    status: str = "ok"
    damaged: bool = False


@dataclass(frozen=True)
class Selecting:
    """A run that is decided and not begun.

    Attributes:
        clips: what is read.
        how: the numbers of tracks and best shots.
        model: of quality, as fiqa.Stream.
        detector: as fiqa.Stream.
        weights: as fiqa.Stream.
        recognizer: as fiqa.Stream.
        threshold: as fiqa.Stream.
        backend: of videos, as fiqa.data.video.open_video.
        limits: of videos, None is the default.
        rate: frames a second of images, which have no times.
        calibration: of the scores, as fiqa.score; None is none.
    """

    clips: tuple[Clip, ...]
    how: Settings
    model: Any = None
    detector: Any = "auto"
    weights: str | None = None
    recognizer: PathLike | Recognizer | None = None
    threshold: float | None = None
    backend: str = "auto"
    limits: VideoLimits | None = None
    rate: float = 30.0
    calibration: PathLike | None = None

    def __post_init__(self) -> None:
        checks.choice(self.backend, "backend", BACKENDS)
        checks.in_range(self.rate, "rate", 0.0, 1e6, open_low=True)

    @cached_property
    def engine(self) -> Engine:
        """Detector, quality model and recognizer, loaded when first used."""
        return Engine.of(
            self.model,
            self.detector,
            self.weights,
            self.recognizer,
            self.threshold,
            self.how.language,
        )

    @cached_property
    def chance(self) -> MatchChance | None:
        """From a score to the chance of a correct match, None where it is not asked for."""
        if self.calibration is None:
            return None
        found = read_match_chance(self.calibration)
        if found.by not in (None, "regime"):
            raise InputError(
                "A calibration for videos must have one curve, or those of the column 'regime', it"
                f" has those of {found.by!r}.",
                hint="fiqa calibrate --by regime",
            )
        found.check(self.engine.scorer.name)
        return found

    def refuse_calibration(self) -> None:
        """Refuses a calibration where no table of frames is written. Raises InputError."""
        if self.calibration is not None:
            raise InputError(
                "A calibration must come with a folder for the table of frames, got none.",
                hint="-o DIR",
            )

    def record(self) -> dict[str, Any]:
        """Returns what decides the outcome, for the sidecar."""
        engine = self.engine
        arguments = asdict(self.how) | {
            "floor": list(self.how.floor),
            "model": engine.scorer.name,
            "version": engine.scorer.version,
            "detector": engine.detector.name,
            **points_record(engine.detector),
            "recognizer": None if engine.recognizer is None else engine.recognizer.name,
            "recognizer_version": str(getattr(engine.recognizer, "version", "")),
            "threshold": engine.threshold,
            "backend": self.backend,
            "limits": asdict(self.limits or VideoLimits()),
            "rate": self.rate,
        }
        inputs = {"clips": hash_rows(clip.state() for clip in self.clips)}
        if self.calibration is not None:
            inputs["calibration"] = sha256_file(self.calibration)
        return make_record("select", arguments=arguments, inputs=inputs)

    def play(
        self,
        clip: Clip,
        told: Told,
        *,
        rows: Callable[[Row], object] | None = None,
        ended: Callable[[Track], Track] | None = None,
    ) -> ClipResult:
        """Returns what becomes of a clip.

        Args:
            clip: one of `clips`.
            told: called with (stage, frames done, of how many).
            rows: called with each row of the table of frames; then tracks keep only their first and
                last frame.
            ended: called with each track when it ends; returns what is kept of it.

        A clip that cannot be read is a result with a status.
        """
        result = ClipResult(clip)
        stream = Stream(
            **asdict(self.how),
            model=self.engine.scorer,
            detector=self.engine.detector,
            recognizer=self.engine.recognizer,
            threshold=self.engine.threshold,
            name=clip.name,
            history=rows is None,
            rows=rows,
        )
        began = clock.process_time()

        def take(events: list[StreamEvent]) -> None:
            for event in events:
                if event.ended is not None:
                    track = replace(event.ended, video=str(clip.source))
                    result.tracks.append(track if ended is None else ended(track))
                result.events.append(replace(event, ended=None))

        try:
            for frame in self._frames(clip, result, told):
                take(
                    stream.push(
                        frame.image,
                        time=frame.time,
                        number=frame.number,
                        pts=frame.pts,
                        state=frame.state,
                    )
                )
        except ReadError as error:
            result.status = error.status
            what = f"{error.status}: {error.message}"
            result.events.append(StreamEvent("not_read", -1, result.seconds, "", what))
        take(stream.close())
        result.work = clock.process_time() - began
        result.due, result.dropped = stream.detections_due, stream.detections_dropped
        result.events.sort(key=lambda event: event.time)
        return result

    def _frames(self, clip: Clip, result: ClipResult, told: Told) -> Iterator[Any]:
        """Yields the frames of a clip, and writes into its result what the file told."""
        with opened(clip, backend=self.backend, limits=self.limits, rate=self.rate) as frames:
            total = getattr(frames, "frames", None) or 0
            for frame in frames:
                yield frame
                result.frames, result.seconds = result.frames + 1, frame.time
                told(f"select {clip.name}", result.frames, max(total, result.frames))
            result.damaged = frames.damaged
            result.events += [
                StreamEvent(kind, -1, time, "", detail) for time, kind, detail in frames.events
            ]


def plan(
    video: Sources,
    *,
    recognizer: PathLike | Recognizer | None = None,
    threshold: float | None = None,
    model: Any = None,
    detector: Any = "auto",
    weights: str | None = None,
    backend: str = "auto",
    limits: VideoLimits | None = None,
    rate: float = 30.0,
    calibration: PathLike | None = None,
    **how: Any,
) -> Selecting:
    """Returns the run that fiqa.select with the same arguments makes; raises as it."""
    return Selecting(
        tuple(clips(video)),
        Settings(**how),
        model,
        detector,
        weights,
        recognizer,
        threshold,
        backend,
        limits,
        rate,
        calibration,
    )


@dataclass(frozen=True)
class Summary:
    """What became of a run.

    Attributes:
        clips: how many there were.
        failed: of them, those of which nothing could be read, or some frames are damaged.
        tracks: how many faces were followed.
        shots: how many best shots there are.
        frames: how many were read now.
        seconds: of video that were read now.
        work: seconds of processor time that took.
        dropped: share of the due detections that were left out for the clock.
        current: True where the folder was there already and nothing was done.
    """

    clips: int
    failed: int
    tracks: int
    shots: int
    frames: int = 0
    seconds: float = 0.0
    work: float = 0.0
    dropped: float = 0.0
    current: bool = False

    @classmethod
    def of(cls, results: Sequence[ClipResult]) -> Summary:
        """Returns the summary of clips that were played now.

        Args:
            results: of each clip.
        """
        due = sum(result.due for result in results)
        return cls(
            clips=len(results),
            failed=sum(result.status != "ok" or result.damaged for result in results),
            tracks=sum(len(result.tracks) for result in results),
            shots=sum(len(track.best) for result in results for track in result.tracks),
            frames=sum(result.frames for result in results),
            seconds=sum(result.seconds for result in results),
            work=sum(result.work for result in results),
            dropped=sum(result.dropped for result in results) / due if due else 0.0,
        )

    def line(self) -> str:
        """Returns the counts in one line.

        >>> Summary(1, 0, 2, 6, frames=300, seconds=10.0, work=2.0).line()
        '1 clip: 2 tracks, 6 best shots; 300 frames, 6.7 ms each, 5.0 times real time on one core'
        """
        text = f"{_some(self.clips, 'clip')}: {_some(self.tracks, 'track')}"
        text += f", {_some(self.shots, 'best shot')}"
        if self.failed:
            text += f"; {self.failed} damaged or not read"
        if self.frames and self.work > 0:
            text += f"; {self.frames:,} frames, {1000 * self.work / self.frames:.1f} ms each"
            text += f", {self.seconds / self.work:.1f} times real time on one core"
        if self.dropped:
            text += f"; {self.dropped:.0%} of the detections were left out for the clock"
        return text


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"
