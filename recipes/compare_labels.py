"""What label optimization is worth to every method: its scores as labels, and a head of them.

    python recipes/compare_labels.py scores DATA OUT
    python recipes/compare_labels.py tables DATA OUT

`scores` writes OUT/labels/METHOD.parquet of images that are in no test, and recognizer A's vectors
of them; `tables` prints a table for each test set and recognizer.

After recipes/compare.py has scored the test sets. The labels are of SHARE of the people of the
training sets; the head is a linear output on recognizer A's vector, HEADS seeds of it. FaceQAN is
too slow to label with.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from compare import SETS, models, reference
from curves import FMR, HEADS, Floats, Test, area, head, lower_in, raw_vectors
from splits import LFW, PINS, needs, processes, training, write_faces

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.quality import read_quality
from fiqa.functional.bootstrap import Band
from fiqa.functional.table import Table
from fiqa.methods.label_optimization import optimize_labels
from fiqa.scoring.run import plan, write_scores
from fiqa.types import Embeddings

SHARE = 0.3
THETAS = (0.001, 0.02)
"""The paper's step, and the one that moves labels visibly (docs/guides/label_transfer.md)."""
LIMIT = 0.95


def people(data: Path) -> list[Path]:
    """Folders of those who are labelled: drawn from the training people with two images or more."""
    many = [folder for folder in training(data) if len(list(folder.glob("*.jpg"))) > 1]
    rows = np.random.default_rng(0).permutation(len(many))[: round(SHARE * len(many))]
    return [many[row] for row in sorted(rows.tolist())]


def scores(data: Path, out: Path) -> None:
    """Scores the images to label by every method that can be asked, and embeds them."""
    folder = out / "labels"
    folder.mkdir(exist_ok=True)
    faces = folder / "faces.csv"
    write_faces(people(data), faces)
    fiqa.embed(faces, recognizer=out / "recognizer_a.onnx", out=folder / "a.npz")
    reference(data, out)
    for method, way in models(data, out).items():
        target = folder / f"{method}.parquet"
        if method != "faceqan" and not method.endswith("_network"):
            done = write_scores(plan(faces, aligned=True, workers=1, **way), target)
            if not done.current:
                print(f"{method}: {done.rows} labels", flush=True)


def read_test(out: Path, name: str, recognizer: str) -> Test:
    """A test set as the comparison has it: people are folders, the threshold is the set's own."""
    vectors = read_embeddings(out / f"scores_{name}" / f"{recognizer}.npz")
    who = np.array([name.split("/")[0] for name in vectors.id.tolist()])
    result = fiqa.evaluate("norm", vectors, fmr=FMR, draws=0).recognizers[0]
    return Test.of(
        f"{name}, {recognizer.upper()}",
        vectors,
        who,
        result.threshold,
        int(result.counts["nonmated"]),
    )


def tables(data: Path, out: Path) -> None:
    """Prints, for each set and recognizer, the areas of methods, of heads, and of optimizing."""
    tests = {(name, r): read_test(out, name, r) for name in SETS for r in "ab"}
    inputs = {
        key: raw_vectors(read_embeddings(out / f"scores_{key[0]}/a.npz"), test.ids)
        for key, test in tests.items()
    }
    embeddings = read_embeddings(out / "labels/a.npz")
    methods = sorted(file.stem for file in (out / "labels").glob("*.parquet"))
    ask = partial(rows, out, embeddings=embeddings, tests=tests, inputs=inputs)
    with processes(min(os.cpu_count() or 1, len(methods) or 1)) as pool:
        results = list(pool.map(ask, methods))
    heads = [
        "prior",
        "itself",
        "head on its scores",
        *(f"change, theta {theta:g}" for theta in THETAS),
    ]
    for key, test in tests.items():
        lines = sorted((result[key] for result in results), key=lambda line: str(line[1]))
        title = (
            f"{test.name} ({len(embeddings.id)} labels; {HEADS} seeds; area to {LIMIT:g} over the"
            f" FNMR of {test.fnmr:.4f})"
        )
        print(f"\n{Table('labels', title, heads, lines).markdown()}\n", flush=True)


def rows(
    out: Path,
    method: str,
    embeddings: Embeddings,
    tests: dict[tuple[str, str], Test],
    inputs: dict[tuple[str, str], Floats],
) -> dict[tuple[str, str], list[Any]]:
    """A method's line under every test."""
    label = read_quality(out / "labels" / f"{method}.parquet").at(embeddings.id)
    who = np.array([name.split("/")[0] for name in embeddings.id.tolist()])
    vectors = raw_vectors(embeddings, embeddings.id)
    values = [
        label,
        *(optimize_labels(label, embeddings.vector, who, theta=theta) for theta in THETAS),
    ]
    layers = [[head(vectors, value, seed) for seed in range(HEADS)] for value in values]
    lines = {}
    for (name, r), test in tests.items():
        curves = [
            [test.band_of(layer(inputs[name, r])[test.mated]) for layer in each] for each in layers
        ]
        own = test.band(out / f"scores_{name}" / f"{method}.parquet")
        before = area(curves[0], LIMIT, relative=True)
        changes = [change(curve, curves[0]) for curve in curves[1:]]
        lines[name, r] = [
            method,
            area([own], LIMIT, relative=True).text(digits=3),
            before.text(digits=3),
            *changes,
        ]
    return lines


def change(new: list[Band], old: list[Band]) -> str:
    """The difference of the areas with its interval, and in how many seeds it is a fall."""
    difference = area(new, LIMIT, relative=True) - area(old, LIMIT, relative=True)
    return f"{difference.text('+', 3)}, lower in {lower_in(new, old)}"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    needs(Path(sys.argv[2]), *LFW, *PINS)
    {"scores": scores, "tables": tables}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
