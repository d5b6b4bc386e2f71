"""Films whose faces are colored squares: who is in them, where and how good is known exactly, and
detector, scorer and recognizer read it from the pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.faces.detection import Detection
from fiqa.functional.calibration import Calibration
from fiqa.functional.geometry import TEMPLATE
from fiqa.streams.stream import Stream
from fiqa.types import Faces, FloatArray, Scorer, StreamEvent, Track

WIDE, HIGH, SIDE = 320, 180, 56
_COLORS = np.array([(220, 40, 40), (40, 220, 40), (40, 40, 220), (220, 220, 40)], np.uint8)
"""One a person; a frame in color is rgb."""


@cache
def _background(scene: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(scene)
    grey = np.kron(rng.integers(60, 200, (9, 16)), np.ones((20, 20)))
    return np.stack([grey + 40, grey, grey], axis=2).astype(np.uint8)


@dataclass(frozen=True)
class Actor:
    """A face in one frame: who, the corner of its square, how good, and whether it is worn so that
    its vector is half another one."""

    who: int
    x: float
    y: float = 60.0
    quality: float = 0.7
    masked: bool = False


@dataclass
class Film:
    """Frames with their actors; the later of two that overlap covers the other."""

    frames: list[list[Actor]] = field(default_factory=list)
    rate: float = 30.0

    def add(self, count: int, cast: Callable[[int], list[Actor]]) -> Film:
        """Adds frames; `cast` is given the number within them."""
        self.frames += [cast(i) for i in range(count)]
        return self

    def image(self, number: int, scene: int = 0) -> NDArray[np.uint8]:
        image = _background(scene).copy()
        for actor in self.frames[number]:
            x, y = round(actor.x), round(actor.y)
            face = np.empty((SIDE, SIDE, 3), np.uint8)
            face[:] = _COLORS[actor.who]
            # the upper half says how good it is, a line at the bottom whether it is masked
            face[: SIDE // 2] = round(actor.quality * 255)
            face[-4:] = 255 if actor.masked else 0
            image[y : y + SIDE, x : x + SIDE] = face
        image[0, 0] = (*divmod(number, 256), 0)
        return image

    def visible(self, number: int) -> list[Actor]:
        """The actors of a frame that nobody covers."""
        cast = self.frames[number]
        return [
            actor
            for i, actor in enumerate(cast)
            if not any(
                abs(actor.x - other.x) < 0.6 * SIDE and abs(actor.y - other.y) < 0.6 * SIDE
                for other in cast[i + 1 :]
            )
        ]

    def __iter__(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        for number in range(len(self.frames)):
            yield number / self.rate, self.image(number)


@dataclass
class Finder:
    """A detector that is told what is in the film."""

    film: Film
    name: str = "none"
    looked: int = 0

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        self.looked += 1
        number = int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])
        points = (TEMPLATE * SIDE / 112).astype(np.float32)
        return [
            Detection(
                np.array([actor.x, actor.y, SIDE, SIDE], np.float32),
                points + np.float32([round(actor.x), round(actor.y)]),
                0.9,
            )
            for actor in self.film.visible(number)
        ]


class Judge(Scorer):
    """A scorer that reads the quality from the upper half of the face."""

    name, version, preprocess = "judge", "1", "as it is"
    calibration = Calibration(x0=0.0, w=1.0)

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        pixels = crops.crops if isinstance(crops, Faces) else crops
        share = np.clip(pixels[:, 30:40, 50:60].mean(axis=(1, 2, 3)) / 255, 0.01, 0.99)
        return np.log(share / (1 - share)).astype(np.float32)


@dataclass
class Knower:
    """A recognizer that reads the person from the color of the lower half; bad faces get vectors
    that are like nobody's."""

    name: str = "knower"
    match_threshold: float = 0.4
    asked: int = 0

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        self.asked += len(crops)
        people = np.eye(8, dtype=np.float32)
        vectors = []
        for crop in crops:
            color = crop[80:95, 50:60].mean(axis=(0, 1))
            who = int(np.abs(_COLORS - color).sum(axis=1).argmin())
            masked = crop[-3:].mean() > 128
            blend = 0.15 if masked else 0.9
            vector = blend * people[who] + (1 - blend) * people[7]
            vectors.append(vector / np.linalg.norm(vector))
        return np.array(vectors, np.float32).reshape(-1, 8)


@dataclass
class Played:
    """What a stream made of a film."""

    film: Film
    stream: Stream
    events: list[StreamEvent]
    rows: list[dict[str, Any]]

    @property
    def tracks(self) -> list[Track]:
        return [event.ended for event in self.events if event.ended is not None]

    def kinds(self) -> Counter[str]:
        return Counter(event.kind for event in self.events)

    def who(self, frame: int, box: Any) -> int | None:
        """The actor that is seen where a box is."""
        near = [
            (abs(actor.x - box[0]) + abs(actor.y - box[1]), actor.who)
            for actor in self.film.visible(frame)
        ]
        return min(near)[1] if near and min(near)[0] < SIDE else None

    def purity(self) -> float:
        """Share of the rows whose face is that of most rows of their track."""
        owners: dict[str, Counter[int]] = {}
        for row in self.rows:
            who = None if row["track"] is None else self.who(row["frame"], row["bbox"])
            if who is not None:
                owners.setdefault(row["track"], Counter())[who] += 1
        most = sum(max(owner.values()) for owner in owners.values())
        return most / sum(sum(owner.values()) for owner in owners.values())


def play(film: Film, *, known: bool = True, **how: Any) -> Played:
    """Pushes a film through a stream with the fakes."""
    rows: list[dict[str, Any]] = []
    stream = Stream(
        recognizer=Knower() if known else None,
        detector=Finder(film),
        model=Judge(),
        rows=rows.append,
        history=True,
        **how,
    )
    events: list[StreamEvent] = []
    for time, image in film:
        events += stream.push(image, time=time)
    return Played(film, stream, events + stream.close(), rows)
