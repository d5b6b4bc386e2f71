"""LightQNet, an external model: its published frozen TensorFlow graphs, run by OpenCV.

A user has the files.

Chen, Yi, Lv, "LightQNet: Lightweight Deep Face Quality Assessment for Risk-Controlled Face
Recognition", IEEE Signal Processing Letters 2021. The aligned 112x112 crop is resized to 96x96, as
BGR, (x - 127.5) / 128. The graphs are data for OpenCV's reader, which runs no code of theirs.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.errors import WeightsError
from fiqa.functional.batches import batches
from fiqa.functional.calibration import Calibration
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces, FloatArray, MethodCard, PathLike, Scorer

__all__ = ["CARD", "PUBLISHED", "LightQNet", "scorer"]

CARD = MethodCard(
    name="lightqnet",
    paper=(
        "Chen, Yi, Lv: LightQNet: Lightweight Deep Face Quality Assessment for Risk-Controlled Face"
        " Recognition (IEEE SPL 2021)"
    ),
    year=2021,
    family="external",
    needs=("crops",),
    gives=("score",),
    preprocess="aligned crop resized to 96x96, BGR, (x - 127.5) / 128",
    weights=(
        "the published lightqnet-dm025.pb, -dm050.pb or -dm100.pb (MIT), by path or by `fiqa"
        " weights pull lightqnet-dm100`"
    ),
    status="external",
    summary=(
        "Small network that regresses the similarity of a face to others of its person; three"
        " widths."
    ),
    equation=(
        "q = net(x), trained by BCE(min(q_i, q_j), sigmoid(16 (cos_ij - .4))) over mated pairs"
    ),
    use="Take it as a small and good network that is ready: the peer to compare with.",
    limits=(
        "There are only the published graphs, so nothing can be adapted. Four of five faces of LFW"
        " lie within .06 of each other."
    ),
    cost="one pass of a small network: 1 ms (dm025) to 4 ms (dm100) on a core",
)

PUBLISHED = MappingProxyType(
    {
        "731eade9066ca76c78c9a989dd5d5c73d9dd2dfc3084bdb5fdfb6ad87cac6c10": "dm025",
        "cf7d045e9c6b7eb99a599d1af9447cab6c23d4d97a2be4738d8279def859c4ac": "dm050",
        "057b8ea2714953b70745934bcd7a927f4676a827a55509a2adc64e7282f836f3": "dm100",
    }
)
"""sha256 -> width of the published graphs."""

X0, W = 0.575, 0.02
"""So that a median face of LFW's development set (.60 to .62) gets about 80 and one of its worst
twentieth (.55) about 22."""

_BATCH = 32


class LightQNet(Scorer):
    """Scores by a published graph: one number and no factors.

    Args:
        path: of one of the PUBLISHED files.

    Raises:
        WeightsError: there is no such file, or it is not a published one.
    """

    preprocess = CARD.preprocess
    calibration = Calibration(X0, W)
    raw_range = (0.0, 1.0)

    def __init__(self, path: PathLike) -> None:
        file = Path(path)
        if not file.is_file():
            raise WeightsError(f"A model must be a file, and there is none at {file}.")
        content = file.read_bytes()
        self.version = self.sha256 = hashlib.sha256(content).hexdigest()
        # OpenCV's reader of these files is not made for hostile ones: only known bytes reach it.
        if self.version not in PUBLISHED:
            raise WeightsError(
                f"{file} must be a published LightQNet graph, its sha256 is {self.version[:12]}...",
                hint=(
                    "a .pb file runs only if its bytes are known; export other models to ONNX with"
                    " a card"
                ),
            )
        self._made = (os.path.abspath(file),)
        self.name = f"lightqnet-{PUBLISHED[self.version]}"
        import cv2

        self._net = cv2.dnn.readNetFromTensorflow(np.frombuffer(content, np.uint8))

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy reads the file again: the network of OpenCV does not travel."""
        return type(self), self._made

    def score(
        self, crops: NDArray[np.uint8] | Faces, *, color: str = "RGB", resize: bool = False
    ) -> FloatArray:
        """Returns (N,) float32 in 0..1 for (N,112,112,3) uint8 crops or Faces."""
        import cv2

        images = as_faces(crops, color=color, resize=resize).crops
        result = np.empty(len(images), np.float32)
        for rows in batches(len(images), _BATCH):
            small = [cv2.resize(image, (96, 96)) for image in images[rows]]
            self._net.setInput(
                cv2.dnn.blobFromImages(small, 1 / 128, (96, 96), (127.5, 127.5, 127.5), swapRB=True)
            )
            result[rows] = self._net.forward().reshape(len(small))
        return result


def scorer(*, width: str = "dm100") -> LightQNet:
    """Returns the published network of a width, dm025, dm050 or dm100, from FIQA_HOME.

    Raises:
        UnknownNameError: another width.
        WeightsError: it is not there.
    """
    from fiqa.runtime.weights import find

    return LightQNet(find(f"lightqnet-{checks.choice(width, 'width', sorted(PUBLISHED.values()))}"))
