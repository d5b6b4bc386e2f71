"""A video or camera, frame by frame: faces become tracks, and tracks end with their best shots."""

from __future__ import annotations

import math
import time as clock
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.samples import looks_grey
from fiqa.data.video import VideoFrame
from fiqa.errors import InputError
from fiqa.faces.detection import Detector
from fiqa.faces.tracking import SceneCuts
from fiqa.streams.ending import Persons, ended
from fiqa.streams.engine import Engine, Found
from fiqa.streams.live import LiveTrack
from fiqa.streams.live_tracks import LiveTracks
from fiqa.streams.settings import Settings
from fiqa.streams.states import Light, Lights, light_of, state_of
from fiqa.types import PathLike, Recognizer, Scorer, StreamEvent

__all__ = ["Row", "Stream"]

Row = dict[str, Any]

_HOLD = 1.0
"""Seconds by which rows are late: until then a face may turn out to be another track's."""
_SETTLED = 0.5
"""Seconds for which a state holds before it is an event."""
_LAG, _LEAST_OFTEN = 0.1, 0.5
"""Seconds behind the clock from which detections are dropped, and between those that never are."""


@dataclass(eq=False)
class _Draft:
    """A row that is not certain yet."""

    row: Row
    time: float
    track: LiveTrack | None


class Stream:
    """Finds the best shots of every face in a stream of frames, in bounded memory.

        stream = fiqa.Stream(recognizer="recognizer.onnx")
        for time, frame in camera:
            for event in stream.push(frame, time=time):
                ...
        for event in stream.close():
            ...

    A track is over when its face was not seen for a second (31 with a recognizer, which can know it
    again), when the scene is cut, or when the stream is closed.

    Args:
        k: best shots of a track, at least 1.
        detect_every: faces are looked for in every so manieth frame; between, boxes go on with
            constant velocity.
        embed_every: a face is compared with its track's at least every so many frames.
        recognizer: an .onnx file with its card, a name in FIQA_HOME, or any object with `name` and
            `embed(crops)`. None: tracks hold by the overlap of boxes alone and have the flag
            identity_unverified.
        threshold: the cosine from which two faces are of one person; None is the recognizer's own
            at a false match rate of 1e-3, from its card.
        regime: auto, rgb or nir.
        floor: (on, off) quality at which a track comes to be above the floor, and below which it
            falls again, 0..1.
        gap: seconds from which two best shots are fully apart.
        max_tracks: tracks that are open or may be resumed at once.
        realtime: leave out detections where the work falls behind the clock.
        language: of the advice of best shots: en, de, zh or es.
        model: a quality method's name, the path of an .onnx file with its card, or a scorer.
        detector: auto, yunet or dlib, or any object with `name` and `detect(image)`, whose points
            are taken as they are; fiqa.faces.points.RefiningDetector(it) looks at them again.
        weights: path of the detector's model file.
        name: what the ids of tracks begin with.
        history: keep every frame of a track for its Track; otherwise its first and last.
        rows: called with the row of each frame and face, about a second late.

    Raises:
        UnknownNameError: no such detector, method, regime or language.
        InputError: a number out of range; a recognizer whose threshold nobody tells.
        DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
    """

    def __init__(
        self,
        *,
        k: int = 3,
        detect_every: int = 3,
        embed_every: int = 10,
        recognizer: PathLike | Recognizer | None = None,
        threshold: float | None = None,
        regime: str = "auto",
        floor: tuple[float, float] = (0.5, 0.4),
        gap: float = 1.0,
        max_tracks: int = 16,
        realtime: bool = False,
        language: str = "en",
        model: str | Scorer | None = None,
        detector: str | Detector = "auto",
        weights: str | None = None,
        name: str = "stream",
        history: bool = False,
        rows: Callable[[Row], object] | None = None,
    ) -> None:
        self.how = Settings(
            k, detect_every, embed_every, regime, floor, gap, max_tracks, realtime, language
        )
        self.name = name
        self.engine = Engine.of(model, detector, weights, recognizer, threshold, language)
        self._rows = rows
        self._tracks = LiveTracks(self.engine, self.how, self, history=history)
        self._drafts: deque[_Draft] = deque()
        self._events: list[StreamEvent] = []
        self._cuts, self._persons = SceneCuts(), Persons(self.engine.threshold)
        self._count = 0
        self._frame, self._time = -1, -math.inf
        self._looked: tuple[int, float] | None = None
        self._grey = False
        self._lights = Lights()
        self._usual: Light | None = None
        self._now = "ok"
        self._states = ("ok", "ok", -math.inf)
        self._clock: tuple[float, float] | None = None
        self.detections_due = self.detections_dropped = 0

    @property
    def dropped_share(self) -> float:
        """Share of the detections that were due and left out for the clock, 0..1."""
        return self.detections_dropped / self.detections_due if self.detections_due else 0.0

    def push(
        self,
        frame: NDArray[np.uint8] | None,
        *,
        time: float,
        number: int | None = None,
        pts: int | None = None,
        state: str = "ok",
    ) -> list[StreamEvent]:
        """Takes the next frame and returns what happened.

        Args:
            frame: (H,W,3) uint8 RGB, upright; None where nothing could be decoded.
            time: seconds, after the last.
            number: of the frame; None counts.
            pts: the file's own time, for the rows.
            state: what the reader says: ok, or damaged. A damaged frame is not looked at.

        Raises:
            InputError: a time that is not after the last.
            ShapeError: something else than an image.
        """
        if not time > self._time:
            raise InputError(f"time must be after the last, {self._time}, got {time}.")
        self._events = []
        self._frame = self._count if number is None else number
        self._count, self._time = self._count + 1, float(time)
        image = None
        if frame is not None:
            image = checks.array(frame, "frame", shape=("H", "W", 3), dtype=np.uint8)
        whole = VideoFrame(self._frame, pts, self._time, image, state)
        seen = self._seen(whole)
        self._tracks.expire(self._time)
        self._draft(whole, seen)
        self._settle()
        return self._events

    def close(self) -> list[StreamEvent]:
        """Ends every track and returns what happened."""
        self._events = []
        for track in list(self._tracks.all):
            self.end(track, "open_at_end" if track.lost_since is None else "")
        self._flush(math.inf)
        return self._events

    # -- what tracks ask for -----------------------------------------------------------------------

    def tell(self, kind: str, track: LiveTrack | None = None, detail: str = "") -> None:
        """Adds an event of this frame.

        Args:
            kind: one of fiqa.vocabulary.STREAM_EVENTS.
            track: whose, None where it is of the whole frame.
            detail: more, in words.
        """
        name = "" if track is None else self._id(track)
        self._events.append(StreamEvent(kind, self._frame, self._time, name, detail))

    def end(self, track: LiveTrack, flag: str = "") -> None:
        """Ends a track: its best shots are chosen.

        Args:
            track: one that is not over.
            flag: of fiqa.vocabulary.TRACK_FLAGS, why it ends.
        """
        track.flags |= {flag} if flag else set()
        self._tracks.all.remove(track)
        if any(draft.track is not None and draft.track.final is track for draft in self._drafts):
            self._flush(math.inf)
        whole = ended(track, self._id(track), self.how, self.engine, self._persons)
        if whole is not None:
            self._events.append(
                StreamEvent("track_ended", self._frame, self._time, whole.id, "", whole)
            )

    def moved(self, old: LiveTrack, new: LiveTrack, first: int) -> None:
        """Gives the rows of a track from a frame on, as far as they are not certain, to another.

        Args:
            old: whose they were.
            new: whose they are.
            first: number of the frame.
        """
        for draft in self._drafts:
            if draft.track is old and draft.row["frame"] >= first:
                draft.track = new

    # -- one frame ---------------------------------------------------------------------------------

    def _seen(self, frame: VideoFrame) -> Mapping[LiveTrack, Found | None]:
        """Returns the tracks that a frame shows, with their faces where it was looked at; `_now`
        has its state then."""
        image = frame.image
        if image is None or frame.state == "damaged":
            self._now = "damaged"
            return {}
        light = light_of(image)
        if state_of(frame, 0, light=light, usual=self._usual) != "no_face":
            # What a hand or the dark hides is no other scene.
            self._cuts.forget()
        elif self._cuts.seen(image):
            self._cut()
        looked = self._due()
        seen: Mapping[LiveTrack, Found | None] = self._expected()
        if looked:
            self._looked = self._frame, self._time
            regime = self.how.regime
            self._grey = looks_grey(image) if regime == "auto" else regime == "nir"
            faces = self.engine.find(image)
            self._tracks.look(faces, self._frame, self._time, grey=self._grey)
            seen = self._tracks.found
        self._now = state_of(frame, len(seen), light=light, usual=self._usual)
        if looked:
            self._lights.add(light, self._now)
            self._usual = self._lights.usual
        return seen

    def _cut(self) -> None:
        self.tell("scene_cut")
        for track in list(self._tracks.all):
            self.end(track, "scene_cut")
        self._looked = None

    def _due(self) -> bool:
        """Whether faces are looked for in this frame."""
        if self._looked is not None and self._frame - self._looked[0] < self.how.detect_every:
            return False
        self.detections_due += 1
        if not self.how.realtime:
            return True
        now = clock.monotonic()
        if self._clock is None:
            self._clock = now, self._time
        late = (now - self._clock[0]) - (self._time - self._clock[1]) > _LAG
        long_ago = self._looked is None or self._time - self._looked[1] >= _LEAST_OFTEN
        dropped = late and not long_ago
        self.detections_dropped += dropped
        return not dropped

    # -- rows --------------------------------------------------------------------------------------

    def _draft(self, frame: VideoFrame, seen: Mapping[LiveTrack, Found | None]) -> None:
        """Drafts the rows of this frame and lets go of those that are certain."""
        row: Row = {
            "frame": frame.number,
            "pts": frame.pts,
            "time_s": frame.time,
            "state": self._now,
        }
        for track, face in sorted(seen.items(), key=lambda item: item[0].number):
            box = [float(value) for value in track.motion.at(self._time)]
            about = {"regime": "nir" if self._grey else "rgb", "bbox": box}
            numbers = {} if face is None else face.numbers()
            self._drafts.append(_Draft(row | about | numbers, self._time, track))
        if not seen:
            self._drafts.append(_Draft(row, self._time, None))
        self._flush(self._time - _HOLD)

    def _expected(self) -> dict[LiveTrack, Found | None]:
        """The tracks that the last look found."""
        if self._looked is None:
            return {}
        last = self._looked[1]
        return {track: None for track in self._tracks.open_() if track.motion.time >= last}

    def _flush(self, until: float) -> None:
        while self._drafts and self._drafts[0].time <= until:
            draft = self._drafts.popleft()
            row: Row = {**draft.row, "track": None}
            if draft.track is not None:
                track = draft.track.final
                row["track"] = self._id(track)
                quality = row.get("quality", math.nan)
                track.history.add(row["frame"], draft.time, row["bbox"], quality)
            if self._rows is not None:
                self._rows(row)

    def _settle(self) -> None:
        """Tells of a state that has held for half a second."""
        told, now, since = self._states
        if self._now != now:
            now, since = self._now, self._time
        if now != told and self._time - since >= _SETTLED:
            told = now
            self.tell("state_changed", detail=now)
        self._states = told, now, since

    def _id(self, track: LiveTrack) -> str:
        return f"{self.name}-{track.number}"
