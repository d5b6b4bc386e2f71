"""From landmarks to crops: the similarity warp to the template, and the mask of what lies outside
the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa.faces.detection import Detection, check_image
from fiqa.functional.crops import ALIGNED_SIZE
from fiqa.functional.geometry import (
    eye_distance,
    inverse,
    similarity_transform,
    template,
    transform_points,
)
from fiqa.types import Faces

if TYPE_CHECKING:
    from fiqa.data.images import Image

__all__ = ["Aligned", "align", "faces_from"]


@dataclass(frozen=True, eq=False)
class Aligned:
    """One aligned face.

    Attributes:
        crop: (S,S,3) uint8 RGB.
        inside: (S,S) bool, True where every source pixel that the value was interpolated from lies
            in the frame.
        landmarks: (5,2) float32 crop pixels.
        matrix: (2,3) float64, source to crop.
    """

    crop: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    matrix: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Crop pixels per source pixel: above 1 the face was enlarged."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def roll(self) -> float:
        """Degrees by which the face was tilted clockwise in the source; the crop is not."""
        return float(np.degrees(np.arctan2(-self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def eye_distance(self) -> float:
        """Source pixels between the eyes, not shortened by yaw."""
        return float(eye_distance(self.matrix, len(self.crop)))


def align(image: NDArray[np.uint8], landmarks: ArrayLike, *, size: int = 112) -> Aligned:
    """Returns a face brought onto the template by a similarity transform, bilinearly.

    Outside of the frame the crop is black (0), as recognizers of the ArcFace family were trained;
    `inside` tells black from outside. A face much larger than the crop is sampled without smoothing
    first, as those recognizers' own pipelines do, so scores stay comparable with theirs.

    Args:
        image: (H,W,3) uint8 RGB, upright.
        landmarks: (5,2) source pixels: left eye, right eye, nose, left mouth corner, right mouth
            corner, image-left first. They may lie outside of the image.
        size: side of the crop in pixels, at least 16.

    Raises:
        ShapeError: other shapes.
        InputError: landmarks that are NaN or all equal, or a size under 16.

    >>> import numpy as np
    >>> from fiqa.functional.geometry import TEMPLATE
    >>> aligned = align(np.full((112, 112, 3), 9, np.uint8), TEMPLATE)
    >>> aligned.crop.shape, bool(aligned.inside.all()), round(aligned.eye_distance, 1)
    ((112, 112, 3), True, 35.2)
    """
    return _warped(image, landmarks, similarity_transform(landmarks, template(size)), size)


def _warped(
    image: NDArray[np.uint8], landmarks: ArrayLike, matrix: NDArray[np.float64], size: int
) -> Aligned:
    check_image(image)
    # The border is OpenCV's default, constant 0.
    crop = np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)
    moved = transform_points(matrix, landmarks).astype(np.float32)
    return Aligned(crop, _inside(matrix, size, image.shape[0], image.shape[1]), moved, matrix)


def faces_from(
    image: Image,
    detections: Sequence[Detection],
    *,
    size: int = 112,
    tilt: float = 0.0,
    lying: bool = False,
) -> Faces:
    """Returns the aligned faces of one image, in the order of `detections`.

    Estimated landmarks become rows of NaN: they are the template again, and a pose read from them
    would always be frontal.

    Args:
        image: as fiqa.data.images.read_image returns it.
        detections: its faces, N of them; N may be 0.
        size: side of the crops in pixels.
        tilt: degrees that are added to the roll that the points have (fiqa.faces.turns.View).
        lying: whether the heads lie. The points of such a head are misplaced, and their own roll
            counts for nothing.
    """
    # A detection knows its way to the usual template.
    aligned = [
        _warped(image.pixels, d.landmarks, d.matrix, size)
        if size == ALIGNED_SIZE
        else align(image.pixels, d.landmarks, size=size)
        for d in detections
    ]
    n = len(aligned)
    # Estimated points are the template itself; NaN says that no pose is in them.
    points = [
        a.landmarks if d.points == "measured" else np.full((5, 2), np.nan)
        for a, d in zip(aligned, detections, strict=True)
    ]
    return Faces(
        crops=np.array([a.crop for a in aligned], np.uint8).reshape(n, size, size, 3),
        landmarks=np.array(points, np.float32).reshape(n, 5, 2),
        inside=np.array([a.inside for a in aligned], bool).reshape(n, size, size),
        eye_distance=np.array([a.eye_distance for a in aligned], np.float32),
        grey=np.full(n, image.grey, bool),
        roll=np.array([_upright_range(tilt + a.roll * (not lying)) for a in aligned], np.float32),
    )


def _upright_range(degrees: float) -> float:
    """The same angle in (-180, 180]."""
    return 180.0 - (180.0 - degrees) % 360.0


def _inside(matrix: NDArray[np.float64], size: int, height: int, width: int) -> NDArray[np.bool_]:
    """Returns (S,S) True where a crop pixel is interpolated from the frame alone.

    Its source position lies in [0, width-1] x [0, height-1] then.

    OpenCV rounds positions to 1/32 pixel, so half of that beyond the edge is still on it.
    """
    inverse_matrix, slack = inverse(matrix), 1.0 / 64.0
    x = np.arange(size)
    # Rounding keeps the order of sums and products, so what holds in the corners holds between.
    corners = np.array([0, size - 1])
    edges = _within(inverse_matrix, corners, slack, height, width)
    if edges.all():
        return np.ones((size, size), bool)
    return _within(inverse_matrix, x, slack, height, width)


def _within(
    inverse_matrix: NDArray[np.float64], x: NDArray[np.int64], slack: float, height: int, width: int
) -> NDArray[np.bool_]:
    """Returns for each pair of crop positions (row, column) whether its source is in the frame."""
    sx = (
        inverse_matrix[0, 0] * x[None, :] + inverse_matrix[0, 1] * x[:, None] + inverse_matrix[0, 2]
    )
    sy = (
        inverse_matrix[1, 0] * x[None, :] + inverse_matrix[1, 1] * x[:, None] + inverse_matrix[1, 2]
    )
    inside: NDArray[np.bool_] = (
        (sx >= -slack) & (sx <= width - 1 + slack) & (sy >= -slack) & (sy <= height - 1 + slack)
    )
    return inside
