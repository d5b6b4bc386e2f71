"""Which measure of blur CLIB-FIQA's labels should be cut from: CPBD, or the published Sobel form.

    python recipes/blur_measures.py ../shared/data runs/blur [--every 12]

Takes the people of LFW's peopleDevTest with three images or more, and of each image copies with
drawn defocus, Gaussian blur and motion blur of four strengths. It prints

- inside an image: Spearman's rho of each measure with the strength, without a copy 0;
- the share of each word by strength, cut at .35 and .7, and cut at percentiles of the images here;
- recognition: Spearman's rho of each measure with a copy's mean cosine to the *clean* other images
  of its person, over all images and copies, inside a person, and over clean images alone; under
  recognizer A and B, 95 % intervals from draws of people.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from agreement import begun, inside, interval, mated, several
from numpy.typing import NDArray
from splits import LFW, people

from fiqa.data.images import read_image
from fiqa.errors import FiqaError
from fiqa.faces.degrade import degrade
from fiqa.faces.factors import measure
from fiqa.functional.agreement import spearman
from fiqa.methods.clib_fiqa import GRID, factor_labels
from fiqa.runtime.recognizers import named_recognizer
from fiqa.types import Faces

KINDS = ("defocus", "blur", "motion")
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
MEASURES = ("cpbd", "sobel")
PERCENTILES = (0.2, 0.5)
"""Where words are cut by percentiles: hazy below the first, blurry below the second."""


def chosen(data: Path, every: int) -> list[Path]:
    """Images of every k-th person with three or more, three of each."""
    found = list(several(data, people(data, "Test")).values())[::every]
    return [path for images in found for path in images[:3]]


def copies(paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Crops (images, 1 + kinds x strengths, ...), the clean one first, and their strengths."""
    rows = []
    for k, path in enumerate(paths):
        face = Faces(read_image(path).pixels[None])
        drawn = [degrade(face, kind, s, seed=k) for kind in KINDS for s in STRENGTHS]
        rows.append(np.stack([each.crops[0] for each in (face, *drawn)]))
    return np.stack(rows), np.array([0.0, *STRENGTHS * len(KINDS)])


def by_image(value: NDArray[np.float64], strength: NDArray[np.float64]) -> str:
    """Mean over images of rho with the strength, each kind beside the clean image."""
    count, cells = len(STRENGTHS), []
    for k in range(len(KINDS)):
        rows = [0, *range(1 + k * count, 1 + (k + 1) * count)]
        found = [spearman(-row[rows], strength[rows]) for row in value if np.ptp(row[rows])]
        cells.append(f"{np.mean(found):.3f}")
    return " | ".join(cells)


def words(
    name: str, value: NDArray[np.float64], cuts: tuple[float, float] | None
) -> NDArray[np.int8]:
    """The word of each value, hazy 0 to clear 2."""
    flat = value.ravel()
    rest = {k: np.ones(len(flat)) for k in ("yaw", "occlusion", "expression", "illumination")}
    how = {} if cuts is None else {"blur_cuts": cuts, "blur_cut_by": "percentile"}
    return factor_labels(sharpness=flat, blur_measure=name, **how, **rest)["blur"]


def main() -> None:
    """Measures everything and prints the tables."""
    data, out, every = begun(__doc__, 12, *LFW)
    paths = chosen(data, every)
    crops, strength = copies(paths)
    shape = crops.shape[:2]
    flat = crops.reshape(-1, *crops.shape[2:])
    measured = [measure(Faces(flat[k : k + 64])).measures for k in range(0, len(flat), 64)]
    value = {
        name: np.concatenate([part[name] for part in measured]).reshape(shape).astype(np.float64)
        for name in MEASURES
    }
    print(f"{shape[0]} images of {len({p.parent for p in paths})} people, {shape[1]} copies each")
    print(f"| inside an image | {' | '.join(KINDS)} |\n|---|---|---|---|")
    for name in MEASURES:
        print(f"| {name} | {by_image(value[name], strength)} |")
    print(f"| cut | strength | {' | '.join(GRID['blur'])} |\n|---|---|---|---|---|")
    for name in MEASURES:
        for cuts in (None, PERCENTILES):
            try:
                label = words(name, value[name], cuts).reshape(shape)
            except FiqaError as error:
                print(f"| {name}, {cuts} | {error} |")
                continue
            for s in (0.0, *STRENGTHS):
                there = label[:, strength == s]
                shares = " | ".join(f"{np.mean(there == k):.2f}" for k in range(3))
                print(f"| {name}, {cuts or '.35, .7'} | {s:g} | {shares} |")
    who = np.array([path.parent.name for path in paths])
    everyone = np.repeat(who, shape[1])
    print("| recognition | all | inside a person | clean alone |\n|---|---|---|---|")
    for r in "ab":
        recognizer = named_recognizer(out / f"recognizer_{r}.onnx")
        parts = [recognizer.embed(flat[k : k + 64]) for k in range(0, len(flat), 64)]
        vectors = np.concatenate(parts).reshape(*shape, -1)
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        clean = vectors[:, 0].astype(np.float64)
        same = (who[:, None] == who[None, :]) & ~np.eye(len(who), dtype=bool)
        like = np.einsum("icd,jd,ij->ic", vectors, clean, same) / same.sum(1)[:, None]
        for name in MEASURES:
            x, y = value[name].ravel(), like.ravel()
            cells = [
                interval(x, y, everyone),
                interval(inside(x, everyone), inside(y, everyone), everyone),
                interval(value[name][:, 0], mated(vectors[:, 0], who), who),
            ]
            print(f"| {name}, {r.upper()} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
