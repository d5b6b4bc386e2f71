"""Do scores hold in another domain? Clean LFW against drawn damage, side light, and a car ride.

    python recipes/domains.py ../shared/data runs/domains

Makes four data sets: `clean`, three images at most of each of 320 of LFW's people for the test;
`degraded`, the same with one drawn damage each; `yaleb`, every second image of Extended Yale B; and
`carphone`, the frames of the film, in segments of five. Scores them with four methods and writes
OUT/report/index.html, as `fiqa tables dms --data-set clean --data-set degraded ...` does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from splits import LFW, needs, people

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.faces.degrade import KINDS, degrade
from fiqa.types import Faces

SETS = ("clean", "degraded", "yaleb", "carphone")
METHODS = {
    "fiqa": "fiqa",
    "analytic": "analytic",
    "laplacian": "laplacian",
    "lightqnet": "models/lightqnet-dm100.pb",
}
PEOPLE, IMAGES, FRAMES = 320, 3, 5
"""People of the clean set, images of each at most, and frames of a segment."""


def write_faces(out: Path, name: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Writes the manifest of a set."""
    (out / name / "quality").mkdir(parents=True, exist_ok=True)
    columns = ["path", "id", "identity", "segment"]
    pl.DataFrame(list(rows), schema=columns, orient="row").write_csv(out / name / "faces.csv")


def lfw(data: Path, out: Path) -> None:
    """Makes the sets clean and degraded."""
    folders = [data / "lfw/aligned" / name for name in people(data, "Test")]
    several = [folder for folder in folders if len(list(folder.glob("*.jpg"))) > 1]
    drawn = np.random.default_rng(0).permutation(len(several))[:PEOPLE]
    clean = [p for k in sorted(drawn.tolist()) for p in sorted(several[k].glob("*.jpg"))[:IMAGES]]
    rows = [(str(p.resolve()), f"{p.parent.name}/{p.stem}", p.parent.name, "") for p in clean]
    write_faces(out, "clean", rows)
    damaged = []
    for k, (path, name, who, _) in enumerate(rows):
        rng = np.random.default_rng(k)
        place = out / "degraded/faces" / f"{name}.png"
        if not place.is_file():
            face = Faces(read_image(path).pixels[None])
            face = degrade(face, str(rng.choice(list(KINDS))), float(rng.uniform(0.2, 1)), seed=0)
            place.parent.mkdir(parents=True, exist_ok=True)
            write_image(place, np.asarray(face.crops[0]))
        damaged.append((str(place.resolve()), name, who, ""))
    write_faces(out, "degraded", damaged)


def yaleb(data: Path, out: Path) -> None:
    """Makes the set of side light."""
    images = sorted((data / "yaleb").glob("*/*.jpg"))[::2]
    rows = [(str(p.resolve()), f"{p.parent.name}/{p.stem}", p.parent.name, "") for p in images]
    write_faces(out, "yaleb", rows)


def carphone(data: Path, out: Path) -> None:
    """Makes the set of the car ride: its frames, aligned."""
    film = cv2.VideoCapture(str(data / "video/carphone.mp4"))
    (out / "frames/man").mkdir(parents=True, exist_ok=True)
    rows = []
    while (frame := film.read())[0]:
        name = f"{len(rows):03d}"
        place = out / "frames/man" / f"{name}.png"
        write_image(place, np.ascontiguousarray(frame[1][..., ::-1]))
        rows.append((str(place.resolve()), f"man/{name}", "man", f"s{len(rows) // FRAMES:02d}"))
    write_faces(out, "frames", rows)
    weights = str(data / "models/yunet.onnx")
    fiqa.align(out / "frames/faces.csv", out=out / "crops", detector="yunet", weights=weights)
    (out / "carphone/quality").mkdir(parents=True, exist_ok=True)
    crops = pl.read_parquet(out / "crops/faces.parquet")
    place = pl.concat_str(pl.lit(f"{(out / 'crops').resolve()}/"), "path")
    found = crops.filter(pl.col("status") == "ok").with_columns(path=place)
    found.select("path", "id", "identity", "segment").write_csv(out / "carphone/faces.csv")


def main() -> None:
    """Makes the sets, scores them, and writes the report."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    needs(data, *LFW, "yaleb", "video/carphone.mp4", "models/yunet.onnx", METHODS["lightqnet"])
    lfw(data, out)
    yaleb(data, out)
    carphone(data, out)
    for name in SETS:
        for method, model in METHODS.items():
            fiqa.score(
                out / name / "faces.csv",
                aligned=True,
                model=str(data / model) if "/" in model else model,
                out=out / name / f"quality/{method}.parquet",
            )
    folders = [out / name for name in SETS]
    print(fiqa.tables("dms", data_set=folders, unit="segment", out=out / "report").text())


if __name__ == "__main__":
    main()
