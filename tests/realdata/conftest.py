"""LFW DevTest as recognizer A and LightQNet see it: computed once, for whichever files and workers
ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray


@dataclass(frozen=True)
class DevTest:
    """The 3,708 crops of peopleDevTest, id NAME/NAME_0001, and what the plain runtimes, not fiqa,
    give for them.

    `vectors` (N,128) of recognizer A by onnxruntime, `lightqnet` (N,) scores of dm100 by OpenCV.
    """

    ids: NDArray[np.str_]
    crops: NDArray[np.uint8]
    vectors: NDArray[np.float32]
    lightqnet: NDArray[np.float32]


@pytest.fixture(scope="session")
def devtest(data: Path, tmp_path_factory: pytest.TempPathFactory) -> DevTest:
    """Read from a file that all workers of this session share; the first to come writes it."""
    lines = (data / "lfw" / "peopleDevTest.txt").read_text().splitlines()[1:]
    people = [line.split("\t")[0] for line in lines if line]
    files = [
        file for name in people for file in sorted((data / "lfw" / "aligned" / name).glob("*.jpg"))
    ]
    crops = np.stack([cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files])
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    vectors = _once(shared / "devtest_a.npy", partial(_recognizer_a, data, crops))
    lightqnet = _once(shared / "devtest_lightqnet.npy", partial(_lightqnet, data, crops))
    return DevTest(
        np.array([f"{file.parent.name}/{file.stem}" for file in files]), crops, vectors, lightqnet
    )


def _once(file: Path, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    with FileLock(f"{file}.lock"):
        if not file.is_file():
            np.save(file, compute())
    return np.load(file)


def _recognizer_a(data: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        data / "models" / "recognizer_a.onnx", providers=["CPUExecutionProvider"]
    )
    feed = session.get_inputs()[0].name
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    parts = []
    for start in range(0, len(crops), 64):
        batch = (crops[start : start + 64].astype(np.float32) / 255 - mean) / std
        parts.append(
            session.run(None, {feed: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))})[0]
        )
    return np.concatenate(parts)


def _lightqnet(data: Path, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    net = cv2.dnn.readNetFromTensorflow(str(data / "models" / "lightqnet-dm100.pb"))
    scores = []
    for crop in crops:
        small = cv2.resize(crop, (96, 96))
        net.setInput(
            cv2.dnn.blobFromImage(small, 1 / 128, (96, 96), (127.5, 127.5, 127.5), swapRB=True)
        )
        scores.append(float(net.forward().ravel()[0]))
    return np.array(scores, np.float32)
