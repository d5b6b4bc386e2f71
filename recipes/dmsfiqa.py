"""The parts of recipes/dmsfiqa.sh that are more than one command.

python recipes/dmsfiqa.py thresholds runs/dmsfiqa/train_labels.parquet
python recipes/dmsfiqa.py own_scale runs/dmsfiqa/student.parquet runs/dmsfiqa/student_own.parquet
"""

from __future__ import annotations

import json
import sys

import polars as pl

from fiqa.data.store import read_sidecar


def thresholds(labels: str) -> None:
    """Prints the thresholds between the levels that a run of `fiqa label dmsfiqa` found, as its option takes them."""
    found = (read_sidecar(labels) or {})["found"]["thresholds"]
    print(json.dumps(found))


def own_scale(scores: str, output: str) -> None:
    """Writes the raw scores of a student, clipped to the 0..1 of its labels, as a quality of their own."""
    table = pl.read_parquet(scores).filter(pl.col("raw").is_not_null())
    table.select("id", value=pl.col("raw").clip(0, 1)).write_parquet(output)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    {"thresholds": thresholds, "own_scale": own_scale}[sys.argv[1]](*sys.argv[2:])
