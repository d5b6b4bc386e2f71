"""Pictures without a face, from which the models learn to say that there may be none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from bundled_copies import without_a_face
from numpy.typing import NDArray
from splits import people, training

from fiqa.data.images import read_image

Crop = NDArray[np.uint8]
COUNT = 1200
"""Of each kind that is drawn."""
SIDE = 112
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def pictures(data: Path, rng: np.random.Generator) -> Iterator[Crop]:
    """Patterns and scrambled crops (bundled_copies.py), text, shapes, and pieces of photographs."""
    paths = [path for folder in training(data, "lfw") for path in sorted(folder.glob("*.jpg"))]
    for number in range(COUNT):
        crop = read_image(paths[int(rng.integers(len(paths)))]).pixels
        yield without_a_face(number, crop, rng)
        yield text(rng) if number % 2 else shapes(rng)
    held = {name.lower() for name in people(data, "Test")}
    for path in sorted((data / "photos").glob("**/*.jpg")):
        if path.stem.rsplit("_", 1)[0].lower() not in held:
            yield from corners(read_image(path).pixels, rng)


def corners(photo: Crop, rng: np.random.Generator) -> Iterator[Crop]:
    """What lies in the corners of a photograph whose face is in its middle."""
    for top, left in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        side = int(rng.integers(40, 72))
        rows = slice(0, side) if not top else slice(-side, None)
        columns = slice(0, side) if not left else slice(-side, None)
        piece = cv2.resize(photo[rows, columns], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        yield np.ascontiguousarray(piece)


def _ground(rng: np.random.Generator) -> Crop:
    """Two grey or colored levels that run into each other."""
    ends = rng.uniform(0, 255, (2, 2, 1 if rng.random() < 0.5 else 3)).astype(np.float32)
    ends += (rng.uniform(0, 255) - ends) * float(rng.uniform(0.5, 1))
    plane = cv2.resize(ends, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).reshape(SIDE, SIDE, -1)
    return np.array(np.broadcast_to(plane, (SIDE, SIDE, 3)), np.uint8)


def _taken(made: Crop, rng: np.random.Generator) -> Crop:
    """As a camera would take it: a little blurred, a little noise."""
    blurred = cv2.GaussianBlur(made.astype(np.float32), (0, 0), float(rng.uniform(0.3, 1.6)))
    noisy = blurred + rng.normal(0, float(rng.uniform(0, 10)), made.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def text(rng: np.random.Generator) -> Crop:
    """Lines of letters, from one large word to a page of small print, often tilted."""
    made, scale = _ground(rng), float(np.exp(rng.uniform(np.log(0.25), np.log(2.5))))
    font, color = int(rng.choice(FONTS)), rng.uniform(0, 255, 3).tolist()
    thick, step = int(rng.integers(1, 3 + int(scale))), int(scale * rng.uniform(24, 40)) + 3
    for bottom in range(int(rng.integers(0, step)), SIDE + step, step):
        letters = "".join(rng.choice(list(LETTERS + " " * 12), 40))
        start = (int(rng.integers(-10, 12)), bottom)
        cv2.putText(made, letters, start, font, scale, color, thick, cv2.LINE_AA)
    angle = float(rng.normal(0, 12))
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, float(rng.uniform(1, 1.3)))
    made = cv2.warpAffine(made, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    return _taken(np.asarray(made, np.uint8), rng)


def shapes(rng: np.random.Generator) -> Crop:
    """Discs, boxes and lines, some as bright and dark as a dial or a street sign."""
    made = _ground(rng)
    for _ in range(int(rng.integers(1, 14))):
        color = rng.uniform(0, 255, 3 if rng.random() < 0.5 else 1)
        color = np.broadcast_to(color, 3).tolist()
        one, two = (tuple(map(int, rng.integers(-10, SIDE + 10, 2))) for _ in range(2))
        filled = -1 if rng.random() < 0.5 else int(rng.integers(1, 8))
        kind = rng.integers(4)
        if kind == 0:
            cv2.circle(made, one, int(rng.integers(4, 60)), color, filled, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(made, one, two, color, filled)
        elif kind == 2:
            cv2.line(made, one, two, color, int(rng.integers(1, 12)), cv2.LINE_AA)
        else:
            axes = tuple(map(int, rng.integers(4, 60, 2)))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(made, one, axes, turn, 0, 360, color, filled, cv2.LINE_AA)
    return _taken(made, rng)
