"""Divides people into those to train on and those to test on, and compares scores with labels.

    python recipes/finetune.py divide CROPS LABELS OUT
    python recipes/finetune.py compare OUT

The first writes OUT/train.csv, OUT/test.csv and OUT/labels.csv, the second prints how well the
scores in OUT/shipped.parquet and OUT/tuned.parquet agree with the labels of the test.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

import fiqa
from fiqa.data.quality import read_quality

SHARE = 0.2
"""Of the people, for the test. Whose turn it is, a digest of the name says: it never changes."""
DRAWS = 1000


def in_test(identity: str) -> bool:
    """Whether a person is put aside."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) / 16**8 < SHARE


def divide(crops: Path, labels: Path, out: Path) -> None:
    """Writes the two lists of crops that have a label, and the labels."""
    quality = read_quality(labels)
    known = pl.DataFrame({"id": quality.id, "value": quality.value}).filter(
        pl.col("value").is_finite()
    )
    faces = fiqa.scan(crops)
    table = pl.DataFrame({"path": faces.path, "id": faces.id, "identity": faces.identity})
    table = table.with_columns(pl.col("path").map_elements(absolute, return_dtype=pl.String))
    table = table.join(known.select("id"), on="id", how="semi")
    names = [name for name in table["identity"].unique().sort() if name]
    held = [name for name in names if in_test(name)]
    if not held or len(held) == len(names):
        raise SystemExit(
            f"error: CROPS and LABELS must share more people, there are {len(names)} with labels."
            "\nhint: CROPS has one folder a person; `id` in LABELS is PERSON/FILE without ending"
        )
    known.write_csv(out / "labels.csv")
    for part, wanted in (("test", True), ("train", False)):
        rows = table.filter(pl.col("identity").is_in(held) == wanted)
        rows.write_csv(out / f"{part}.csv")
        print(f"{part}: {len(rows):,} crops of {rows['identity'].n_unique():,} people")


def absolute(path: str) -> str:
    """The path from the root, so that the lists can lie anywhere."""
    return str(Path(path).resolve())


def compare(out: Path) -> None:
    """Prints the rank correlation of both scores with the labels, and of their difference an
    interval by drawing people again."""
    labels = pl.read_csv(out / "labels.csv", schema_overrides={"id": pl.String})
    faces = pl.read_csv(out / "test.csv", schema_overrides={"id": pl.String})
    table = faces.join(labels, on="id")
    for name in ("shipped", "tuned"):
        scores = pl.read_parquet(out / f"{name}.parquet")
        table = table.join(
            scores.filter(pl.col("status") == "ok").select("id", pl.col("raw").alias(name)),
            on="id",
        )
    columns = table.select("value", "shipped", "tuned").to_numpy()
    people = [np.flatnonzero(table["identity"] == name) for name in table["identity"].unique()]
    rng = np.random.default_rng(0)

    def agreement(rows: np.ndarray) -> tuple[float, float]:
        values = columns[rows]
        return tuple(float(spearmanr(values[:, 0], values[:, k]).statistic) for k in (1, 2))

    shipped, tuned = agreement(np.arange(len(columns)))
    gains = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(people), len(people))
        before, after = agreement(np.concatenate([people[k] for k in drawn]))
        gains.append(after - before)
    low, high = np.quantile(gains, (0.025, 0.975))
    print(f"rank correlation with the labels, {len(columns):,} crops of {len(people):,} people:")
    print(f"  shipped {shipped:.3f}, tuned {tuned:.3f}: {tuned - shipped:+.3f}", end=" ")
    print(f"(95 % of draws of people: {low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "divide":
        divide(*map(Path, sys.argv[2:]))
    elif len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(Path(sys.argv[2]))
    else:
        raise SystemExit(__doc__)
