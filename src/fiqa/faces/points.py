"""Five points of a face by a small network of our own, and alignment again by them.

What a detector found is a beginning: the face is aligned by it, the network looks at the crop, and
the points that it sees there align the photograph anew. So the crop, and whether a pose is known,
hang less on which detector is there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.detection import Detection, Detector
from fiqa.functional.crops import ALIGNED_SIZE
from fiqa.functional.geometry import TEMPLATE, inverse, similarity_transform, transform_points
from fiqa.runtime.onnx import OnnxModel

__all__ = [
    "LOOKS",
    "WEIGHTS",
    "RefiningDetector",
    "looked_by",
    "points_of_crops",
    "points_version",
    "refined",
]

WEIGHTS = Path(__file__).parents[1] / "weights" / "points.onnx"
"""The model file; its card is beside it."""

LOOKS = 2
"""How often a face is looked at; the second look sees a crop that is nearly right."""

_WORST = 3.0
"""Pixels of the crop: with more error foretold, or points farther than `_FARTHEST` from where they
were, they are not believed and the detector's stand. Of 240 photographs no face has more than 1.9;
their corners, where no face is, have 3.3 and more in nine of ten, noise 4.5 and more."""
_FARTHEST = 30.0
_TILT = 25.0
"""Degrees of roll in the photograph beyond which a face is left as the detector has it."""
_TURN = 15.0
"""Degrees by which the face may be turned in all: a lying head, whose points a detector puts where
an upright one has them, is no better known by a network that has seen upright ones alone."""


@cache
def _model() -> OnnxModel:
    # One thread: it takes less than half a millisecond.
    return OnnxModel(WEIGHTS, threads=1)


def points_version() -> str:
    """Returns the sha256 of the network, for records.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """
    return _model().sha256


def points_of_crops(crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the five points of roughly aligned crops, and how far off they probably are.

    Args:
        crops: (N,112,112,3) uint8 RGB.

    Returns:
        points: (N,5,2) float32 crop pixels, image-left first.
        error: (N,) float32 pixels, the mean error of a coordinate that the network foretells.

    Raises:
        ShapeError: other crops.
        WeightsError: the file in the package is not the one that its card describes.
    """
    values = _model().run(crops)["measures"]
    return values[:, :10].reshape(-1, 5, 2), np.exp(values[:, 10])


def refined(image: NDArray[np.uint8], detection: Detection) -> Detection:
    """Returns a detection with the points that the network sees, then measured ones.

    It is returned as it was where the network does not believe its points.

    Args:
        image: (H,W,3) uint8 RGB.
        detection: a face of it; its points need only be near.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """
    # A head that a detector says is tilted far may lie, and its points are then misplaced.
    if abs(_turn(np.eye(2, 3), detection.matrix)) > _TILT:
        return detection
    places = detection.landmarks.astype(np.float64)
    side = (ALIGNED_SIZE, ALIGNED_SIZE)
    for _ in range(LOOKS):
        matrix = similarity_transform(places, TEMPLATE)
        crop = np.asarray(cv2.warpAffine(image, matrix, side), np.uint8)
        points, error = points_of_crops(crop[None])
        moved = np.abs(points[0] - TEMPLATE).mean()
        # Written so that NaN is not believed.
        if not (error[0] <= _WORST and moved <= _FARTHEST):
            return detection
        places = transform_points(inverse(matrix), points[0].astype(np.float64))
    if abs(_turn(detection.matrix, similarity_transform(places, TEMPLATE))) > _TURN:
        return detection
    return Detection(detection.box, places.astype(np.float32), detection.confidence, "measured")


class RefiningDetector:
    """A detector whose faces have the points that the network sees.

    Attributes:
        name: of the detector that finds the faces.
        points: sha256 of the network, for records.

    Args:
        detector: finds the faces; whether its points are measured or estimated.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self.points = points_version()
        self._detector = detector

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns the faces of an image in the detector's order, their points refined.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        return [refined(image, face) for face in self._detector.detect(image)]


def looked_by(detector: Detector) -> str | None:
    """Returns the sha256 of the network that refines a detector's points, None where none does.

    Args:
        detector: any.
    """
    return detector.points if isinstance(detector, RefiningDetector) else None


def _turn(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Degrees between the rotations of two similarities, in (-180, 180]."""
    ratio = complex(other[0, 0], other[1, 0]) / complex(one[0, 0], one[1, 0])
    return float(np.degrees(np.angle(ratio)))
