"""The recognizer `dlib`: the ResNet of face_recognition_models (CC0), which installs from the
package index alone."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.store import sha256_file
from fiqa.errors import InputError, MissingExtraError, WeightsError
from fiqa.extras import require
from fiqa.functional.batches import batches
from fiqa.functional.crops import ALIGNED_SIZE, resized
from fiqa.functional.geometry import similarity_transform
from fiqa.runtime.cards import ModelCard, read_card
from fiqa.types import FloatArray

__all__ = ["CARD", "CHIP", "CHIP_SIZE", "POINTS", "DlibRecognizer", "dlib_card", "dlib_file",
           "model_file"]  # fmt: skip

POINTS: NDArray[np.float64] = np.array(
    [[79.63, 52.88], [65.85, 53.27], [31.05, 52.99], [44.83, 53.37], [55.63, 79.75]]
)
"""(5,2) where dlib's points (image-right eye outer and inner corner, image-left eye outer and inner
corner, base of the nose) fall in the 112 template.

Means over the 240 photographs of Labeled Faces in the Wild in the measuring data, each aligned by
YuNet's five points; their standard deviations are 1.8 to 3.2 pixels.
tests/realdata/test_alignment.py measures how far the resulting crops are from YuNet's.
"""
POINTS.setflags(write=False)

CHIP_SIZE = 150
"""Side of the chips that the ResNet takes, pixels."""

_PADDING = 0.25
_PLACES = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""dlib's own places of its five points in a chip without padding (get_face_chip_details)."""

CHIP: NDArray[np.float64] = similarity_transform(
    POINTS, (_PADDING + _PLACES) / (1.0 + 2.0 * _PADDING) * CHIP_SIZE
)
"""(2,3) from the 112 crop to dlib's chip, the same for every face.

The chip ends 9 pixels below the crop; there it is black.
"""
CHIP.setflags(write=False)

CARD = Path(__file__).parents[1] / "weights" / "dlib.json"
"""The card; the weights are in the package face_recognition_models."""

_BATCH = 32


def dlib_card() -> ModelCard:
    """Returns the card of the ResNet.

    Raises:
        WeightsError: it is not in the package.
    """
    return read_card(CARD)


def model_file(name: str, what: str) -> Path:
    """Returns the path of a file of face_recognition_models.

    It is found without importing the package, which fails beside new setuptools.

    Args:
        name: of the file.
        what: it is, for the message.

    Raises:
        MissingExtraError: the package is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise MissingExtraError(
        f"face_recognition_models must be installed for {what}; its file {name} is not found.",
        hint="pip install 'fiqa[dlib]'",
    )


def dlib_file() -> Path:
    """Returns the path of the ResNet after checking its sha256.

    Raises:
        MissingExtraError: face_recognition_models is not installed.
        WeightsError: the file is not the one that the card describes.
    """
    card = dlib_card()
    path = model_file(card.file, "the recognizer 'dlib'")
    digest = sha256_file(path)
    if digest != card.sha256:
        raise WeightsError(
            f"{path} must have sha256 {card.sha256}, it has {digest}.",
            hint="pip install --force-reinstall face_recognition_models==0.3.0",
        )
    return path


class DlibRecognizer:
    """Gives dlib's 128 numbers for aligned crops; implements fiqa.types.Recognizer.

    dlib cuts its own chip of 150 pixels by its own points. Crops have no photograph any more, so
    their chip is the one that dlib's points have on average in the template (CHIP). The vectors
    are compared by cosine, as those of every recognizer here.

    Args:
        threads: None or 1; dlib computes on one thread.

    Raises:
        MissingExtraError: dlib or face_recognition_models is not installed.
        WeightsError: the file is not the one that the card describes.
        InputError: more than one thread.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        if threads not in (None, 1):
            raise InputError(f"threads must be 1 with recognizer 'dlib', got {threads}.")
        dlib, self.card, path = require("dlib", extra="dlib"), dlib_card(), dlib_file()
        self.version = self.card.sha256
        self.name = self.card.name
        self.match_threshold = self.card.match_threshold
        self._net = dlib.face_recognition_model_v1(str(path))
        self._threads = threads

    def __reduce__(self) -> tuple[partial[DlibRecognizer], tuple[()]]:
        return partial(DlibRecognizer, threads=self._threads), ()

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,128) float32 vectors, not normalized, for (N,S,S,3) uint8 RGB crops.

        Args:
            crops: aligned to the template.

        Raises:
            ShapeError: they are no crops.
        """
        crops = checks.crops(crops)
        result = np.empty((len(crops), self.card.embedding_dim or 0), np.float32)
        for rows in batches(len(crops), _BATCH):
            chips = [_chip(crop) for crop in crops[rows]]
            result[rows] = [np.asarray(v) for v in self._net.compute_face_descriptor(chips)]
        return result


def _chip(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    face = crop if len(crop) == ALIGNED_SIZE else resized(crop)
    return np.asarray(cv2.warpAffine(face, CHIP, (CHIP_SIZE, CHIP_SIZE)), np.uint8)
