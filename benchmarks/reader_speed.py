"""One picture after another: what a fiqa.FaceReader adds to decoding, detecting and scoring.

The baseline is a plain loop on one thread: the file decoded, its faces found by YuNet and the first
looked at again, the network's own pass on a crop that is there already. `file` reads JPEG files of
640x360 pixels, `frame` the same as arrays, where nothing is decoded on either side; nobody asks
why. `reasons` asks every face, and its baseline also measures the factors. `small` reads
photographs of 250x250, where detection is faster and what the reader adds is not: alignment,
checks, the noun.

Pictures are those of DATA/photos, laid on a frame, and YuNet's weights those of DATA/models.

Usage: python benchmarks/reader_speed.py [--part file] [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# One core: numpy reads these when it is imported.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import tempfile
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


def framed(files: list[Path], folder: Path) -> list[Path]:
    """Writes each photograph in the middle of a grey frame of 640x360, as JPEG."""
    from PIL import Image

    paths = []
    for file in files:
        frame = Image.new("RGB", (640, 360), (96, 96, 96))
        with Image.open(file) as picture:
            frame.paste(picture.convert("RGB").resize((360, 360)), (140, 0))
        paths.append(folder / file.name)
        frame.save(paths[-1], quality=92)
    return paths


def weights(setting: Setting) -> Path:
    """YuNet's model file."""
    return setting.data / "models" / "yunet.onnx"


def plain_loop(reader: Any, pictures: list[Any], *, measured: bool) -> Callable[[], object]:
    """Decodes, detects and scores each picture, and nothing else: the baseline."""
    from fiqa.data.images import read_image
    from fiqa.faces.detectors import detector
    from fiqa.faces.factors import measure
    from fiqa.faces.points import two_steps
    from fiqa.methods.bundled import WEIGHTS
    from fiqa.runtime.onnx import OnnxModel
    from fiqa.runtime.preprocess import prepare
    from fiqa.types import Faces

    find, look = two_steps(detector("yunet", weights=reader._asked.weights))
    model = OnnxModel(WEIGHTS, threads=1)
    names = [output.name for output in model.card.outputs]
    first = pictures[0]
    color = None if isinstance(first, Path) else "RGB"
    crop = reader.read(first, color=color)[0].crop[None]

    def run() -> None:
        for picture in pictures:
            pixels = read_image(picture).pixels if isinstance(picture, Path) else picture
            look(pixels, find(pixels)[0])
            model._session.run(names, {"crops": prepare(crop, model.card.input)})
            if measured:
                measure(Faces(crop))

    return run


def compared(
    setting: Setting, pictures: list[Any], *, why: bool, limit: float, what: str
) -> Result:
    """The reader's processor time over the plain loop's."""
    import cv2

    import fiqa

    cv2.setNumThreads(1)
    reader = fiqa.FaceReader(detector="yunet", weights=str(weights(setting)), explain=why)
    color = None if isinstance(pictures[0], Path) else "RGB"

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
    return Result(f"FaceReader.read over a plain loop, {what}", ratio(ours, plain), limit, details)


def file(setting: Setting) -> Result:
    """Files of 640x360, and nobody asks why."""
    with tempfile.TemporaryDirectory() as folder:
        paths = framed(photographs(setting), Path(folder))
        return compared(setting, paths, why=False, limit=1.1, what="files of 640x360")


def frame(setting: Setting) -> Result:
    """Frames of 640x360, and nobody asks why."""
    from fiqa.data.images import read_image

    with tempfile.TemporaryDirectory() as folder:
        paths = framed(photographs(setting), Path(folder))
        pixels = [read_image(path).pixels for path in paths]
    return compared(setting, pixels, why=False, limit=1.1, what="frames of 640x360")


def reasons(setting: Setting) -> Result:
    """Files of 640x360, and every face is asked why."""
    with tempfile.TemporaryDirectory() as folder:
        paths = framed(photographs(setting), Path(folder))
        return compared(setting, paths, why=True, limit=1.25, what="files, each asked why")


def small(setting: Setting) -> Result:
    """Files of 250x250, and nobody asks why."""
    paths = photographs(setting)
    return compared(setting, paths, why=False, limit=1.25, what="files of 250x250")


PARTS = {"file": file, "frame": frame, "reasons": reasons, "small": small}

if __name__ == "__main__":
    main(__doc__, PARTS)
