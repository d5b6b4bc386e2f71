"""Stand-ins for your own data, so that the notebooks run anywhere: drawn people and a toy
recognizer.

Set FIQA_EXAMPLE_FACES to a folder `person/image` of aligned crops, and FIQA_EXAMPLE_RECOGNIZER to
an .onnx file with its card, and the notebooks work on those instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import write_image
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.faces.degrade import degrade
from fiqa.types import Faces, Recognizer

KINDS = ("blur", "noise", "low_light", "jpeg", "low_resolution")


class PixelRecognizer:
    """A toy recognizer: the crop at 12 x 12 pixels, less its mean. Good enough to have mates."""

    name = "pixels"
    version = "1"

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns (N,144) vectors for crops (N,112,112,3) uint8 RGB."""
        small = [
            cv2.resize(crop.mean(axis=2), (12, 12), interpolation=cv2.INTER_AREA) for crop in crops
        ]
        vectors = np.array(small, np.float32).reshape(len(crops), 144)
        return vectors - vectors.mean(axis=1, keepdims=True) if len(crops) else vectors


def recognizer() -> str | Recognizer:
    """Returns your recognizer where FIQA_EXAMPLE_RECOGNIZER names one, else the toy."""
    return os.environ.get("FIQA_EXAMPLE_RECOGNIZER") or PixelRecognizer()


def crops(folder: str | Path, *, people: int = 12, images: int = 8, seed: int = 0) -> Path:
    """Returns your folder of crops where FIQA_EXAMPLE_FACES names one, else makes drawn people.

    Args:
        folder: where drawn people go: `folder/person/image.png`.
        people: how many.
        images: of each: the first is clean, the last is degraded most.
        seed: of all that is drawn at random.
    """
    own = os.environ.get("FIQA_EXAMPLE_FACES")
    if own:
        return Path(own)
    faces = drawn_faces(people, seed=seed)
    for person in range(people):
        base = Faces(faces.crops[person : person + 1])
        for image in range(images):
            kind = KINDS[(person + image) % len(KINDS)]
            strength = image / (images - 1)
            shown = degrade(base, kind, strength, seed=seed + image) if image else base
            write_image(Path(folder) / f"person{person:02d}" / f"{image}.png", shown.crops[0])
    return Path(folder)
