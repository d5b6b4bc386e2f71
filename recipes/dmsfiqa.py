"""The part of recipes/dmsfiqa.sh that is more than one command.

python recipes/dmsfiqa.py thresholds runs/dmsfiqa/train_labels.parquet
"""

from __future__ import annotations

import json
import sys

from fiqa.data.store import read_sidecar


def thresholds(labels: str) -> None:
    """Prints the thresholds that a run of `fiqa label dmsfiqa` found, as its option takes them."""
    cuts = (read_sidecar(labels) or {})["found"]["thresholds"]
    print(json.dumps(cuts))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "thresholds":
        sys.exit(__doc__)
    thresholds(sys.argv[2])
