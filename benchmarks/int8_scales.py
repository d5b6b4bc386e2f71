"""What int8 does to the shipped model: one scale for each layer's weights against one for each
channel, on aligned crops.

    python benchmarks/int8_scales.py CROPS
"""

from __future__ import annotations

import sys

import numpy as np

from fiqa.data.images import Limits
from fiqa.deployment.delivery import reference
from fiqa.errors import EvidenceError
from fiqa.faces.crops import CropTable
from fiqa.functional.agreement import spearman
from fiqa.methods.bundled import WEIGHTS
from fiqa.runtime.embedded import model_card, without_card
from fiqa.runtime.onnx import read_model
from fiqa.runtime.quantize import preprocessed, quantized
from fiqa.training.gate import Gate, judged

HALF = 200


def main(folder: str) -> None:
    """Prints the table."""
    table = CropTable.of(folder, Limits())
    rows = np.random.default_rng(0).permutation(len(table))[: 2 * HALF]
    crops = np.stack([crop for row in rows if (crop := table.read(int(row))[1]) is not None])
    whole = read_model(WEIGHTS)
    model, card = without_card(whole), model_card(WEIGHTS, whole)
    full = reference(model, card)(crops[HALF:])[:, 0]
    for each in (False, True):
        small = quantized(preprocessed(model), crops[:HALF], card.input, per_channel=each)
        scores = reference(small, card)(crops[HALF:])[:, 0]
        try:
            judged(full, scores, Gate())
            told = "passes"
        except EvidenceError:
            told = "refused"
        name = "channel" if each else "layer"
        change = scores.std() / full.std() - 1
        print(f"one scale for each {name}: rank {spearman(scores, full):.4f}, spread {change:+.1%},"
              f" {told}")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
