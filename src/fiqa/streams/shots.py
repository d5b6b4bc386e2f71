"""The shots that a track may end with: few are kept, and only those between two agreeing checks of
identity can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fiqa.functional.best_shots import best_shots, most_spared
from fiqa.types import BestShot, FloatArray

__all__ = ["Shot", "Shots", "chosen_shots"]

Embed = Callable[[Sequence[NDArray[np.uint8]]], FloatArray]


@dataclass(frozen=True, eq=False)
class Shot:
    """A scored frame of a track.

    Attributes:
        best: what it would be as a best shot.
        above: whether the track was above the floor at it.
    """

    best: BestShot
    above: bool


class Shots:
    """The shots of a track, at most 4 k of them: half proved, half in quarantine.

    Args:
        k: best shots that are wanted.
        gap: seconds from which shots are apart.
        guarded: whether shots wait for a check of identity; False without a recognizer.
    """

    def __init__(self, k: int, gap: float, *, guarded: bool) -> None:
        self._most, self._gap, self._guarded = 2 * k, gap, guarded
        self.proved: list[Shot] = []
        self.waiting: list[Shot] = []

    def __len__(self) -> int:
        return len(self.proved) + len(self.waiting)

    def add(self, shot: Shot) -> None:
        """Takes the next shot in.

        Args:
            shot: later than those before.
        """
        self._put(self.waiting if self._guarded else self.proved, shot)

    def release(self) -> None:
        """Proves the shots that wait: a check before them and one after them agree."""
        for shot in self.waiting:
            self._put(self.proved, shot)
        self.waiting = []

    def drop(self) -> None:
        """Drops the shots that wait: nobody knows whose they are."""
        self.waiting = []

    def absorb(self, other: Shots) -> None:
        """Takes the shots of another track of the same face over.

        Args:
            other: its shots.
        """
        for shot in other.proved:
            self._put(self.proved, shot)
        self.waiting = other.waiting

    def _put(self, shots: list[Shot], shot: Shot) -> None:
        shots.append(shot)
        if len(shots) <= self._most:
            return
        # What is above the floor is kept before what is not.
        below = [i for i, kept in enumerate(shots) if not kept.above]
        among = below if below and len(below) < len(shots) else list(range(len(shots)))
        spared = most_spared(
            [shots[i].best.quality for i in among],
            [shots[i].best.time for i in among],
            gap=self._gap,
        )
        del shots[among[spared]]


def chosen_shots(
    shots: Sequence[Shot],
    *,
    k: int,
    gap: float,
    embed: Embed | None = None,
    mine: Callable[[FloatArray], bool] | None = None,
) -> tuple[tuple[BestShot, ...], bool]:
    """Returns the best shots, best first, and whether they are below the floor.

    Each is verified once more: what is not of this face is left out. Where nothing is above the
    floor it is the one best shot.

    Args:
        shots: the proved ones.
        k: how many are wanted.
        gap: as fiqa.functional.best_shots.
        embed: crops to unit vectors, None without a recognizer.
        mine: tells whether a vector is of this face; None believes all.
    """
    known = [shot.best for shot in shots]
    above = np.array([shot.above for shot in shots], bool)
    vectors = None
    if embed is not None and known:
        vectors = embed([shot.crop for shot in known])
        known = [replace(shot, vector=vectors[i]) for i, shot in enumerate(known)]
        own = np.array([mine is None or mine(vector) for vector in vectors])
        known = [shot for shot, ok in zip(known, own, strict=True) if ok]
        vectors, above = vectors[own], above[own]
    if not known:
        return (), False
    below = not above.any()
    rows = np.flatnonzero(above) if not below else np.arange(len(known))
    picked = best_shots(
        [known[i].quality for i in rows],
        [known[i].time for i in rows],
        k=1 if below else k,
        gap=gap,
        embeddings=None if vectors is None else vectors[rows],
    )
    return tuple(known[rows[i]] for i in picked), below
