"""The detector `dlib`: its HOG frontal-face detector and five points, which install from the
package index alone."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.extras import require
from fiqa.faces.detection import Detection, check_image, ranked
from fiqa.functional.geometry import TEMPLATE, inverse, similarity_transform, transform_points
from fiqa.runtime.dlib_net import POINTS, model_file

__all__ = ["DlibDetector"]

_LOOKS = (1.0, 2.5)
"""Scales of the first and second search relative to the image shrunk to `max_side`.

HOG sees faces from 80 pixels; the second search, only when the first finds nothing, sees them from
32.
"""


class DlibDetector:
    """Finds near-frontal faces; their five standard points are estimated.

    dlib has no mouth points, so the points are those that the same alignment puts on the template.

    A similarity brings dlib's points to POINTS; its inverse brings the template back to the image.
    The points carry place, size and roll, and neither yaw nor pitch. (A linear map from dlib's
    points to all five, fitted on half of the people, predicts YuNet's yaw on the other half with r
    = 0.90 and its pitch with r = -0.1: not enough to call it pose.)

    Args:
        max_side: longest side in pixels of the first search; larger images are shrunk to it.
        min_score: lowest HOG score that is reported; 0 is dlib's own.

    Raises:
        MissingExtraError: dlib or face_recognition_models is not installed.
    """

    name = "dlib"

    def __init__(self, *, max_side: int = 640, min_score: float = 0.0) -> None:
        dlib = require("dlib", extra="dlib")
        self._find = dlib.get_frontal_face_detector()
        points = model_file("shape_predictor_5_face_landmarks.dat", "the dlib detector")
        self._points = dlib.shape_predictor(str(points))
        self._max_side, self._min_score = max_side, min_score

    def __reduce__(self) -> tuple[partial[DlibDetector], tuple[()]]:
        return partial(DlibDetector, max_side=self._max_side, min_score=self._min_score), ()

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns the faces of an image, largest first, with estimated points.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        check_image(image)
        base = min(1.0, self._max_side / max(image.shape[:2]))
        faces: list[Detection] = []
        for look in _LOOKS:
            faces = faces or self._look(image, base * look)
        return ranked(faces)

    def _look(self, image: NDArray[np.uint8], scale: float) -> list[Detection]:
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        kind = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        # a copy even of what is contiguous: dlib looks at the strides of a side of one pixel too
        scaled = np.array(
            image if scale == 1.0 else cv2.resize(image, (width, height), interpolation=kind),
            order="C",
        )
        boxes, scores, _ = self._find.run(scaled, 0, self._min_score)
        factor = np.array([image.shape[1] / width, image.shape[0] / height])
        return [
            self._detection(scaled, box, score, factor)
            for box, score in zip(boxes, scores, strict=True)
        ]

    def _detection(
        self, scaled: NDArray[Any], box: Any, score: float, factor: NDArray[np.float64]
    ) -> Detection:
        # The boxes and points are of the scaled image; `factor` brings them to the image's pixels.
        own = np.array([[p.x, p.y] for p in self._points(scaled, box).parts()], np.float64)
        landmarks = transform_points(inverse(similarity_transform(own * factor, POINTS)), TEMPLATE)
        corner, size = np.array([box.left(), box.top()]), np.array([box.width(), box.height()])
        place = np.concatenate([corner * factor, size * factor]).astype(np.float32)
        return Detection(place, landmarks.astype(np.float32), _confidence(score), "estimated")


def _confidence(score: float) -> float:
    """Maps a HOG score to 0..1, 0.5 at a score of 0.25.

    LFW's central faces score 0.04 to 3, 95 % of them above 0.48; the astronaut's false box under
    0.12.
    """
    return 1.0 / (1.0 + math.exp(-4.0 * (score - 0.25)))
