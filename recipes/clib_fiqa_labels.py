"""Which part of CLIB-FIQA's labels matters: is an image in its own class center, and what measures
blur.

    python recipes/clib_fiqa_labels.py runs/peers runs/clib_fiqa runs/bundled/a.npz \\
        ../shared/data/models/recognizer_a.pt [quick]

Takes the faces that recipes/clib_fiqa.sh has listed, recognizer A's vectors of them, and the test
sets of recipes/bundled_peers.py. Trains recipes/clib_fiqa.toml on four forms of the labels with
three seeds, all else the same. Prints the area to 30 % of each as the mean of the seeds, with its
interval over people, what it is less the default on the same people, and the lowest and highest
seed; writes OUT/forms/areas.csv. `quick` asks only about the centers, on clean faces: quality
alone, by a network of the same layers with five prompts, which needs no factors and no weights;
OUT/forms/quick.csv.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from clib_fiqa import TESTS, trained
from clib_fiqa_sweeps import swept, test_of
from curves import Area, Floats, Test, area, raw_vectors
from numpy.typing import NDArray
from splits import needs

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.tables import write_table
from fiqa.functional.bootstrap import Band
from fiqa.functional.table import Table
from fiqa.methods.clib_fiqa import quality_anchors

FORMS: dict[str, dict[str, Any]] = {
    "left out, Sobel": {},
    "held, Sobel": {"leave_out": False},
    "left out, CPBD": {"blur_measure": "cpbd"},
    "held, CPBD": {"leave_out": False, "blur_measure": "cpbd"},
}
"""Is an image left out of its own center or held in it, and what measures blur -> options of
`fiqa label`. The first is the default.
"""
CENTERS = {"left out": True, "held": False}
SEEDS = (0, 1, 2)
LIMIT = 0.3
HIDDEN, DIM, EPOCHS, BATCH, RATE = 256, 512, 12, 256, 1e-3
"""Of the quick network and its training, as in recipes/clib_fiqa.toml."""
SCALE, BETA, WEIGHT, DECAY, CLIP = 10.0, 32.0, 10.0, 1e-3, 5.0


def folder(out: Path, form: str) -> Path:
    """Where a form's labels and runs are."""
    return out / "forms" / form.replace(", ", "_").replace(" ", "_").lower()


def train(out: Path, vectors: Path, weights: Path, form: str) -> list[Path]:
    """Makes the labels of one form and trains each seed on them, unless it is there."""
    place = folder(out, form)
    place.mkdir(parents=True, exist_ok=True)
    labels = place / "labels.parquet"
    fiqa.label(
        "clib_fiqa", faces=out / "faces.parquet", embeddings=vectors, out=labels, **FORMS[form]
    )
    runs = [place / f"seed_{seed}" for seed in SEEDS]
    for seed, run in zip(SEEDS, runs, strict=True):
        trained(out, weights, run, {"data.labels": str(labels), "seed": seed})
    return runs


