"""All six factors of a face on one core, over decoding the crop's JPEG file.

Times are of the processor; faces are those of DATA/lfw/aligned where it is there, else drawn ones.

Usage: python benchmarks/factors_speed.py [--quick] [--data DATA]
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from bench import Result, Setting, in_turns, main, ratio, timed

from fiqa.faces.factors import (
    blur,
    crop,
    illumination,
    measure,
    occlusion,
    pose,
    structure,
    visibility,
)
from fiqa.faces.factors.planes import Planes
from fiqa.faces.factors.structure import drawing
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces

BASE, ALL = "decode the JPEG crop (baseline)", "all six factors, measure(faces)"


def drawn_files(count: int) -> list[bytes]:
    """Drawn faces with texture as JPEG files of quality 90."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(count):
        luma = (
            150 + 100 * drawing() + 14 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.9)
        )
        image = np.clip(np.stack([luma - 10, luma, luma + 15], axis=-1), 0, 255).astype(np.uint8)
        files.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return files


def crop_files(setting: Setting, count: int) -> list[bytes]:
    """JPEG files of crops: real ones where there are some."""
    paths = sorted((setting.data / "lfw" / "aligned").rglob("*.jpg"))
    if len(paths) < count:
        return drawn_files(count)
    return [path.read_bytes() for path in paths[:: len(paths) // count][:count]]


def steps(faces: Faces, files: list[bytes]) -> dict[str, Callable[[], object]]:
    """What is timed: the baseline, the shared planes, each factor on them, all together."""
    ready = [
        Planes.of(image, inside, None)
        for image, inside in zip(faces.crops, faces.inside, strict=True)
    ]

    def planes() -> None:
        for image, inside in zip(faces.crops, faces.inside, strict=True):
            face = Planes.of(image, inside, None)
            _ = face.luma, face.gradient, face.laplacian, face.residual, face.cells, face.face

    for face in ready:
        _ = face.luma, face.gradient, face.laplacian, face.residual, face.cells, face.face
    return {
        BASE: lambda: [
            cv2.resize(cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR), (112, 112))
            for f in files
        ],
        "shared planes": planes,
        "visibility": lambda: [
            visibility.measure(face, visibility.noise_sigma(face)) for face in ready
        ],
        "occlusion": lambda: [occlusion.measure(face) for face in ready],
        "pose": lambda: pose.measure(faces.landmarks, len(faces)),
        "illumination": lambda: [illumination.measure(face) for face in ready],
        "blur": lambda: [
            blur.measure(face, 1.0, visibility.whole_noise_sigma(face, 1.0)) for face in ready
        ],
        "crop": lambda: [crop.measure(face) for face in ready],
        "face structure": lambda: [structure.measure(face) for face in ready],
        ALL: lambda: measure(faces),
        "all six, only crops known": lambda: measure(Faces(faces.crops)),
    }


def factors(setting: Setting) -> Result:
    """measure(faces) over decoding the files."""
    cv2.setNumThreads(1)
    files = crop_files(setting, setting.count(300, 8))
    crops = np.stack(
        [cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for f in files]
    )
    count = len(files)
    jitter = np.random.default_rng(1).normal(0, 1.5, (count, 5, 2))
    faces = Faces(
        np.ascontiguousarray(crops),
        landmarks=(TEMPLATE + jitter).astype(np.float32),
        inside=np.ones((count, 112, 112), bool),
        eye_distance=np.full(count, 40, np.float32),
    )
    took = in_turns(steps(faces, files), setting.rounds(7))
    details = (
        f"{count} faces",
        *(timed(name, seconds, count, "ms a face") for name, seconds in took.items()),
    )
    return Result(
        "six factors of a crop over decoding its JPEG", ratio(took[ALL], took[BASE]), 30.0, details
    )


PARTS = {"factors": factors}

if __name__ == "__main__":
    main(__doc__, PARTS)
