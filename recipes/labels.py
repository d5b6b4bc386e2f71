"""The parts of recipes/labels.sh that are more than one command: which images, and the tables.

python recipes/labels.py prepare ../shared/data runs/labels
python recipes/labels.py table runs/labels
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from splits import LFW, PINS, needs, people, write_recognizers

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.manifest import read_manifest
from fiqa.data.quality import read_quality
from fiqa.functional.agreement import spearman
from fiqa.report.evaluation.folder import write_report
from fiqa.report.picture import Picture
from fiqa.types import Quality

SHOWN, CELL = 12, 80
"""Faces per strip of the contact sheet, and their side in pixels."""


def prepare(data: Path, out: Path) -> None:
    """Writes the list of images, and puts the recognizers with their cards beside it."""
    images = [
        image
        for name in people(data, "Train")
        for image in sorted((data / "lfw/aligned" / name).glob("*.jpg"))
    ]
    images += sorted((data / "pins/aligned").glob("*/*.jpg"))
    (out / "images.txt").write_text("".join(f"{image.resolve()}\n" for image in images))
    write_recognizers(data, out)


def table(out: Path) -> None:
    """Prints what the labels are worth and writes report and contact sheet beside them."""
    labels = {
        f"{path.stem}.{kind}": read_quality(path, method=path.stem)
        for kind in ("baseline", "optimized")
        for path in sorted((out / kind).glob("*.parquet"))
    }
    b = read_embeddings(out / "b.npz")
    numbers = fiqa.evaluate(labels, b, faces=out / "faces.parquet", draws=100, limits=(0.3, 0.95))
    write_report(numbers, out / "report")
    under = numbers.recognizers[0]
    print(
        f"{numbers.counts['images']} images, {numbers.counts['identities']} people, recognizer B;"
        " iso, FMR 1e-3"
    )
    print(
        f"FNMR at discard 0: {under.fnmr:.4f} of {int(under.counts['mated'])} mated pairs;"
        f" {int(under.counts['nonmated'])} non-mated"
    )
    print(
        "pAUC(.3), AUC(.95): mean FNMR up to that discard / FNMR at 0, with 95 % intervals over"
        " people"
    )
    print(f"{'labels':<24}{'pAUC(.3)':>24}{'AUC(.95)':>24}{'errors left at .3':>22}")
    for curve in under.curves:
        areas = [interval(curve.areas.get((limit, "start"))) for limit in (0.3, 0.95)]
        left, kept = curve.errors_left(0.3)
        print(f"{curve.name:<24}{areas[0]:>24}{areas[1]:>24}{f'{left} of {kept}':>22}")
    agreement(
        {
            name.removesuffix(".baseline"): quality
            for name, quality in labels.items()
            if name.endswith(".baseline")
        }
    )
    sheet(labels, out)


def interval(area: object) -> str:
    """An area with its interval."""
    if area is None:
        return "-"
    low, high = getattr(area, "low", None), getattr(area, "high", None)
    value = area.value
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def agreement(labels: dict[str, Quality]) -> None:
    """Prints Spearman's rho between every two label sets, over the images that all have."""
    shared = sorted(set.intersection(*(set(quality.id.tolist()) for quality in labels.values())))
    values = {name: quality.at(np.array(shared)) for name, quality in labels.items()}
    print(
        f"\nSpearman's rho between labels, {len(shared)} images\n{'':<12}"
        + "".join(f"{name:>11}" for name in values)
    )
    for name, quality in values.items():
        print(
            f"{name:<12}"
            + "".join(f"{spearman(quality, other):>11.2f}" for other in values.values())
        )


def sheet(labels: dict[str, Quality], out: Path) -> None:
    """Writes sheet.png: for each label set the best, middle and worst faces.

    They are of people with ten images or more. For your eyes; the faces are real.
    """
    from fiqa.data.images import read_image

    faces = read_manifest(out / "faces.parquet")
    names, counts = np.unique(faces.identity[faces.status == "ok"], return_counts=True)
    many = set(names[counts >= 10].tolist())
    paths = {
        str(i): str(p)
        for i, p, who in zip(faces.id, faces.path, faces.identity, strict=True)
        if str(who) in many
    }
    chosen = {name: quality for name, quality in labels.items() if name.endswith(".baseline")}
    picture = Picture(140 + 3 * (SHOWN * CELL + 30), 50 + len(chosen) * (CELL + 12))
    for k, part in enumerate(("worst", "middle", "best")):
        picture.text(140 + k * (SHOWN * CELL + 30), 14, part, 18, bold=True)
    for line, (name, quality) in enumerate(chosen.items()):
        top = 50 + line * (CELL + 12)
        picture.text(8, top + 30, name.removesuffix(".baseline"), 16)
        for k, rows in enumerate(strips(quality, paths)):
            for at, row in enumerate(rows):
                crop = read_image(paths[str(quality.id[row])]).pixels
                picture.crop(140 + k * (SHOWN * CELL + 30) + at * CELL, top, crop, CELL - 2)
    picture.save(out / "sheet.png")
    print(f"\n{out / 'sheet.png'}: worst, middle and best faces by each label")


def strips(quality: Quality, paths: dict[str, str]) -> list[NDArray[np.int64]]:
    """Rows of the worst, the middle and the best faces."""
    rows = np.array([row for row, name in enumerate(quality.id.tolist()) if name in paths])
    order = rows[np.argsort(quality.value[rows], kind="stable")]
    half = (len(order) - SHOWN) // 2
    return [order[:SHOWN], order[half : half + SHOWN], order[-SHOWN:]]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == "prepare":
        needs(Path(sys.argv[2]), *LFW, *PINS)
    {"prepare": prepare, "table": table}[sys.argv[1]](*map(Path, sys.argv[2:]))