def fitted(raw: Floats, label: Floats, who: NDArray[np.int64], seed: int) -> Callable[..., Floats]:
    """A network that has learned quality alone, (N,D) vectors -> (N,) scores.

    Args:
        raw: (N,D) vectors with their length.
        label: (N,) anchors in 0..1.
        who: (N,) code of the person; a tenth of the people is held out, as in the recipe.
        seed: of the people, the weights and the batches.
    """
    import torch
    from torch import nn

    from fiqa.methods.clib_fiqa.losses import emd, soft_label

    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Linear(raw.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, DIM, bias=False)
    )
    text = nn.Parameter(torch.randn(5, DIM) / math.sqrt(DIM))
    scale = nn.Parameter(torch.tensor(math.log(SCALE)))

    def levels(x: Any) -> Any:
        image, words = (nn.functional.normalize(each, dim=1) for each in (body(x), text))
        return torch.softmax(scale.exp() * image @ words.T, dim=1)

    people = np.random.default_rng(seed).permutation(who.max() + 1)
    rows = torch.from_numpy(np.flatnonzero(~np.isin(who, people[: len(people) // 10])))
    inputs, target = torch.from_numpy(raw), torch.from_numpy(label)
    learned = [*body.parameters(), text, scale]
    optimizer = torch.optim.AdamW(learned, RATE, weight_decay=DECAY)
    batches = [b for _ in range(EPOCHS) for b in torch.randperm(len(rows)).split(BATCH)]
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = RATE / 2 * (1 + math.cos(math.pi * step / len(batches)))
        some = rows[batch]
        optimizer.zero_grad()
        loss = emd(levels(inputs[some]), soft_label(target[some], BETA)).mean()
        (WEIGHT * loss).backward()
        nn.utils.clip_grad_norm_(learned, CLIP)
        optimizer.step()
    anchors = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])

    def score(x: Floats) -> Floats:
        with torch.no_grad():
            return np.asarray((levels(torch.from_numpy(x)) @ anchors).numpy(), np.float32)

    return score


def quick(peers: Path, out: Path, vectors: Path) -> pl.DataFrame:
    """The rows of both kinds of centers on clean faces."""
    known = read_embeddings(vectors)
    listed = np.isin(known.id, pl.read_parquet(out / "faces.parquet", columns=["id"])["id"])
    ids, vector = known.id[listed], known.vector[listed]
    raw = raw_vectors(known, ids)
    names, who = np.unique([name.rpartition("/")[0] for name in ids.tolist()], return_inverse=True)
    heads = {}
    for name, leave_out in CENTERS.items():
        label = quality_anchors(vector, names[who], leave_out=leave_out)
        rows = np.flatnonzero(np.isfinite(label))
        heads[name] = [fitted(raw[rows], label[rows], who[rows], seed) for seed in SEEDS]
    found = []
    for test, of_a in (test_of(peers, "clean", recognizer) for recognizer in "ab"):
        own = raw_vectors(of_a, test.ids)
        scored = {
            form: [test.band_of(head(own)[test.mated]) for head in each]
            for form, each in heads.items()
        }
        found += rows_of(test, scored)
    return finished(found, out / "forms" / "quick.csv")


def rows_of(test: Test, bands: Mapping[str, list[Band]]) -> list[dict[str, Any]]:
    """A row for each form on one test set under one recognizer; the first is the default."""
    areas = {form: area(each, LIMIT, relative=True) for form, each in bands.items()}
    default = next(iter(areas.values()))
    found = []
    for form, own in areas.items():
        seeds = [band.curve.area(LIMIT, normalize="start") for band in bands[form]]
        found.append({"test": test.name, "form": form, **numbers(own, default, seeds)})
    return found


def numbers(own: Area, default: Area, seeds: list[float]) -> dict[str, Any]:
    """The numbers of one form."""
    low, high = np.quantile(own.drawn, (0.025, 0.975)).tolist()
    return {
        "area": own.value,
        "low": low,
        "high": high,
        "less the default": "" if own is default else (own - default).text("+", 3),
        "lowest seed": min(seeds),
        "highest seed": max(seeds),
    }


def finished(rows: list[dict[str, Any]], file: Path) -> pl.DataFrame:
    """Writes the rows, and prints them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = pl.DataFrame(rows)
    write_table(found, file)
    note = f"Mean of {len(SEEDS)} seeds; 95 % intervals over people."
    title = "Area to 30 % against the form of the labels"
    print(Table("forms", title, found.columns, found.rows(), note).markdown())
    return found


def main(peers: Path, out: Path, vectors: Path, weights: Path) -> None:
    """Trains the recipe on every form, and prints."""
    runs = {form: train(out, vectors, weights, form) for form in FORMS}
    found = []
    for test, of_a in (test_of(peers, name, r) for name in TESTS for r in "ab"):
        found += rows_of(test, {form: swept(paths, test, of_a) for form, paths in runs.items()})
    finished(found, out / "forms" / "areas.csv")


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6) or sys.argv[5:] not in ([], ["quick"]):
        sys.exit(__doc__)
    place, target, of_faces, network = map(Path, sys.argv[1:5])
    needs(target, "faces.parquet")
    if sys.argv[5:]:
        quick(place, target, of_faces)
    else:
        main(place, target, of_faces, network)
