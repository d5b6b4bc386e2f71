"""The detectors by name, one adapter a file.

To add one: write its file, name it in NAMES and open it in `detector`.
"""

from __future__ import annotations

import importlib.util
import logging

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import DetectorError, InputError
from fiqa.faces.detection import Detection, Detector, check_image
from fiqa.faces.points import RefiningDetector
from fiqa.functional.geometry import template

__all__ = ["NAMES", "WholeImage", "decided", "detector"]

NAMES = ("auto", "yunet", "dlib", "none")
"""What `detector` accepts: `auto` is yunet when its file is there, else dlib; `none` takes each
image as an aligned crop."""

_log = logging.getLogger(__name__)


class WholeImage:
    """The detector `none`: a square image is itself an aligned crop.

    It has the template's points; any other image has no face.
    """

    name = "none"

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Returns one Detection of confidence 1 with estimated points.

        The list is empty when the image is not square or under 16 pixels.

        Args:
            image: (H,W,3) uint8 RGB.
        """
        height, width = check_image(image).shape[:2]
        if height != width or width < 16:
            return []
        box = np.array([0, 0, width, height], np.float32)
        return [Detection(box, template(width).astype(np.float32), 1.0, "estimated")]


def detector(name: str = "auto", *, weights: str | None = None) -> Detector:
    """Returns a detector ready to use.

    But for `none`, its faces are looked at again by fiqa.faces.points, so two detectors give nearly
    the same crop of the same face.

    Args:
        name: one of NAMES.
        weights: path of the YuNet .onnx file; None looks for it in FIQA_HOME. With `auto`, a path
            means yunet.

    Raises:
        UnknownNameError: `name` is not in NAMES.
        InputError: weights for a detector that takes none.
        DetectorError: `auto` finds neither detector.
        WeightsError: yunet's weights are absent (yunet), or there and not the model (yunet and
            auto).
        MissingExtraError: dlib is asked for and not installed.
    """
    checks.choice(name, "detector", NAMES)
    if weights is not None and name in ("dlib", "none"):
        raise InputError(
            f"weights must be left out with detector {name!r}, got {weights!r}.",
            hint="yunet takes weights",
        )
    if name == "none":
        return WholeImage()
    yunet = decided(name, weights=weights) == "yunet"
    return RefiningDetector(_yunet(weights) if yunet else _dlib())


def decided(name: str, *, weights: str | None = None) -> str:
    """Returns the name of the detector that a name stands for here; `auto` is decided.

    The log tells where it is dlib.

    Only when YuNet's file is absent does `auto` take dlib: the two do not find the same faces, so a
    file that is there and is broken must not change the result in silence.

    Args:
        name: one of NAMES.
        weights: path of the YuNet .onnx file, None to look for it.

    Raises:
        UnknownNameError: `name` is not in NAMES.
        DetectorError: `auto` finds neither detector.
    """
    from fiqa.runtime.weights import home, located

    checks.choice(name, "detector", NAMES)
    if name != "auto":
        return name
    if weights is not None or located("yunet") is not None:
        return "yunet"
    if not _dlib_installed():
        raise DetectorError(
            "A face detector must be there for detector='auto'; YuNet's weights are not found and"
            " dlib is not installed.",
            hint=(
                "run `fiqa weights pull yunet`, or pip install 'fiqa[dlib]', or score aligned crops"
                " with --aligned"
            ),
        )
    _log.warning(
        "detector auto takes dlib: YuNet's file is not in %s (fiqa weights pull yunet fetches it)",
        home(),
    )
    return "dlib"


def _yunet(weights: str | None) -> Detector:
    from fiqa.faces.detectors.yunet import YuNet
    from fiqa.runtime.weights import find

    return YuNet(find("yunet") if weights is None else weights)


def _dlib() -> Detector:
    from fiqa.faces.detectors.dlib import DlibDetector

    return DlibDetector()


def _dlib_installed() -> bool:
    return all(
        importlib.util.find_spec(name) is not None for name in ("dlib", "face_recognition_models")
    )
