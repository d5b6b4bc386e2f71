"""How far the judges of DmsFIQA agree with recognition: coarse quality against mated similarity.

    python recipes/judges.py ../shared/data runs/judges [--every 3]

Takes the people of LFW's peopleDevTest with three images or more and has every judge that needs no
download label them (`fiqa label dmsfiqa`, recognizer A): crops with their landmarks, or without, of
which the package's network sees five points. It prints Spearman's rho between each judge's coarse
quality and an image's mean cosine to the other images of its person, under recognizer A and under
B, with 95 % intervals from 1,000 draws of people. Then the same of what is left when each person's
mean is taken off both: the order inside a person. Before the table it prints how far the network's
points are from the landmarks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from agreement import begun, inside, interval, mated, several
from splits import LFW, people

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image
from fiqa.data.tables import read_table
from fiqa.faces.points import pointed
from fiqa.functional.agreement import spearman
from fiqa.functional.geometry import similarity_transform, template, transform_points
from fiqa.functional.pose import pose_from_points
from fiqa.types import Faces

JUDGES = {
    "analytic": {"judges": ["analytic"]},
    "analytic, no landmarks": {"judges": ["analytic"], "faces": "bare.csv"},
    "fiqa": {"judges": ["fiqa"]},
    "fiqa, no landmarks": {"judges": ["fiqa"], "faces": "bare.csv"},
    "fiqa, analytic": {"judges": ["fiqa", "analytic"]},
    "laplacian": {"judges": ["laplacian"]},
    "LightQNet": {"judges": ["models/lightqnet-dm100.pb"]},
    "fiqa 2, analytic 1, LightQNet 1": {
        "judges": ["fiqa", "analytic", "models/lightqnet-dm100.pb"],
        "weights": [2, 1, 1],
    },
}
"""What is compared: a name, and arguments of `fiqa label dmsfiqa`; model files are in the data
folder, manifests in that of the results."""


def write_faces(data: Path, file: Path, every: int) -> int:
    """Writes the faces with the landmarks of their crops, and without as bare.csv; returns how many
    there are."""
    marks = pl.read_csv(data / "lfw/landmarks.csv")
    points = marks.select(marks.columns[5:15]).to_numpy().reshape(-1, 5, 2)
    into = similarity_transform(points, template())
    crop = transform_points(into, points).reshape(-1, 10).round(3).tolist()
    known = dict(zip((Path(path).stem for path in marks["path"]), crop, strict=True))
    rows = []
    for name, images in several(data, people(data, "Test")[::every]).items():
        for image in images:
            rows.append((str(image), image.stem, name, *known.get(image.stem, [None] * 10)))
    columns = [f"landmark_{k}_{axis}" for k in range(5) for axis in "xy"]
    frame = pl.DataFrame(rows, schema=["path", "id", "identity", *columns], orient="row")
    frame.write_csv(file)
    frame.select("path", "id", "identity").write_csv(file.with_name("bare.csv"))
    return len(frame)


def points(file: Path) -> str:
    """How far the points that the network sees in the crops are from their landmarks, in words."""
    table = pl.read_csv(file)
    known = table.select(table.columns[3:]).to_numpy().reshape(-1, 5, 2)
    crops = np.stack([read_image(path).pixels for path in table["path"]])
    seen = pointed(Faces(crops)).landmarks
    both = np.isfinite(known).all((1, 2)) & np.isfinite(seen).all((1, 2))
    apart = np.linalg.norm(seen - known, axis=2)[both]
    mine, theirs = pose_from_points(seen[both])[:, 0], pose_from_points(known[both])[:, 0]
    return (
        f"points seen in {len(apart)} of {len(table)} crops, {apart.mean():.2f} pixels off in the"
        f" mean (90 %: {np.percentile(apart, 90):.2f}); yaw {np.median(abs(mine - theirs)):.1f}"
        f" degrees off in the median, rho {spearman(mine, theirs):.3f}"
    )


def main() -> None:
    """Labels with each judge and prints the table."""
    data, out, every = begun(__doc__, 1, *LFW, "lfw/landmarks.csv", "models/lightqnet-dm100.pb")
    print(f"{write_faces(data, out / 'faces.csv', every)} faces; {points(out / 'faces.csv')}")
    for name in "ab":
        model = out / f"recognizer_{name}.onnx"
        fiqa.embed(out / "faces.csv", recognizer=model, force=True, out=out / f"{name}.npz")
    found = {name: read_embeddings(out / f"{name}.npz") for name in "ab"}
    print("| judges | faces | A | B | A, inside | B, inside |\n|---|---|---|---|---|---|")
    for k, (name, given) in enumerate(JUDGES.items()):
        judges = [str(data / j) if "/" in j else j for j in given["judges"]]
        file = out / f"labels_{k}.parquet"
        fiqa.label(
            "dmsfiqa",
            embeddings=out / "a.npz",
            out=file,
            force=True,
            **{**given, "faces": out / given.get("faces", "faces.csv"), "judges": judges},
        )
        table = read_table(file).filter(pl.col("status") == "ok")
        coarse, who = table["coarse"].to_numpy(), table["identity"].to_numpy().astype(str)
        cells = []
        for vectors in found.values():
            place = {name: row for row, name in enumerate(vectors.id.tolist())}
            rows = [place[name] for name in table["id"].to_list()]
            like = mated(vectors.vector[rows], who)
            cells.append(interval(coarse, like, who))
            cells.append(interval(inside(coarse, who), inside(like, who), who))
        cells = cells[::2] + cells[1::2]
        print(f"| {name} | {len(table)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
