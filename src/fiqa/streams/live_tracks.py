"""All tracks that are not over: which face is whose, and whether it stays so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.tracking import Motion, in_contact, match
from fiqa.streams.engine import Engine, Found
from fiqa.streams.identity import Identity
from fiqa.streams.live import History, LiveTrack
from fiqa.streams.settings import Settings
from fiqa.streams.shots import Shots
from fiqa.types import FloatArray

__all__ = ["LiveTracks", "Owner"]

_LOST_AFTER = 1.0
"""Seconds without its face after which a track is lost."""
_RELINK_WITHIN = 30.0
"""Seconds within which a lost track can be seen again."""
_YOUNG = 1.0
"""Seconds in which a track may turn out to be an older one."""


class Owner(Protocol):
    """Whose tracks they are."""

    def tell(self, kind: str, track: LiveTrack | None = None, detail: str = "") -> None:
        """Tells of an event."""
        ...

    def end(self, track: LiveTrack, flag: str = "") -> None:
        """Ends a track."""
        ...

    def moved(self, old: LiveTrack, new: LiveTrack, first: int) -> None:
        """Takes rows from frame `first` on from an old track to a new one."""
        ...


class LiveTracks:
    """The tracks of a stream that are not over.

    Args:
        engine: looks at faces.
        how: the numbers.
        owner: is told, and ends tracks.
        history: keep every frame of a track.

    Attributes:
        all: open ones and lost ones, in the order of their beginning.
        found: the face of each track in the frame that is looked at.
    """

    def __init__(self, engine: Engine, how: Settings, owner: Owner, *, history: bool) -> None:
        self._engine, self._how, self._owner, self._history = engine, how, owner, history
        self.all: list[LiveTrack] = []
        self.found: dict[LiveTrack, Found] = {}
        self._started = 0
        self._crowded = False
        self._frame, self._time = -1, 0.0

    def open_(self) -> list[LiveTrack]:
        """Returns the tracks whose faces are seen."""
        return [track for track in self.all if track.lost_since is None]

    def look(self, faces: Sequence[Found], frame: int, time: float, *, grey: bool) -> None:
        """Takes in the faces of a frame: `found` has whose they are then.

        Args:
            faces: the largest first.
            frame: its number.
            time: seconds.
            grey: whether the frame has no color.
        """
        self._frame, self._time = frame, time
        self.found = {}
        was = self.open_()
        touching = self._touching(was)
        taken = set()
        places = np.array([face.box for face in faces]).reshape(-1, 4)
        likeness = self._likeness(was, faces, touching)
        for row, column in match([t.motion for t in was], places, time, likeness=likeness):
            was[row].motion.seen(places[column], time)
            self.found[was[row]] = faces[column]
            taken.add(column)
        born = self._begin([face for i, face in enumerate(faces) if i not in taken])
        self._engine.score(list(self.found.values()), grey=grey)
        for track, face in self.found.items():
            track.detections += 1
            if face.scored:
                shot = face.shot(frame, time)
                track.observe(shot, self._how.floor, "nir" if grey else "rgb")
        near = {track for track, touches in zip(was, touching, strict=True) if touches}
        self._check([*was, *born], near)
        for track in born:
            if track.merged is None:
                self._owner.tell("track_started", track)
        self.found = {track.final: face for track, face in self.found.items()}

    def expire(self, time: float) -> None:
        """Loses tracks that are not seen, and ends those that are lost for good.

        Args:
            time: seconds, now.
        """
        keep = 0.0 if self._engine.recognizer is None else _RELINK_WITHIN
        for track in list(self.all):
            gone = time - track.motion.time
            if track.lost_since is None and gone > _LOST_AFTER:
                track.lost_since = time
                self._owner.tell("track_lost", track)
            if track.lost_since is not None and gone > _LOST_AFTER + keep:
                self._owner.end(track)

    # -- whose face it is --------------------------------------------------------------------------

    def _touching(self, tracks: Sequence[LiveTrack]) -> NDArray[np.bool_]:
        if not tracks:
            return np.empty(0, bool)
        return in_contact(np.stack([track.motion.at(self._time) for track in tracks]))

    def _likeness(
        self, tracks: Sequence[LiveTrack], faces: Sequence[Found], touching: NDArray[np.bool_]
    ) -> NDArray[np.float64] | None:
        """Cosines of the tracks that touch and the faces, None where no two may be confused."""
        if self._engine.recognizer is None or not touching.any() or not faces:
            return None
        self._engine.embed(faces)
        table = np.full((len(tracks), len(faces)), np.nan)
        for row, track in enumerate(tracks):
            if touching[row] and track.identity is not None:
                table[row] = [track.identity.likeness(face.known_vector) for face in faces]
        return table

    def _begin(self, faces: Iterable[Found]) -> list[LiveTrack]:
        """Begins a track for each face that is nobody's, the largest first."""
        born: list[LiveTrack] = []
        crowded = False
        for face in faces:
            if len(self.all) >= self._how.max_tracks and not self._make_room():
                crowded = True
                break
            track = self._new(Motion(face.box, self._time))
            self.found[track] = face
            born.append(track)
        if crowded and not self._crowded:
            self._owner.tell("too_many_faces", detail=f"more than {self._how.max_tracks}")
        self._crowded = crowded
        return born

    def _make_room(self) -> bool:
        """Ends the track that is lost the longest; False where none is lost."""
        lost = [track for track in self.all if track.lost_since is not None]
        if not lost:
            return False
        self._owner.end(min(lost, key=lambda track: (track.lost_since or 0.0, track.number)))
        return True

    def _new(self, motion: Motion, identity: Identity | None = None) -> LiveTrack:
        self._started += 1
        threshold = self._engine.threshold
        if identity is None and threshold is not None:
            identity = Identity(threshold, self._how.floor[1])
        shots = Shots(self._how.k, self._how.gap, guarded=identity is not None)
        track = LiveTrack(
            self._started, motion, shots, identity, History(self._history), self._time
        )
        self.all.append(track)
        return track

    # -- whether it stays so -----------------------------------------------------------------------

    def _check(self, tracks: Sequence[LiveTrack], near: set[LiveTrack]) -> None:
        """Compares the faces of tracks with what the tracks were, where that is due."""
        if self._engine.recognizer is None:
            return
        due = [
            (track, face)
            for track in tracks
            if (face := self.found.get(track)) is not None
            and face.scored
            and (track in near or self._due(track))
        ]
        self._engine.embed([face for _, face in due])
        for track, face in due:
            self._checked(track, face.quality, face.known_vector)

    def _due(self, track: LiveTrack) -> bool:
        identity = track.identity
        if identity is None:
            return False
        undecided = not identity.known or bool(identity.doubts)
        return undecided or self._frame - track.checked >= self._how.embed_every

    def _checked(self, track: LiveTrack, quality: float, vector: FloatArray) -> None:
        identity = track.identity
        if identity is None:
            return
        track.checked = self._frame
        verdict = identity.check(self._frame, quality, vector)
        if verdict == "agree":
            track.shots.release()
            track.suspects = []
            self._relink(track)
        elif verdict == "anew":
            track.shots.drop()
            track.shots.proved.clear()
            self._relink(track)
        elif verdict == "disagree":
            # Between the last agreement and this: nobody knows yet whose they are.
            track.suspects = [shot.best for shot in track.shots.waiting[:-1]]
            track.shots.drop()
        elif verdict == "split":
            self._split(track, identity)

    def _split(self, track: LiveTrack, identity: Identity) -> None:
        """Lets a new track go on with the face that is not this track's."""
        first = identity.doubts[0][0]
        other = identity.part()
        fresh = self._new(track.motion, other)
        if track.suspects:
            vectors = self._engine.vectors([shot.crop for shot in track.suspects])
            for shot, vector in zip(track.suspects, vectors, strict=True):
                if other.likeness(vector) > identity.likeness(vector):
                    first = min(first, shot.frame)
        fresh.checked = self._frame
        fresh.detections = 2
        fresh.regimes = track.regimes.copy()
        fresh.flags.add("split")
        track.flags.add("split")
        track.shots.drop()
        track.suspects = []
        track.motion = Motion(track.motion.box, self._time)
        track.lost_since = self._time
        self.found[fresh] = self.found.pop(track)
        self._owner.moved(track, fresh, first)
        self._owner.tell("track_split", track, f"another face from frame {first} on")
        self._relink(fresh, but=track)
        if fresh.merged is None:
            self._owner.tell("track_started", fresh)

    def _relink(self, track: LiveTrack, but: LiveTrack | None = None) -> None:
        """Goes on as an older track that is not seen now, where a young one, of which nothing is
        told yet, has its face."""
        threshold, identity = self._engine.threshold, track.identity
        template = None if identity is None else identity.template
        late = self._time - track.born > _YOUNG or len(track.history) > 0
        if threshold is None or template is None or late:
            return
        away = [
            (other.identity.likeness(template), -other.number, other)
            for other in self.all
            if other not in self.found
            and other is not but
            and other is not track
            and other.identity is not None
            and other.identity.known
        ]
        if not away or max(away)[0] < threshold:
            return
        older = max(away)[2]
        was_lost = older.lost_since is not None
        older.absorb(track)
        self.all.remove(track)
        # Nothing was told of it: its number is free again, so that numbers have no gaps.
        self._started -= track.number == self._started
        if was_lost:
            self._owner.tell("track_resumed", older)
