"""Which images recipes train on and report on, and the two recognizers with their cards.

    python recipes/splits.py ../shared/data runs/a [--only pins] [--every 2] [--part 10]

Writes runs/a/train.csv: the people of LFW's peopleDevTrain and the pins celebrities, less those
whose name is among the people of the test; runs/a/test.csv: the people of LFW's peopleDevTest
(columns path, id, identity); runs/a/recognizer_{a,b}.onnx with cards. `--only`, `--every`
and `--part` make the training set smaller: pins or lfw alone, every k-th image of each person, and
every k-th person.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.functional.geometry import TEMPLATE, transform_points
from fiqa.runtime.describe import Described, describe

LFW = ("lfw/aligned", "lfw/peopleDevTrain.txt", "lfw/peopleDevTest.txt")
PINS = ("pins/aligned",)
"""What recipes read of the two sets; see docs/guides/data.md."""
PLACES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""The five points, as lfw/landmarks.csv and the five-point network call them."""
CARDS = {
    "a": Described(
        kind="recognizer",
        color="RGB",
        mean=".485,.456,.406",
        std=".229,.224,.225",
        texts={"license": "Apache-2.0", "source": "foamliu/MobileFaceNet", "training_data": "MS1M"},
    ),
    "b": Described(
        kind="recognizer",
        color="RGB",
        mean=".5",
        std=".5",
        texts={
            "license": "MIT",
            "source": "bubbliiiing/arcface-pytorch",
            "training_data": "CASIA-WebFace",
        },
    ),
}
"""What the measuring data's README says of the two recognizers."""


def processes(count: int = 2) -> ProcessPoolExecutor:
    """Processes that are spawned: a forked one waits for ever for a lock that a thread of OpenCV or
    torch held at that moment."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def people(data: Path, part: str) -> list[str]:
    """Names in LFW's list for development, part Train or Test."""
    lines = (data / f"lfw/peopleDev{part}.txt").read_text().splitlines()[1:]
    return [line.split("\t")[0] for line in lines if line]


def landmarks(data: Path, part: str) -> tuple[list[Path], NDArray[np.float64]]:
    """LFW's crops of the people of a part, and the points (N,5,2) in the crop that YuNet found in
    their photographs."""
    names = set(people(data, part))
    files, points = [], []
    with open(data / "lfw/landmarks.csv", newline="") as table:
        for row in csv.DictReader(table):
            if row["path"].split("/")[0] in names:
                files.append(data / "lfw/aligned" / row["path"])
                points.append([[float(row[f"{p}_{a}"]) for a in "xy"] for p in PLACES])
    # LFW's crops were cut with the robust fit, which leaves out the points that a turn moves.
    found = np.array(points)
    fits = [cv2.estimateAffinePartial2D(p, TEMPLATE, method=cv2.LMEDS)[0] for p in found]
    return files, transform_points(np.stack(fits), found)


def training(data: Path, only: str | None = None, part: int = 1) -> list[Path]:
    """Folders of the people to train on, each part-th one, none of whom is in the test."""
    # The two sets spell some names in other cases.
    held = {name.lower() for name in people(data, "Test")}
    parts = {
        "lfw": [data / "lfw/aligned" / name for name in people(data, "Train")],
        "pins": [
            path
            for path in sorted((data / "pins/aligned").iterdir())
            if path.name.lower() not in held
        ],
    }
    return [folder for name in ([only] if only else parts) for folder in parts[name][::part]]


def write_faces(folders: Iterable[Path], file: Path, every: int = 1) -> int:
    """Writes a manifest of every k-th image of each folder; returns how many."""
    images = [image for folder in folders for image in sorted(folder.glob("*.jpg"))[::every]]
    rows = [
        (str(image), f"{image.parent.name}/{image.stem}", image.parent.name) for image in images
    ]
    pl.DataFrame(rows, schema=["path", "id", "identity"], orient="row").write_csv(file)
    return len(rows)


def write_recognizers(data: Path, out: Path) -> None:
    """Puts the recognizers with their cards into the output folder, which is made."""
    out.mkdir(parents=True, exist_ok=True)
    for name, card in CARDS.items():
        place = out / f"recognizer_{name}.onnx"
        if not place.is_file():
            shutil.copyfile(data / "models" / place.name, place)
            describe(place, card)


def needs(data: Path, *names: str) -> None:
    """Ends the program where a data folder lacks one of `names`, with a list of what is missing."""
    missing = [name for name in names if not (data / name).exists()]
    if missing:
        raise SystemExit(
            "error: the data folder must have everything that this recipe reads;"
            f" {data} lacks:\n  " + "\n  ".join(missing) + "\nhint: docs/guides/data.md says what"
            " goes into it"
        )


def main() -> None:
    """Writes all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", choices=("lfw", "pins"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--part", type=int, default=1)
    options = parser.parse_args()
    data, out = options.data, options.out
    needs(data, *LFW, *(() if options.only == "lfw" else PINS))
    out.mkdir(parents=True, exist_ok=True)
    folders = training(data, options.only, options.part)
    count = write_faces(folders, out / "train.csv", options.every)
    held = write_faces(
        [data / "lfw/aligned" / name for name in people(data, "Test")], out / "test.csv"
    )
    write_recognizers(data, out)
    print(f"{count} images to train on, {held} to report on")


if __name__ == "__main__":
    main()
