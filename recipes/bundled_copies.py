"""The training images of the bundled model: clean crops, degraded copies, pictures without a face.

The six factors of all of them are here too.

    python recipes/bundled_copies.py ../shared/data runs/bundled [--part 10] [--without mask hand]

Writes OUT/faces/PERSON/IMAGE~KIND.jpg and OUT/factors.parquet. Every clean crop comes with four
copies: as the web and as a cabin would degrade it, and two steps of one ladder, whose order is
known.
Landmarks are found in the clean crop and move with the damage, so a copy's factors know its pose
and what left the frame. `--part` takes every k-th person alone, `--without` leaves kinds of damage
out.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from splits import LFW, PINS, needs, processes, training

from fiqa.data.images import read_image
from fiqa.data.tables import frame_of, write_table
from fiqa.faces.degrade import KINDS, degrade, random_degradation
from fiqa.faces.detectors.yunet import YuNet
from fiqa.faces.factors import measure
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

SEEDS = {"web": 101, "cabin": 102, "ladder": 103}
QUALITY = 95
BORDER = 56
NOT_FACES, NOT_A_FACE = 1000, "not_a_face"

Crop = NDArray[np.uint8]


def images(data: Path, part: int = 1) -> list[Path]:
    """Every crop of the people to train on (recipes/splits.py), or of every part-th of them."""
    folders = training(data, part=part)
    return [path for folder in folders for path in sorted(folder.glob("*.jpg"))]


def copies(face: Faces, without: Collection[str] = ()) -> Iterator[tuple[str, Faces]]:
    """The clean face and its copies by name; ladder copies are named by kind and strength."""
    yield "clean", face
    for preset in ("web", "cabin"):
        yield preset, random_degradation(face, preset, seed=SEEDS[preset], without=without)
    # Seeded by the pixels, so that a copy does not depend on which images are processed before.
    rng = np.random.default_rng([SEEDS["ladder"], zlib.crc32(face.crops.data)])
    kinds = [kind for kind in KINDS if kind not in without]
    kind = kinds[int(rng.integers(len(kinds)))]
    low = float(rng.uniform(0.05, 0.6))
    for strength in (low, low + float(rng.uniform(0.15, 1 - low))):
        yield (
            f"{kind}-{strength:.2f}",
            degrade(face, kind, round(strength, 2), seed=SEEDS["ladder"]),
        )


def landmarks(detector: YuNet, crop: Crop) -> NDArray[np.float32]:
    """(1,5,2) points in the crop, NaN where the detector finds no face that fills it."""
    wide = np.asarray(
        cv2.copyMakeBorder(crop, BORDER, BORDER, BORDER, BORDER, cv2.BORDER_REFLECT), np.uint8
    )
    faces = detector.detect(wide)
    # An aligned face has its landmarks around (56, 70); one elsewhere is somebody behind it.
    if not faces or np.abs(faces[0].landmarks.mean(0) - BORDER - (56, 70)).max() > 20:
        return np.full((1, 5, 2), np.nan, np.float32)
    return (faces[0].landmarks - BORDER).astype(np.float32)[None]


def write(path: Path, crop: Crop) -> None:
    """One JPEG file; what is measured on a copy is measured on what such a file holds."""
    cv2.imwrite(
        str(path), np.ascontiguousarray(crop[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )


def write_copies(
    paths: list[Path], out: Path, weights: Path, without: Collection[str]
) -> list[dict[str, object]]:
    """Writes the copies of some crops and returns the rows of their factors."""
    cv2.setNumThreads(1)
    detector, rows = YuNet(weights), []
    for path in paths:
        crop = read_image(path).pixels
        face = Faces(crop[None], landmarks=landmarks(detector, crop))
        folder = out / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for name, copy in copies(face, without):
            target = folder / f"{path.stem}~{name}.jpg"
            write(target, copy.crops[0])
            factors = measure(copy)
            rows.append(
                row(
                    f"{path.parent.name}/{target.stem}",
                    {f: float(factors.quality[f][0]) for f in FACTORS},
                )
            )
    return rows


def row(name: str, factors: dict[str, float]) -> dict[str, object]:
    """A row of the table of factors."""
    return {
        "id": name,
        "status": "ok",
        "factors": {key: value for key, value in factors.items() if np.isfinite(value)},
    }


def without_a_face(number: int, crop: Crop, rng: np.random.Generator) -> Crop:
    """A picture without a face, of one of six kinds in turn, some made from a crop's pixels."""
    kind = number % 6
    if kind == 0:
        made = np.broadcast_to(rng.integers(0, 256, 3), (112, 112, 3)) + rng.normal(
            0, rng.uniform(0, 6), (112, 112, 3)
        )
    elif kind == 1:
        made = rng.uniform(0, 255) + rng.normal(
            0, rng.uniform(20, 90), (112, 112, 1 if rng.random() < 0.5 else 3)
        )
    elif kind == 2:
        coarse = rng.uniform(0, 255, (int(rng.integers(2, 9)),) * 2 + (3,)).astype(np.float32)
        made = cv2.resize(coarse, (112, 112), interpolation=cv2.INTER_CUBIC)
    elif kind == 3:
        x, y = np.meshgrid(np.arange(112), np.arange(112))
        wave = np.sin((x * rng.normal() + y * rng.normal()) * rng.uniform(0.05, 1.5))
        made = np.repeat((127 + wave * rng.uniform(20, 127))[..., None], 3, 2)
    elif kind == 4:
        side = int(rng.choice([14, 16, 28]))
        tiles = (
            crop.reshape(112 // side, side, 112 // side, side, 3)
            .swapaxes(1, 2)
            .reshape(-1, side, side, 3)
        )
        made = (
            rng.permutation(tiles)
            .reshape(112 // side, 112 // side, side, side, 3)
            .swapaxes(1, 2)
            .reshape(112, 112, 3)
        )
    else:
        side, (row0, column) = int(rng.integers(16, 36)), rng.integers(0, 2, 2)
        corner = crop[:side, :side] if not row0 else crop[-side:, :side]
        made = cv2.resize(
            corner if not column else corner[:, ::-1], (112, 112), interpolation=cv2.INTER_CUBIC
        )
    return np.clip(np.broadcast_to(made, (112, 112, 3)), 0, 255).astype(np.uint8)


def not_faces(paths: list[Path], out: Path) -> Iterator[dict[str, object]]:
    """Pictures without a face; every factor 0.

    Flat, noise, smooth clouds, stripes, shuffled tiles, and corners of crops enlarged.
    """
    rng = np.random.default_rng(104)
    folder = out / NOT_A_FACE
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NOT_FACES):
        crop = read_image(paths[int(rng.integers(len(paths)))]).pixels
        write(folder / f"{number:04d}.jpg", without_a_face(number, crop, rng))
        yield row(f"{NOT_A_FACE}/{number:04d}", dict.fromkeys(FACTORS, 0.0))


def main() -> None:
    """Everything, in two processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--without", nargs="+", default=[], choices=KINDS)
    options = parser.parse_args()
    data, out = options.data, options.out
    needs(data, *LFW, *PINS, "models/yunet.onnx")
    paths = images(data, options.part)
    parts = [paths[i : i + 200] for i in range(0, len(paths), 200)]
    rows = list(not_faces(paths, out / "faces"))
    with processes() as pool:
        work = partial(
            write_copies,
            out=out / "faces",
            weights=data / "models/yunet.onnx",
            without=options.without,
        )
        for done, part in enumerate(pool.map(work, parts), 1):
            rows += part
            sys.stderr.write(f"\r{min(done * 200, len(paths))} of {len(paths)} crops")
    write_table(frame_of(rows), out / "factors.parquet")
    sys.stderr.write("\n")


if __name__ == "__main__":
    main()
