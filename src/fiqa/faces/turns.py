"""Which way up a photograph is, where no EXIF says so: the faces of the turn in which they are best
seen.

A detector is trained on upright heads. It finds many faces that lie on their side or their head,
and puts the points where an upright face would have them; nothing about these points tells. Its
confidence does: of 240 LFW photographs in four turns YuNet is surest of the upright one in 960 of
960 cases (at least .012 surer; tests/realdata/test_turns.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.faces.detection import Detection, Detector, choose
from fiqa.faces.points import two_steps

__all__ = ["ORIENTATIONS", "View", "back", "view"]

ORIENTATIONS = ("exif", "auto")
"""How a photograph is turned before its faces are looked for: as its EXIF says, or that and then to
where its faces are best seen."""

_CERTAIN = {"yunet": 0.915}
"""Confidence from which a face is upright without a look at the other turns. No lying face of the
240 photographs has more than .911, of their upright faces 2 in 100 have less than .915."""
_MARGIN = 0.01
"""Confidence by which a turn must beat the photograph as it is."""


@dataclass(frozen=True, eq=False)
class View:
    """The faces of one photograph.

    Attributes:
        faces: those that count, largest first, in pixels of the photograph as EXIF turns it.
        status: of the image, from fiqa.vocabulary.STATUSES.
        turn: degrees clockwise by which the photograph was turned to find them.
        better: degrees by which it should have been turned and was not; 0 where it is right.
    """

    faces: list[Detection]
    status: str
    turn: int = 0
    better: int = 0

    @property
    def tilt(self) -> int:
        """What is added to the roll of the faces' points to get that of the heads, degrees."""
        return self.turn - self.better

    @property
    def notes(self) -> tuple[str, ...]:
        """The note on a photograph that seems to lie, as fiqa.vocabulary.NOTES has it."""
        return (f"looks_turned={self.better}",) if self.better else ()


def view(
    finder: Detector,
    pixels: NDArray[np.uint8],
    *,
    policy: str = "largest",
    orientation: str = "exif",
    told: bool = True,
) -> View:
    """Returns the faces that count, as choose does, of the photograph as it is or turned.

    The other three turns are looked at where the detector is not certain of a face as it is. A
    detector that looks at faces again (fiqa.faces.points) does so for those that count alone.

    Args:
        finder: the detector.
        pixels: (H,W,3) uint8 RGB, turned as EXIF says.
        policy: one of fiqa.faces.detection.POLICIES.
        orientation: one of ORIENTATIONS. `exif` never turns, and says where it seems wrong.
        told: whether it says so; False spares the looks that only serve this.

    Raises:
        UnknownNameError: another policy or orientation.
    """
    checks.choice(orientation, "orientation", ORIENTATIONS)
    find, look = two_steps(finder)
    turns = [find(pixels)]
    # 2 is above every confidence, 0 below: other detectors are asked for all turns, or for none.
    certain = _CERTAIN.get(finder.name, 2.0 if orientation == "auto" else 0.0)
    silent = orientation == "exif" and not told
    if not (silent or finder.name == "none" or _surest(turns[0]) > certain):
        turns += [find(_turned(pixels, quarters)) for quarters in (1, 2, 3)]
    sure = [_surest(found) - _MARGIN * (quarters > 0) for quarters, found in enumerate(turns)]
    best = int(np.argmax(sure))
    if orientation == "exif" or not best:
        faces, status = choose(turns[0], policy, again=partial(look, pixels))
        return View(faces, status, better=90 * best)
    height, width = pixels.shape[:2]
    faces, status = choose(turns[best], policy, again=partial(look, _turned(pixels, best)))
    return View([back(face, best, height, width) for face in faces], status, turn=90 * best)


def _surest(faces: Sequence[Detection]) -> float:
    return max((face.confidence for face in faces), default=0.0)


def _turned(pixels: NDArray[np.uint8], quarters: int) -> NDArray[np.uint8]:
    """The pixels turned clockwise by `quarters` right angles."""
    return np.ascontiguousarray(np.rot90(pixels, -quarters))


def back(face: Detection, quarters: int, height: int, width: int) -> Detection:
    """Returns a face that was found in turned pixels, in those of the photograph before.

    The points keep their names.

    Args:
        face: as it was found.
        quarters: by how many clockwise right angles the photograph had been turned.
        height: of the photograph before.
        width: of the photograph before.

    >>> face = Detection(np.array([2, 1, 4, 3]), np.array([[2, 1]] * 5), 1.0)
    >>> there = back(face, 1, height=20, width=10)
    >>> there.box.tolist(), there.landmarks[0].tolist()
    ([1.0, 14.0, 3.0, 4.0], [1.0, 17.0])
    """
    x, y, wide, high = face.box.tolist()
    points = face.landmarks
    for _ in range(quarters % 4):
        # before the last turn the picture had the other two sides
        side = height if quarters % 2 else width
        points = np.stack([points[:, 1], side - 1 - points[:, 0]], axis=1)
        x, y, wide, high = y, side - x - wide, high, wide
        quarters -= 1
    return replace(face, box=np.array([x, y, wide, high], np.float32), landmarks=points)
