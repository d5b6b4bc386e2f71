"""Where the faces are: one record, one protocol, and the policy that picks among what was found.

The detectors are in fiqa.faces.detectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import ShapeError
from fiqa.functional.geometry import eye_distance, similarity_transform, template

__all__ = [
    "MIN_EYE_DISTANCE",
    "POLICIES",
    "Detection",
    "Detector",
    "check_image",
    "choose",
    "ranked",
]

POLICIES = ("largest", "all", "one")
"""Which faces of an image count: the largest, every one, or exactly one (more is a failure)."""

MIN_EYE_DISTANCE = 8.0
"""Source pixels between the eyes under which a face is not aligned: a 112 crop would enlarge it
more than four times."""

_SHARE_OF_BEST = 0.5
"""A detection of less than this share of the best one's confidence is not a face: on the astronaut
portrait that scikit-image carries, dlib's false box, the larger one, has 0.23 to 0.38 of the true
one's, while of 240 LFW photographs every face that YuNet reports (0.6 and up) stays."""


@dataclass(frozen=True, eq=False)
class Detection:
    """One face of an image.

    Attributes:
        box: (4,) float32 x, y, width, height in pixels of the upright image; may lie outside of it.
        landmarks: (5,2) float32 left eye, right eye, nose, left and right mouth corner, image-left
            first; pixels likewise.
        confidence: in 0..1, comparable within one detector only.
        points: "measured" when the landmarks were found in the image, "estimated" when they only
            say
            where the alignment is (then no pose may be read from them).

    Raises:
        ShapeError, InputError: other shapes, NaN, a confidence outside 0..1.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    confidence: float
    points: Literal["measured", "estimated"] = "measured"

    def __post_init__(self) -> None:
        for name, shape in (("box", (4,)), ("landmarks", (5, 2))):
            value = checks.array(
                getattr(self, name), f"Detection.{name}", shape=shape, dtype=np.float32
            )
            object.__setattr__(self, name, checks.finite(value, f"Detection.{name}"))
        checks.in_range(self.confidence, "Detection.confidence", 0.0, 1.0)

    @property
    def area(self) -> float:
        """Pixels of the box."""
        return float(self.box[2] * self.box[3])

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(2,3) from the image to the template of 112 pixels."""
        return similarity_transform(self.landmarks, template())

    @property
    def eye_distance(self) -> float:
        """Source pixels between the eyes, as fiqa.functional.geometry.eye_distance."""
        return float(eye_distance(self.matrix))


@runtime_checkable
class Detector(Protocol):
    """Anything that finds faces.

    A detector can be pickled (it is opened anew where it arrives); one object must not be shared
    between threads.

    Attributes:
        name: as NAMES of fiqa.faces.detectors have it.
    """

    name: str

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns the faces of an image, largest first; the same image gives the same list.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        ...


def choose(
    detections: list[Detection],
    policy: str = "largest",
    *,
    min_eye_distance: float = MIN_EYE_DISTANCE,
    again: Callable[[Detection], Detection] | None = None,
) -> tuple[list[Detection], str]:
    """Returns the faces that count, largest first, and the status of the image.

    Detections of under half the confidence of the best are left out first (a larger false box never
    wins), then faces under `min_eye_distance` source pixels between the eyes; the policy sees what
    remains.

    Args:
        detections: of one image, in any order.
        policy: one of POLICIES.
        min_eye_distance: source pixels.
        again: from a face to the same with better points. It is asked of no more faces than the
            policy needs, and its points say how far apart the eyes are.

    Returns:
        (faces, "ok"), or ([], status) with status no_face, face_too_small, or multiple_faces
        (policy `one` only).

    Raises:
        UnknownNameError: another policy.

    >>> choose([], "largest")
    ([], 'no_face')
    """
    checks.choice(policy, "faces", POLICIES)
    if not detections:
        return [], "no_face"
    best = max(d.confidence for d in detections)
    # False boxes first: a large one would otherwise win over the true face.
    faces = [d for d in ranked(detections) if d.confidence >= _SHARE_OF_BEST * best]
    needed = {"largest": 1, "one": 2}.get(policy, len(faces))
    looked = faces if again is None else map(again, faces)
    # Lazily: a look at each of fifty faces takes longer than it took to find them.
    faces = list(islice((d for d in looked if d.eye_distance >= min_eye_distance), needed))
    if not faces:
        return [], "face_too_small"
    if policy == "one" and len(faces) > 1:
        return [], "multiple_faces"
    return faces, "ok"


def ranked(detections: list[Detection]) -> list[Detection]:
    """Returns the detections largest first.

    Equal areas go by confidence, then by place, so that the order is always the same.

    Args:
        detections: of one image.
    """
    return sorted(detections, key=lambda d: (-d.area, -d.confidence, *d.box.tolist()))


def check_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns an image that is (H,W,3) uint8 with at least one pixel, as it is.

    Args:
        image: anything.

    Raises:
        ShapeError: it is something else.
    """
    checks.array(image, "image", shape=("H", "W", 3))
    if image.dtype != np.uint8 or 0 in image.shape:
        raise ShapeError(
            f"image must be uint8 RGB in 0..255 with at least one pixel, got {image.dtype}"
            f" {image.shape}."
        )
    return image
