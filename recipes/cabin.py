"""The parts of recipes/cabin.sh that no command of fiqa does.

    python recipes/cabin.py fleet DATA OUT     draws a fleet, and says of the recognizer what it can
    python recipes/cabin.py faces OUT          names the people on the best shots

The fleet is simulated: each drive is a short film drawn from one photograph (DATA/pins), whose face
moves, and is once out of focus. `weeks` are 60 drives of 12 people; `today` are 60 more of the same
people through a camera that lets through less than a third of the light.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

import fiqa
from fiqa.data.images import read_image
from fiqa.functional.verification import threshold_at_fmr
from fiqa.runtime.describe import describe

sys.path.insert(0, str(Path(__file__).parent))
from drawn_film import drawn, write_film
from splits import CARDS, people, write_faces

PEOPLE, DRIVES = 12, 5
SIZE = (320, 240)
FACE = 190
"""Pixels to which a crop is enlarged."""
ACTS = (("plain", 1.0), ("blurred", 0.8), ("plain", 1.2))
LIGHTS = {"weeks": (1.0, 1.0, 0.8, 0.8, 0.6), "today": (0.3, 0.3, 0.25, 0.25, 0.2)}


def scene(crop: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Returns a drawn cabin with a face in it, larger than a frame."""
    import cv2

    width, height = SIZE[0] + 60, SIZE[1] + 30
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 150, (6, 8, 1), dtype=np.uint8)
    cabin = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    image = np.stack([cabin + 8, cabin, cabin], axis=2)
    face = cv2.resize(crop, (FACE, FACE), interpolation=cv2.INTER_CUBIC)
    x, y = (width - FACE) // 2, (height - FACE) // 2
    image[y : y + FACE, x : x + FACE] = face
    return image


def recognizer(data: Path, out: Path) -> None:
    """Puts a recognizer there whose card says its cosine at a false match rate of 1e-3, measured on
    people of LFW's list for development."""
    place = out / "recognizer.onnx"
    if place.with_suffix(".json").is_file():
        return
    shutil.copyfile(data / "models" / "recognizer_a.onnx", place)
    describe(place, CARDS["a"])
    names = people(data, "Train")[:400]
    write_faces(
        [(data / "lfw/aligned" / name).resolve() for name in names], out / "development.csv"
    )
    known = fiqa.embed(out / "development.csv", recognizer=place)
    who = np.array([str(name).split("/")[-2] for name in known.id])
    first, second = np.triu_indices(len(who), 1)
    other = who[first] != who[second]
    cosines = np.einsum("nd,nd->n", known.vector[first[other]], known.vector[second[other]])
    threshold = float(threshold_at_fmr(cosines, 1e-3))
    describe(place, replace(CARDS["a"], match_threshold=round(threshold, 3)), replace=True)
    print(f"same person from a cosine of {threshold:.3f}, {len(cosines):,} non-mated pairs")


def fleet(data: Path, out: Path) -> None:
    """Draws the films and writes who drives in which."""
    recognizer(data, out)
    folders = sorted((data / "pins/aligned").iterdir())[:PEOPLE]
    rows = []
    for number, folder in enumerate(folders):
        # photographs far apart in the list, so that no two are copies
        images = sorted(folder.glob("*.jpg"))
        images = images[:: len(images) // (2 * DRIVES)][: 2 * DRIVES]
        for k, image in enumerate(images):
            week = "weeks" if k < DRIVES else "today"
            light = LIGHTS[week][k % DRIVES]
            name = f"car{number}_{k}"
            film = out / "films" / week / f"{name}.mp4"
            rows.append(
                {
                    "identity": folder.name,
                    "track": f"{week}/{name}-1",
                    "drive": name,
                    "light": "noon" if light > 0.7 else "dusk" if light > 0.5 else "night",
                }
            )
            if not film.is_file():
                film.parent.mkdir(parents=True, exist_ok=True)
                picture = scene(read_image(image).pixels, seed=k)
                write_film(film, drawn(picture, SIZE, at=(30, 15), light=light, acts=ACTS, seed=k))
    pl.DataFrame(rows).write_csv(out / "people.csv")
    print(f"{len(rows)} drawn films of {PEOPLE} people")


def faces(out: Path) -> None:
    """Writes the best shots with the people that are on them, and of `weeks` the tracks that are
    there: a face may be lost, and a film have two tracks or none."""
    who = pl.read_csv(out / "people.csv")
    named = []
    for week in LIGHTS:
        own = who.filter(pl.col("track").str.starts_with(f"{week}/")).with_columns(
            pl.col("track").str.strip_prefix(f"{week}/")
        )
        shots = pl.read_parquet(out / week / "frames.parquet").filter(pl.col("status") == "ok")
        place = pl.lit(str((out / week).resolve()))
        named.append(
            shots.drop("identity")
            .join(own, on="track", how="inner", maintain_order="left")
            .with_columns(pl.format("{}/{}", place, pl.col("path")).alias("path"))
        )
    table = pl.concat(named)
    table.write_parquet(out / "faces.parquet")
    have = pl.read_parquet(out / "weeks" / "tracks.parquet")["track"]
    enrolled = who.filter(pl.col("track").is_in([f"weeks/{track}" for track in have]))
    enrolled.write_csv(out / "weeks_people.csv")
    print(f"{len(table)} best shots of {table['drive'].n_unique()} drives")


if __name__ == "__main__":
    if sys.argv[1] == "fleet":
        target = Path(sys.argv[3])
        target.mkdir(parents=True, exist_ok=True)
        fleet(Path(sys.argv[2]), target)
    else:
        faces(Path(sys.argv[2]))
