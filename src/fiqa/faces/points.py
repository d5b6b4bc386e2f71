"""Five points of a face by a small network of our own, and alignment again by them.

For every detector of ours: the face is aligned by what it found, the network looks at the crop, and
the points that it sees there align the photograph anew. So two detectors give nearly the same crop,
and a pose is known whatever the detector knows. Whoever brings a detector of their own can wrap it
into a RefiningDetector.

For aligned crops whose landmarks nobody kept: the points that it sees there tell the pose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.faces.detection import Detection, Detector
from fiqa.functional.crops import ALIGNED_SIZE, resized
from fiqa.functional.geometry import TEMPLATE, inverse, similarity_transform, transform_points
from fiqa.runtime.onnx import OnnxModel
from fiqa.types import Faces

__all__ = [
    "LOOKS",
    "TAUGHT",
    "WEIGHTS",
    "RefiningDetector",
    "pointed",
    "points_of_crops",
    "points_record",
    "points_version",
    "refined",
    "two_steps",
]

WEIGHTS = Path(__file__).parents[1] / "weights" / "points.onnx"
"""The model file; its card is beside it."""

LOOKS = 2
"""How often the network sees a face; the second time its crop is nearly right."""

TAUGHT = (25.0, 0.25, 14.0)
"""How far a crop was moved at most when the network learned: degrees, log of the scale, crop pixels
in x and in y. recipes/points.py draws its moves from this; a face that seems to lie farther off is
none that the network knows."""

_WORST = 3.0
"""Crop pixels: with more error foretold the points are not believed. Of 240 photographs no face has
more than 1.9; their corners, where no face is, have 3.3 and more in nine of ten, noise 4.5 and
more."""


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

    It is returned as it was where the network does not believe its points, or sees the face turned,
    scaled or moved by more than it was taught.

    Args:
        image: (H,W,3) uint8 RGB.
        detection: a face of it; its points need only be near.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.
    """
    places = detection.landmarks.astype(np.float64)
    side = (ALIGNED_SIZE, ALIGNED_SIZE)
    for _ in range(LOOKS):
        matrix = similarity_transform(places, TEMPLATE)
        points = _believed(np.asarray(cv2.warpAffine(image, matrix, side), np.uint8))
        if points is None:
            return detection
        places = transform_points(inverse(matrix), points.astype(np.float64))
    return Detection(detection.box, places.astype(np.float32), detection.confidence, "measured")


def pointed(faces: Faces) -> Faces:
    """Returns faces with the points that the network sees in the crops of those without any.

    `seen` says of which. A face stays without where the network does not believe its points, or
    sees the face turned, scaled or moved by more than it was taught. Every crop is looked at alone,
    so a face has the same points in any batch.

    Args:
        faces: (N,S,S,3) crops.

    Raises:
        WeightsError: the file in the package is not the one that its card describes.

    >>> bool(pointed(Faces(np.zeros((1, 112, 112, 3), np.uint8))).seen[0])
    False
    """
    count, size = faces.crops.shape[:2]
    landmarks = np.full((count, 5, 2), np.nan, np.float32)
    landmarks = landmarks if faces.landmarks is None else faces.landmarks.copy()
    seen = np.zeros(count, bool) if faces.seen is None else faces.seen.copy()
    for row in np.flatnonzero(~np.isfinite(landmarks).all(axis=(1, 2))):
        points = _believed(resized(faces.crops[row]))
        if points is not None:
            landmarks[row], seen[row] = points * (size / ALIGNED_SIZE), True
    return replace(faces, landmarks=landmarks, seen=seen)


class RefiningDetector:
    """A detector whose faces have the points that the network sees.

    Attributes:
        name: of the detector that finds the faces.
        points: sha256 of the network, for records.

    Args:
        detector: finds the faces.

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
        return [refined(image, face) for face in self.unrefined(image)]

    def unrefined(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns the faces of an image as the detector found them.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        return self._detector.detect(image)


def two_steps(
    detector: Detector,
) -> tuple[
    Callable[[NDArray[np.uint8]], list[Detection]],
    Callable[[NDArray[np.uint8], Detection], Detection],
]:
    """Returns the two steps of a detector, for whoever does not need all faces.

    The first finds the faces of an image, the second looks at one of them again. The first, and the
    second at every face, give what `detect` gives.

    Args:
        detector: any; where it does not look again, the second step gives the face as it was.
    """
    if isinstance(detector, RefiningDetector):
        return detector.unrefined, refined
    return detector.detect, _as_found


def _as_found(image: NDArray[np.uint8], face: Detection) -> Detection:
    return face


def points_record(detector: Detector) -> dict[str, str]:
    """Returns what a record says of the network that refines a detector's points: its sha256 as
    `points`, nothing where none does.

    Args:
        detector: any.
    """
    return {"points": detector.points} if isinstance(detector, RefiningDetector) else {}


def _believed(crop: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The points (5,2) that the network sees in a crop, None where they are not believed."""
    points, error = points_of_crops(crop[None])
    # Written so that NaN is not believed.
    return points[0] if error[0] <= _WORST and _taught(points[0]) else None


def _taught(points: NDArray[np.float32]) -> bool:
    """Whether points of a crop lie off the template by no more than the network was taught."""
    if not np.isfinite(points).all():
        return False
    move = similarity_transform(TEMPLATE, points)
    ratio, middle = complex(move[0, 0], move[1, 0]), TEMPLATE.mean(0)
    turn, size, shift = TAUGHT
    return bool(
        abs(np.degrees(np.angle(ratio))) <= turn
        and abs(np.log(abs(ratio))) <= size
        and np.abs(transform_points(move, middle) - middle).max() <= shift
    )
