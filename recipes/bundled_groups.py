"""How even-handed the bundled models are, on people of LFW's test, by what can be told of a face.

    python recipes/bundled_groups.py ../shared/data runs/peers [fiqa fiqa-large]

Groups: fifths of the luminance of the cheeks (skin and exposure together), gray photographs and
those in color, covered eyes (dark glasses) and headwear as the model itself names them. For each:
the scores, the share that a cut of 60 discards, and FNMR before and after it.
The threshold is one for all, at FMR 1e-3 on all non-mated pairs. A pair counts for the group of
both its faces, or, for the named ones, of either. Intervals are 95 % over people.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from splits import needs, people, write_recognizers

import fiqa
from fiqa.data.images import read_image
from fiqa.data.pairs import mated_pairs
from fiqa.functional.similarity import pair_similarity
from fiqa.functional.verification import all_pairs
from fiqa.types import Faces

READS = (
    "lfw/aligned",
    "lfw/peopleDevTest.txt",
    "models/recognizer_a.onnx",
    "models/recognizer_b.onnx",
)
CUT, FMR, DRAWS = 60, 1e-3, 500
CHEEKS = ((slice(60, 76), slice(26, 42)), (slice(60, 76), slice(70, 86)))
"""Rows and columns of an aligned crop."""
GRAY = 4.0
"""Mean distance of red from blue up to which a photograph is gray."""

Mask = NDArray[np.bool_]


def groups(pixels: NDArray[np.uint8], reasons: list[tuple[str, ...]]) -> dict[str, Mask]:
    """Name -> (N,) who belongs to it."""
    cheek = np.array([np.mean([crop[place].mean() for place in CHEEKS]) for crop in pixels])
    made: dict[str, Mask] = {}
    for at, rows in enumerate(np.array_split(np.argsort(cheek, kind="stable"), 5)):
        mask = np.zeros(len(pixels), bool)
        mask[rows] = True
        made[f"cheeks: fifth {at + 1}, luminance {cheek[rows].mean():.0f}"] = mask
    wide = np.abs(pixels[..., 0].astype(int) - pixels[..., 2]).mean((1, 2))
    made["gray"], made["in color"] = wide <= GRAY, wide > GRAY
    for name, code in (
        ("covered eyes (named)", "occluded_eyes"),
        ("headwear (named)", "headwear"),
    ):
        made[name] = np.array([code in codes for codes in reasons])
    return made


def drawn(values: NDArray[np.float64], who: NDArray[np.int64], weights: NDArray[np.int64]) -> str:
    """A share with its interval over people: weights (R, people) say how often each was drawn."""
    if not len(values):
        return "none"
    total = np.zeros(weights.shape[1])
    count = np.zeros(weights.shape[1])
    np.add.at(total, who, values)
    np.add.at(count, who, 1.0)
    seen = weights @ count
    shares = (weights @ total)[seen > 0] / seen[seen > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def rows_of(
    model: str,
    pixels: NDArray[np.uint8],
    code: NDArray[np.int64],
    seen: Mapping[str, tuple[NDArray[np.float32], float]],
) -> None:
    """Prints the table of one model."""
    scorer = fiqa.load(model)
    parts = [scorer.assess(Faces(pixels[at : at + 256])) for at in range(0, len(pixels), 256)]
    scores = scorer.unified(np.concatenate([raw for raw, _ in parts]))
    reasons = [codes for _, why in parts if why is not None for codes in why.reasons]
    pairs = mated_pairs(code.astype(str)).index
    weights = np.random.default_rng(0).multinomial(
        code.max() + 1, np.full(code.max() + 1, 1 / (code.max() + 1)), DRAWS
    )
    kept = scores >= CUT
    print(
        f"\n**{model}**\n\n| group | faces | median score | discarded at {CUT} |"
        + "".join(f" FNMR, {name} | after the cut, {name} |" for name in seen)
    )
    print("|---|---|---|---|" + "---|---|" * len(seen))
    for name, mask in {"all": np.ones(len(scores), bool), **groups(pixels, reasons)}.items():
        either = "named" in name
        inside = mask[pairs].any(1) if either else mask[pairs].all(1)
        cells = [
            f"{int(mask.sum())}",
            f"{np.median(scores[mask]):.0f}" if mask.any() else "",
            drawn((~kept[mask]).astype(float), code[mask], weights),
        ]
        for similarity, threshold in seen.values():
            failed = (similarity <= threshold).astype(float)
            for rows in (inside, inside & kept[pairs].all(1)):
                cells.append(drawn(failed[rows], code[pairs[rows, 0]], weights))
        print(f"| {name} | " + " | ".join(cells) + " |")


def main(data: Path, out: Path, models: list[str]) -> None:
    """One table for each model."""
    needs(data, *READS)
    cv2.setNumThreads(1)
    write_recognizers(data, out)
    names = people(data, "Test")
    paths = [p for name in names for p in sorted((data / "lfw/aligned" / name).glob("*.jpg"))]
    pixels = np.stack([read_image(path).pixels for path in paths])
    code = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    pairs, seen = mated_pairs(code.astype(str)).index, {}
    for name in "ab":
        vectors = fiqa.embed(paths, recognizer=out / f"recognizer_{name}.onnx")
        found = all_pairs(vectors.vector, code, fars=(FMR,))
        similarity = pair_similarity(vectors.vector, pairs)
        errors = round((1 - found.tpr[FMR]) * found.mated)
        # The errors are the lowest: the threshold is the highest of them.
        threshold = float(np.sort(similarity)[errors - 1]) if errors else -2.0
        seen[name.upper()] = (similarity, threshold)
    for model in models:
        rows_of(model, pixels, code, seen)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["fiqa", "fiqa-large"])
