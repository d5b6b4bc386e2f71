"""The detector `yunet`: OpenCV's FaceDetectorYN with the weights of libfacedetection.train."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqa.errors import WeightsError
from fiqa.faces.detection import Detection, check_image, ranked
from fiqa.runtime.weights import mistaken
from fiqa.types import PathLike

__all__ = ["YuNet"]

_LOOKS = ((640, 0.6), (1600, 0.8))
"""(longest side in pixels, lowest confidence) of the first search and of the second, which is taken
only when the first finds nothing in a larger image.

Measured on noise, smooth clouds, drawn cars and the face-free pictures of scikit-image: the first
search reports nothing above 0.45. At 2.5 times the size textures reach 0.69, so the second search
asks for more, and small images are never enlarged (faces of 32 pixels are found as they are). Faces
that fill an image of 1200 pixels are missed 3 times in 100 at full size and never at 640.
"""


class YuNet:
    """Finds faces with five measured points.

    Wu, Peng, Yu: YuNet, a tiny millisecond-level face detector (2023).

    Args:
        weights: path of the .onnx file.
        max_side: longest side in pixels of the first search; larger images are shrunk to it for
            detection only, coordinates come back in theirs.

    Raises:
        WeightsError: there is no such file, or OpenCV cannot read it.
    """

    name = "yunet"

    def __init__(self, weights: PathLike, *, max_side: int = _LOOKS[0][0]) -> None:
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(
                f"weights of yunet must be a file, got {path}.", hint="fiqa weights pull yunet"
            )
        with open(path, "rb") as file:
            kind = mistaken(file.read(64), path.stat().st_size)
        if kind is not None:
            raise WeightsError(f"weights of yunet must be an ONNX face detector, {path} is {kind}.")
        lowest = min(confidence for _, confidence in _LOOKS)
        # OpenCV 5 warns at each construction
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            # 0.3 is OpenCV's overlap of boxes that are one face, 5000 its boxes that are looked at.
            self._net = cv2.FaceDetectorYN.create(
                str(path), "", (max_side, max_side), lowest, 0.3, 5000
            )
        except cv2.error as error:
            raise WeightsError(
                f"weights of yunet must be an ONNX face detector, got {path}: {error.err}."
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)
        self._made_by = partial(YuNet, path, max_side=max_side)
        self._looks = ((max_side, _LOOKS[0][1]), _LOOKS[1])

    def __reduce__(self) -> tuple[partial[YuNet], tuple[()]]:
        return self._made_by, ()

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns the faces of an image, largest first, with measured points.

        Never raises on an image of the right shape, however small.

        Args:
            image: (H,W,3) uint8 RGB, upright.
        """
        check_image(image)
        longest = max(image.shape[:2])
        faces: list[Detection] = []
        for number, (side, confidence) in enumerate(self._looks):
            if not faces and (number == 0 or longest > self._looks[number - 1][0]):
                faces = self._look(image, min(1.0, side / longest), confidence)
        return ranked(faces)

    def _look(self, image: NDArray[np.uint8], scale: float, confidence: float) -> list[Detection]:
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        small = (
            image
            if scale == 1.0
            else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        )
        self._net.setInputSize((width, height))
        rows: Any = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if rows is None:
            return []
        factor = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        return [
            _detection(row, factor) for row in rows if row[14] >= confidence and _plausible(row)
        ]


def _plausible(row: NDArray[np.float32]) -> bool:
    return bool(
        np.isfinite(row).all()
        and (row[2:4] > 0).all()
        and np.ptp(row[4:14].reshape(5, 2), axis=0).max() > 0
    )


def _detection(row: NDArray[np.float32], factor: NDArray[np.float32]) -> Detection:
    # OpenCV names the points by the person's side, right eye first; that is image-left first
    box = (row[:4].reshape(2, 2) * factor).ravel()
    return Detection(box, row[4:14].reshape(5, 2) * factor, float(min(row[14], 1.0)))
