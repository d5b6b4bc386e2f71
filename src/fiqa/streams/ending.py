"""What a track ends with: its best shots, verified once more, its person and its flags."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fiqa.streams.engine import Engine
from fiqa.streams.identity import cosine
from fiqa.streams.live import LiveTrack
from fiqa.streams.settings import Settings
from fiqa.streams.shots import chosen_shots
from fiqa.types import FloatArray, Track

__all__ = ["Persons", "ended"]

_BRIEF = 3
"""Detections under which a track is brief."""


@dataclass
class Persons:
    """The people of a stream, known by the templates of their tracks.

    Attributes:
        threshold: the cosine from which two templates are of one person, None without a recognizer.
        sums: of the templates of each.
    """

    threshold: float | None
    sums: list[FloatArray] = field(default_factory=list)

    def number(self, template: FloatArray | None) -> int | None:
        """Returns the number of the person, from 1; a new one where it is nobody's before.

        Args:
            template: (D,) of unit length, None where there is none.
        """
        if self.threshold is None or template is None:
            return None
        like = [cosine(template, total / np.linalg.norm(total)) for total in self.sums]
        if like and max(like) >= self.threshold:
            best = int(np.argmax(like))
            self.sums[best] = self.sums[best] + template
            return best + 1
        self.sums.append(template.copy())
        return len(self.sums)


def ended(
    track: LiveTrack, name: str, how: Settings, engine: Engine, persons: Persons
) -> Track | None:
    """Returns a track that is over; None where no frame of it was left to it.

    Args:
        track: all of its rows are certain.
        name: its id.
        how: the numbers.
        engine: looks at faces.
        persons: who was seen before.
    """
    frames, times, boxes, quality = track.history.columns()
    if not len(frames):
        return None
    identity = track.identity
    template = None if identity is None else identity.template
    if identity is not None and track.shots.waiting:
        # The last frames wait for a check that can only be made now.
        last = track.shots.waiting[-1].best
        if identity.likeness(engine.vectors([last.crop])[0]) >= identity.threshold:
            track.shots.release()

    def mine(vector: FloatArray) -> bool:
        return identity is None or identity.likeness(vector) >= identity.threshold

    best, below = chosen_shots(
        track.shots.proved,
        k=how.k,
        gap=how.gap,
        embed=None if engine.recognizer is None else engine.vectors,
        mine=mine,
    )
    flags = set(track.flags)
    flags |= {"identity_unverified"} if identity is None else set()
    flags |= {"below_floor"} if below else set()
    flags |= {"brief"} if track.detections < _BRIEF else set()
    flags |= set() if best else {"no_best"}
    return Track(
        id=name,
        video="",
        frames=frames,
        times=times,
        boxes=boxes,
        quality=quality,
        best=best,
        regime=track.regime,
        person=persons.number(template),
        purity=None if identity is None else identity.purity,
        flags=tuple(sorted(flags)),
        template=template,
    )
