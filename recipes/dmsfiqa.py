"""The parts of recipes/dmsfiqa.sh that are more than one command.

    python recipes/dmsfiqa.py thresholds runs/dmsfiqa/train_labels.parquet
    python recipes/dmsfiqa.py inside runs/dmsfiqa student analytic fiqa lightqnet
    python recipes/dmsfiqa.py shared recipes/dmsfiqa.toml

`inside` prints how far scores order the images inside a person: Spearman's rho with the labels and
with an image's mean cosine to the others of its person under A and B, as the mean over the people
of the test with LEAST images or more, with its interval over people; and what each is less the
first score's, person by person. `judge` is the coarse quality that the labels came from.

`shared` prints what every student of DmsFIQA has from that recipe, wherever it starts, as options
of `fiqa train`: the loss, the images of one person in a batch, and the share of held-out people.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
from agreement import mated
from numpy.typing import NDArray

from fiqa.data.embeddings import read_embeddings
from fiqa.data.store import read_sidecar
from fiqa.functional.agreement import spearman

LEAST = 3
DRAWS = 1000


def thresholds(labels: str) -> None:
    """Prints the thresholds that a run of `fiqa label dmsfiqa` found, as its option takes them."""
    cuts = (read_sidecar(labels) or {})["found"]["thresholds"]
    print(json.dumps(cuts))


def inside(out: Path, *names: str) -> None:
    """Prints the table of OUT's scored test set, the scores by their names."""
    table = pl.read_parquet(out / "test_labels.parquet").filter(pl.col("status") == "ok")
    table = table.select("id", "identity", "value", judge="coarse")
    for name in names:
        scores = pl.read_parquet(out / f"{name}.parquet").select("id", pl.col("raw").alias(name))
        table = table.join(scores, on="id")
    targets = {"the labels": "value"}
    for r in "ab":
        vectors = read_embeddings(out / f"test_{r}.npz")
        near = mated(vectors.vector, np.array([i.rpartition("/")[0] for i in vectors.id.tolist()]))
        found = pl.DataFrame({"id": vectors.id.tolist(), r: near})
        table = table.join(found.filter(pl.col(r).is_finite()), on="id")
        targets[f"mated similarity under {r.upper()}"] = r
    people = [person for _, person in table.group_by("identity", maintain_order=True)]
    people = [person for person in people if len(person) >= LEAST]
    print(f"| {len(people)} people | " + " | ".join(targets) + " |\n|---|" + "---|" * len(targets))
    rho = {name: {t: rhos(people, name, t) for t in targets.values()} for name in (*names, "judge")}
    for name, by_target in rho.items():
        cells = []
        for target, values in by_target.items():
            less = "" if name == names[0] else f"; {interval(values - rho[names[0]][target], '+')}"
            cells.append(interval(values) + less)
        print(f"| {name} | " + " | ".join(cells) + " |")


def rhos(people: list[pl.DataFrame], name: str, target: str) -> NDArray[np.float64]:
    """Spearman's rho of each person; 0 where a side is constant, which orders nothing."""
    sides = [(person[name].to_numpy(), person[target].to_numpy()) for person in people]
    return np.array([spearman(a, b) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0 for a, b in sides])


def interval(values: NDArray[np.float64], sign: str = "") -> str:
    """The mean and its 95 % interval over draws of people."""
    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return f"{values.mean():{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def shared(recipe: Path) -> None:
    """Prints the settings of a student's recipe that do not depend on its network."""
    content = tomllib.loads(recipe.read_text(encoding="utf-8"))
    values = {f"data.{name}": content["data"][name] for name in ("per_identity", "validation")}
    values |= {f"loss.{name}": value for name, value in content["loss"].items()}
    plain = {name: json.dumps(value, separators=(",", ":")) for name, value in values.items()}
    print(*(f"--set {name}={value}" for name, value in plain.items()))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["thresholds", labels]:
            thresholds(labels)
        case ["inside", out, *names] if names:
            inside(Path(out), *names)
        case ["shared", recipe]:
            shared(Path(recipe))
        case _:
            sys.exit(__doc__)
