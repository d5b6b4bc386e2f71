"""One picture after another: what a fiqa.FaceReader adds to decoding, detecting and scoring.

The baseline is a plain loop on one thread: a JPEG decoded, its faces found by YuNet, the network's
own pass on a crop that is there already. `silent` is the reader when nobody asks why; `reasons`
asks every face, and its baseline also measures the factors. `frame` has pixels instead of files:
nothing is decoded on either side. Photographs are those of DATA/photos, and YuNet's weights those
of DATA/models.

Usage: python benchmarks/reader_speed.py [--part silent] [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# One core: numpy reads these when it is imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import Result, Setting, Skip, in_turns, main, ratio, timed


def photographs(setting: Setting) -> list[Path]:
    """The photographs that are read, at most 60."""
    files = sorted((setting.data / "photos").glob("*.jpg"))[: setting.count(60, 2)]
    if not files or not weights(setting).is_file():
        raise Skip(f"photos/ and models/yunet.onnx are needed in {setting.data}")
    return files


def weights(setting: Setting) -> Path:
    """YuNet's model file."""
    return setting.data / "models" / "yunet.onnx"


def plain_loop(reader: Any, pictures: list[Any], *, measured: bool) -> Callable[[], object]:
    """Decodes, detects and scores each picture, and nothing else: the baseline."""
    from fiqa.data.images import read_image
    from fiqa.faces.detectors.yunet import YuNet
    from fiqa.faces.factors import measure
    from fiqa.methods.bundled import WEIGHTS
    from fiqa.runtime.onnx import OnnxModel
    from fiqa.runtime.preprocess import prepare
    from fiqa.types import Faces

    finder, model = YuNet(reader._asked.weights), OnnxModel(WEIGHTS, threads=1)
    names = [output.name for output in model.card.outputs]
    first = pictures[0]
    color = None if isinstance(first, Path) else "RGB"
    crop = reader.read(first, color=color)[0].crop[None]

    def run() -> None:
        for picture in pictures:
            pixels = read_image(picture).pixels if isinstance(picture, Path) else picture
            finder.detect(pixels)
            model._session.run(names, {"crops": prepare(crop, model.card.input)})
            if measured:
                measure(Faces(crop))

    return run


def compared(setting: Setting, *, frames: bool, why: bool, limit: float) -> Result:
    """The reader's processor time over the plain loop's."""
    import cv2

    import fiqa
    from fiqa.data.images import read_image

    cv2.setNumThreads(1)
    pictures: list[Any] = list(photographs(setting))
    if frames:
        pictures = [read_image(path).pixels for path in pictures]
    reader = fiqa.FaceReader(detector="yunet", weights=str(weights(setting)), explain=why)
    color = "RGB" if frames else None

    def read() -> None:
        for picture in pictures:
            for face in reader.read(picture, color=color, strict=False):
                _ = face.reasons if why else face.uqs

    calls = {
        "plain loop (baseline)": plain_loop(reader, pictures, measured=why),
        "FaceReader.read": read,
    }
    took = in_turns(calls, setting.rounds(9))
    plain, ours = took.values()
    details = tuple(
        timed(name, seconds, len(pictures), "ms a picture") for name, seconds in took.items()
    )
    asked = "asked for reasons" if why else "not asked for reasons"
    what = f"FaceReader.read over a plain loop, {'frames' if frames else 'files'}, {asked}"
    return Result(what, ratio(ours, plain), limit, details)


def silent(setting: Setting) -> Result:
    """Files, and nobody asks why."""
    return compared(setting, frames=False, why=False, limit=1.1)


def frame(setting: Setting) -> Result:
    """Frames, and nobody asks why."""
    return compared(setting, frames=True, why=False, limit=1.1)


def reasons(setting: Setting) -> Result:
    """Files, and every face is asked why."""
    return compared(setting, frames=False, why=True, limit=1.3)


PARTS = {"silent": silent, "frame": frame, "reasons": reasons}

if __name__ == "__main__":
    main(__doc__, PARTS)
