"""Real light for the bundled model: faces of Extended Yale B, and their light laid over others.

    python recipes/bundled_light.py ../shared/data runs/bundled [PART]

Writes OUT/faces/yaleb_PERSON/IMAGE~light.jpg, a copy OUT/faces/PERSON/IMAGE~light.jpg of every
third clean crop, and OUT/factors_all.parquet: the factors of these and of bundled_copies.py. Two
fifths of the people of Extended Yale B are not touched (HELD): on them the model is reported. PART
takes every k-th person's crops alone, as in bundled_copies.py.
"""

from __future__ import annotations

import sys
import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from bundled_copies import images, landmarks, row, write
from numpy.typing import NDArray
from reasons_data import angle_of, folds, relit, slow
from splits import LFW, PINS, needs, processes

from fiqa.data.images import read_image
from fiqa.data.tables import frame_of, read_table, write_table
from fiqa.faces.detectors.yunet import YuNet
from fiqa.faces.factors import measure
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

HELD = (3, 4)
"""Folds of the lit people (reasons_data.folds) on which the model is reported."""
EVERY, LEAST = 3, 20.0
"""Every third crop is lit, by lights so many degrees off the camera at least."""
SEED = 106


def held(data: Path) -> list[Path]:
    """Folders of the lit people who teach nothing of the quality."""
    return [data / "yaleb" / name for name, fold in folds(data / "yaleb").items() if fold in HELD]


def shades(data: Path) -> list[NDArray[np.float32]]:
    """What each light of the people to train on does to a face: its ratio to the frontal light."""
    kept = set(held(data))
    found = []
    for folder in sorted((data / "yaleb").iterdir()):
        if folder in kept:
            continue
        shots = {path.name: read_image(path).pixels for path in sorted(folder.glob("*.jpg"))}
        front = slow(shots[min(shots, key=angle_of)])
        found += [
            np.clip(slow(crop) / front, 0.02, 4).astype(np.float32)
            for name, crop in shots.items()
            if angle_of(name) >= LEAST
        ]
    return found


def write_lit(
    paths: list[Path], out: Path, weights: Path, ratios: list[NDArray[np.float32]]
) -> list[dict[str, object]]:
    """Writes the lit copies of some crops, as they are where no ratios are given; their factors."""
    cv2.setNumThreads(1)
    detector, rows = YuNet(weights), []
    for path in paths:
        crop = read_image(path).pixels
        points = landmarks(detector, crop)
        person = path.parent.name if ratios else f"yaleb_{path.parent.name}"
        if ratios:
            rng = np.random.default_rng([SEED, zlib.crc32(crop.data)])
            crop = relit(crop, ratios[int(rng.integers(len(ratios)))], rng)
        target = out / person / f"{path.stem}~light.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, crop)
        factors = measure(Faces(crop[None], landmarks=points))
        rows.append(
            row(f"{person}/{target.stem}", {f: float(factors.quality[f][0]) for f in FACTORS})
        )
    return rows


def some(crop_paths: list[Path]) -> list[Path]:
    """Every third crop, by its name."""
    return [path for path in crop_paths if zlib.crc32(path.name.encode()) % EVERY == 0]


def main(data: Path, out: Path, part: int = 1) -> None:
    """Everything, in two processes."""
    needs(data, *LFW, *PINS, "models/yunet.onnx", "yaleb")
    kept = set(held(data))
    real = [p for p in sorted((data / "yaleb").glob("*/*.jpg")) if p.parent not in kept]
    ratios, paths = shades(data), some(images(data, part))
    work = [(real, [])] + [(paths[i : i + 200], ratios) for i in range(0, len(paths), 200)]
    rows = []
    with processes() as pool:
        call = partial(write_lit, out=out / "faces", weights=data / "models/yunet.onnx")
        tasks = [pool.submit(call, part, ratios=given) for part, given in work]
        for task in tasks:
            rows += task.result()
            sys.stderr.write(f"\r{len(rows)} of {len(real) + len(paths)} crops")
    before = read_table(out / "factors.parquet")
    write_table(pl.concat([before, frame_of(rows)], how="diagonal"), out / "factors_all.parquet")
    sys.stderr.write("\n")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else 1)
