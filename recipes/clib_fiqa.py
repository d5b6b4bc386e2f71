"""The parts of recipes/clib_fiqa.sh that are more than one command: images, ablation, tables.

python recipes/clib_fiqa.py prepare ../shared/data runs/bundled runs/clib_fiqa
python recipes/clib_fiqa.py ablation runs/clib_fiqa ../shared/data/models/recognizer_a.pt
python recipes/clib_fiqa.py table runs/peers runs/clib_fiqa
python recipes/clib_fiqa.py sets runs/peers runs/clib_fiqa
python recipes/clib_fiqa.py pictures runs/clib_fiqa
python recipes/clib_fiqa.py relabel runs/clib_fiqa runs/clib_fiqa/seen
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
from bundled_copies import SEEDS, images, landmarks
from curves import interval
from numpy.typing import NDArray
from splits import LFW, PINS, needs

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image
from fiqa.data.quality import read_quality, write_quality
from fiqa.data.tables import write_table
from fiqa.faces.degrade import random_degradation
from fiqa.faces.detectors.yunet import YuNet
from fiqa.types import Embeddings, Faces, Quality

LEAST, MOST = 3, 80
"""Images of a person: how many there must be, and how many are taken."""
FACTORS = ("blur", "occlusion", "pose", "expression", "illumination")
EPOCHS, CUT = 12, 0.5
TESTS = ("clean", "degraded")
METHODS = ("analytic", "laplacian")
"""The test sets, and the scores of them beside the ablation's."""
RECIPE = Path(__file__).with_name("clib_fiqa.toml")
RUNS = {
    "naive quality fitting": {"factors": [], "stage1": 0},
    **{
        f"+ {name}": {"factors": list(FACTORS[: k + 1]), "stage1": 0}
        for k, name in enumerate(FACTORS[:-1])
    },
    "+ illumination (all)": {"stage1": EPOCHS},
    "with confidence calibration": {},
}
"""A run of the ablation -> what differs from recipes/clib_fiqa.toml.

Where stage 1 lasts to the end there is a merged-factor network and no stage 2.
"""
FULL, ALL, MERGED = "with confidence calibration", "+ illumination (all)", "merged factors alone"


def prepare(data: Path, bundled: Path, out: Path) -> None:
    """Writes OUT/faces.parquet: every chosen image, about half of them degraded as the web does.

    They are degraded where recognizer A has the vector of that copy, else clean.

    Pose and expression are read from landmarks. They are found in the clean crop, and move with
    what is done to it.
    """
    cv2.setNumThreads(1)
    names = set(read_embeddings(bundled / "a.npz").id.tolist())
    detector, rows = YuNet(data / "models/yunet.onnx"), []
    for path in chosen(images(data)):
        crop = read_image(path).pixels
        face = Faces(crop[None], landmarks=landmarks(detector, crop))
        name = f"{path.parent.name}/{path.stem}~web"
        if name in names:
            # The same draw as that of the copy on disk, so that the landmarks are its own.
            face = random_degradation(face, "web", seed=SEEDS["web"])
        else:
            name = name.replace("~web", "~clean")
        points = [] if face.landmarks is None else face.landmarks[0].ravel().tolist()
        row = {
            "id": name,
            "path": str((bundled / "faces" / f"{name}.jpg").resolve()),
            "identity": path.parent.name,
        }
        rows.append(row | {"landmarks": points if np.isfinite(points).all() else None})
        if len(rows) % 500 == 0:
            sys.stderr.write(f"\r{len(rows)} images")
    out.mkdir(parents=True, exist_ok=True)
    write_table(pl.DataFrame(rows), out / "faces.parquet")


def relabel(out: Path, new: Path) -> None:
    """Writes NEW/faces.parquet and NEW/labels.parquet: the same, but occlusion and expression are
    what the model that comes with fiqa says.

    It has learned them from real masks, and from a trained classifier of expressions.
    """
    faces, labels = (pl.read_parquet(out / f"{name}.parquet") for name in ("faces", "labels"))
    model, said = fiqa.load("fiqa"), []
    for part in faces.iter_slices(256):
        why = model.explain(Faces(np.stack([read_image(path).pixels for path in part["path"]])))
        for id_, free, reasons in zip(
            part["id"], why.quality["occlusion"] >= CUT, why.reasons, strict=True
        ):
            strong = bool({"exaggerated_expression", "mouth_open"} & set(reasons))
            said.append(
                {
                    "id": id_,
                    "occlusion": "unobstructed" if free else "obstructed",
                    "expression": f"{'exaggerated' if strong else 'typical'} expression",
                }
            )
        sys.stderr.write(f"\r{len(said)} images")
    new.mkdir(parents=True, exist_ok=True)
    found = labels.drop("occlusion", "expression").join(pl.DataFrame(said), on="id", how="left")
    for name in ("occlusion", "expression"):
        print(name, found.group_by(name).len().rows(), "before", labels.group_by(name).len().rows())
    write_table(found.select(labels.columns), new / "labels.parquet")
    write_table(faces, new / "faces.parquet")


