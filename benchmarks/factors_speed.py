"""Milliseconds per face of each factor and of all six, on one core, as a ratio to decoding the crop's JPEG file, measured in the same run.

    python benchmarks/factors_speed.py [--faces DIR] [--count 300] [--rounds 7]

`--faces` is a folder of aligned JPEG crops (searched through); without it faces are drawn. Times are of the processor, not of the wall; each is the fastest of
the rounds, the rounds interleaved, so that a busy machine disturbs all alike. The first line of the table is the baseline.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fiqa.faces.factors import blur, crop, illumination, measure, occlusion, pose, structure, visibility
from fiqa.faces.factors.planes import Planes
from fiqa.faces.factors.structure import drawing
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces


def drawn_files(count: int) -> list[bytes]:
    """Drawn faces with texture as JPEG files of quality 90."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(count):
        luma = 150 + 100 * drawing() + 14 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.9)
        image = np.clip(np.stack([luma - 10, luma, luma + 15], axis=-1), 0, 255).astype(np.uint8)
        files.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return files


def steps(faces: Faces, files: list[bytes]) -> dict[str, Callable[[], object]]:
    """Returns what is timed: the baseline, the shared planes, each factor on planes that are there, everything together."""
    ready = [Planes.of(image, inside, None) for image, inside in zip(faces.crops, faces.inside, strict=True)]

    def planes() -> None:
        for image, inside in zip(faces.crops, faces.inside, strict=True):
            face = Planes.of(image, inside, None)
            _ = face.luma, face.gradient, face.laplacian, face.residual, face.cells, face.face

    planes()
    for face in ready:
        _ = face.luma, face.gradient, face.laplacian, face.residual, face.cells, face.face
    return {
        "decode the JPEG crop (baseline)": lambda: [
            cv2.resize(cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR), (112, 112)) for f in files
        ],
        "shared planes": planes,
        "visibility": lambda: [visibility.measure(face, visibility.noise_sigma(face)) for face in ready],
        "occlusion": lambda: [occlusion.measure(face) for face in ready],
        "pose": lambda: pose.measure(faces.landmarks, len(faces)),
        "illumination": lambda: [illumination.measure(face) for face in ready],
        "blur": lambda: [blur.measure(face, 1.0) for face in ready],
        "crop": lambda: [crop.measure(face) for face in ready],
        "face structure": lambda: [structure.measure(face) for face in ready],
        "all six factors, measure(faces)": lambda: measure(faces),
        "all six, only crops known": lambda: measure(Faces(faces.crops)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.faces:
        found = sorted(options.faces.rglob("*.jpg"))
        files = [path.read_bytes() for path in found[:: max(1, len(found) // options.count)][: options.count]]
    else:
        files = drawn_files(options.count)
    crops = np.stack([cv2.imdecode(np.frombuffer(f, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for f in files])
    count = len(files)
    jitter = np.random.default_rng(1).normal(0, 1.5, (count, 5, 2))
    faces = Faces(
        np.ascontiguousarray(crops),
        landmarks=(TEMPLATE + jitter).astype(np.float32),
        inside=np.ones((count, 112, 112), bool),
        eye_distance=np.full(count, 40, np.float32),
    )
    timed = steps(faces, files)
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(options.rounds):
        for name, step in timed.items():
            start = time.process_time()
            step()
            best[name] = min(best[name], (time.process_time() - start) / count * 1e3)
    baseline = next(iter(best.values()))
    print(f"{count} faces, fastest of {options.rounds} rounds, one core")
    print(f"{'':34} {'ms/face':>8} {'ratio':>7}")
    for name, value in best.items():
        print(f"{name:34} {value:8.3f} {value / baseline:7.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