def chosen(paths: list[Path]) -> list[Path]:
    """Images of people who have at least 3, at most 80 of each, evenly.

    An anchor needs a center that is more than the image itself.
    """
    people: dict[Path, list[Path]] = {}
    for path in paths:
        people.setdefault(path.parent, []).append(path)
    return [
        group[k]
        for group in people.values()
        if len(group) >= LEAST
        for k in np.unique(
            np.linspace(0, len(group) - 1, min(len(group), MOST)).round().astype(int)
        )
    ]


def ablation(out: Path, weights: Path) -> None:
    """Trains every run of the ablation into OUT/ablation."""
    for name, changes in RUNS.items():
        own = {f"clib_fiqa.{key}": value for key, value in changes.items()}
        last = trained(out, weights, folder(out, name), own)
        print(
            f"{name}: Spearman {last['spearman']:.3f}, MAE {last['mae']:.3f} on people held out,"
            f" {last['seconds']:.0f} s"
        )


def trained(out: Path, weights: Path, run: Path, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Trains the recipe with some settings changed, and returns the last row of its history.

    All runs share the features of the frozen backbone, whose weights are given.
    """
    settings = {
        "data.faces": str(out / "faces.parquet"),
        "data.labels": str(out / "labels.parquet"),
        "data.cache": str(out / "cache"),
        "model.weights": str(weights),
        "optim.epochs": EPOCHS,
    }
    return fiqa.train(RECIPE, out=run, settings={**settings, **changes}).history[-1]


def folder(out: Path, name: str) -> Path:
    """Where a run is."""
    return (
        out
        / "ablation"
        / "".join(letter if letter.isalnum() else "_" for letter in name).strip("_")
    )


def scores(run: Path, vectors: Embeddings, name: str, *, merged: bool = False) -> Quality:
    """The scores of a run's last weights.

    The frozen backbone gives recognizer A's own vectors, which are known, so no image is read
    again.
    """
    import torch
    from safetensors.torch import load_file

    from fiqa.methods.clib_fiqa.joint import expected, factor_joint
    from fiqa.methods.clib_fiqa.merged import MergedFactors
    from fiqa.training.checkpoint import objective_state
    from fiqa.training.objectives.clib_fiqa import ClibObjective
    from fiqa.training.run_folder import best_of, open_run

    net = ClibObjective.network(open_run(run))
    net.load_state_dict(load_file(best_of(run, "step")[0]))
    with torch.no_grad():
        p = net.eval().from_features(torch.from_numpy(vectors.vector * vectors.norm[:, None]))
        value = ClibObjective.scores(p)[:, 0]
        if merged:
            layers = MergedFactors()
            state = objective_state(run)
            layers.load_state_dict({key: state[f"merged.{key}"] for key in layers.state_dict()})
            value = expected(layers(factor_joint(p)))
    return Quality(vectors.id, value.numpy(), name)


def table(peers: Path, out: Path) -> None:
    """Prints a markdown table for LFW's people for the test, clean and degraded, under A and B."""
    for test in TESTS:
        source = peers / f"scores_{test}"
        vectors = {r: read_embeddings(source / f"{r}.npz") for r in "ab"}
        qualities = [
            scores(folder(out, name), vectors["a"], name)
            for name in (FULL, *(n for n in RUNS if n != FULL))
        ]
        qualities.append(scores(folder(out, ALL), vectors["a"], MERGED, merged=True))
        qualities += [read_quality(source / f"{name}.parquet", method=name) for name in METHODS]
        for r, vector in vectors.items():
            print(
                f"\n**{test}, recognizer {r.upper()}**\n\n| score | pAUC(.3) | this minus"
                " calibrated | AUC(.95) |\n|---|---|---|---|"
            )
            lines(qualities, vector, out / f"report_{test}_{r}")


def sets(peers: Path, out: Path) -> None:
    """Writes OUT/sets/clean and OUT/sets/degraded, data sets as `fiqa tables clib` reads them.

    Their qualities are named as in the paper's Figure 5: NQF for naive quality fitting, M-F for
    the merged factors, C-C for the calibrated form.
    """
    runs = {"NQF": "naive quality fitting", "M-F": ALL, "C-C": FULL}
    for test in TESTS:
        source, place = peers / f"scores_{test}", out / "sets" / test
        for part in ("quality", "embeddings"):
            (place / part).mkdir(parents=True, exist_ok=True)
        for r in "ab":
            shutil.copyfile(source / f"{r}.npz", place / "embeddings" / f"{r}.npz")
        vectors = read_embeddings(source / "a.npz")
        for name, run in runs.items():
            found = scores(folder(out, run), vectors, name, merged=name == "M-F")
            write_quality(found, place / "quality" / f"{name}.parquet")
        for name in METHODS:
            found = read_quality(source / f"{name}.parquet", method=name)
            write_quality(found, place / "quality" / f"{name}.parquet")


def lines(qualities: Sequence[Quality], vector: Embeddings, report: Path) -> None:
    """Prints the rows of one table and writes the page with the curves."""
    result = fiqa.evaluate(qualities, vector, fmr=1e-3, limits=(0.3, 0.95), draws=200, out=report)
    for curve in result.recognizers[0].curves:
        near, far = curve.areas[0.3, "start"], curve.areas[0.95, "start"]
        gap = curve.difference
        text = "" if gap is None else f"{gap.difference:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
        print(f"| {curve.name} | {interval(near)} | {text} | {interval(far)} |")


def pictures(out: Path) -> None:
    """Writes confidence.png, how the confidences of the training images lie, and lowest.png.

    That shows the images with the lowest, for your eyes: the faces are real.
    """
    from matplotlib.figure import Figure

    table = pl.read_parquet(folder(out, FULL) / "confidence.parquet").join(
        pl.read_parquet(out / "faces.parquet"), on="id"
    )
    value = table["value"].to_numpy()
    drawing = Figure(figsize=(7, 3.5), layout="constrained")
    axes = drawing.subplots()
    for kind in ("clean", "web"):
        axes.hist(
            value[table["id"].str.ends_with(f"~{kind}").to_numpy()],
            bins=np.linspace(0.5, 1, 51),
            alpha=0.6,
            label=kind,
        )
    axes.set(xlabel="confidence of the quality anchor", ylabel="training images")
    axes.legend()
    drawing.savefig(out / "confidence.png", dpi=110)
    quantiles = np.percentile(value, [1, 10, 50, 90])
    print("confidence: 1st, 10th, 50th, 90th percentile", quantiles.round(3).tolist())
    for part, rows in (("lowest tenth", value <= quantiles[1]), ("all", value > 0)):
        some = table.filter(pl.Series(rows))
        gap = (some["predicted"] - some["merged"]).abs().mean()
        print(
            f"{part}: anchor {some['label'].mean():.3f}, predicted {some['predicted'].mean():.3f},"
            f" |predicted - merged| {gap:.3f}"
        )
    sheet(table.sort("value").head(48), out / "lowest.png")


def sheet(rows: pl.DataFrame, file: Path) -> None:
    """A contact sheet with confidence, anchor, and the qualities by network and by factors."""
    from fiqa.report.picture import Picture

    picture = Picture(12 * 118, 4 * 160)
    for k, row in enumerate(rows.iter_rows(named=True)):
        x, y = k % 12 * 118 + 3, k // 12 * 160 + 4
        crop: NDArray[np.uint8] = read_image(row["path"]).pixels
        picture.crop(x, y, crop, 112)
        picture.text(x, y + 116, f"rho {row['value']:.2f} anchor {row['label']:.2f}", 11)
        picture.text(x, y + 132, f"net {row['predicted']:.2f} factors {row['merged']:.2f}", 11)
    picture.save(file)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == "prepare":
        needs(Path(sys.argv[2]), *LFW, *PINS, "models/yunet.onnx")
    commands = {each.__name__: each for each in (prepare, ablation, table, sets, pictures, relabel)}
    commands[sys.argv[1]](*map(Path, sys.argv[2:]))
