"""The score that could be had: what a face would get if one reason were put right.

`fitted` learns it from ladders: from the features of a damaged face to the raw quality of the same
face without the damage, by ridge regression for each reason. For a turned head there is no ladder:
there it is the mean of the person's images that look into the camera. The errors are of people who
were left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from reasons_data import ALSO, BEGINS
from reasons_teachers import REASONS, place

from fiqa.faces.degrade import KINDS
from fiqa.functional.calibration import Calibration

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
LEAST, FOLDS, STRENGTH = 60, 5, 2000.0
"""Examples of a reason, fifths of the people, and the ridge."""


def examples(
    kind: NDArray[np.str_], strength: Floats, base: Ints, quality: Floats, target: Floats,
    person: NDArray[np.str_],
) -> Iterator[tuple[str, NDArray[np.int64], Floats]]:  # fmt: skip
    """Yields of each reason the rows that have it, and what they would score without it.

    Args:
        kind, strength, base, quality, target: columns of the file.
        person: (N,) whose face, "" where it does not matter.
    """
    clean = {int(base[row]): row for row in np.flatnonzero(kind == "clean").tolist()}
    for code in REASONS:
        drawn = [k for k, info in KINDS.items() if code in (info.reason, *ALSO.get(k, ()))]
        begins = np.array([BEGINS.get(k, 0.35) for k in kind.tolist()])
        rows = np.flatnonzero(np.isin(kind, drawn) & (strength > begins))
        if len(rows) >= LEAST:
            yield code, rows, quality[[clean[int(base[row])] for row in rows.tolist()]]
    for code in ("extreme_yaw", "extreme_pitch"):
        turned = target[:, place(code)]
        ahead = (kind == "clean") & (turned < 0.2)
        names, inverse = np.unique(person, return_inverse=True)
        count = np.bincount(inverse[ahead], minlength=len(names))
        mean = np.bincount(inverse[ahead], quality[ahead], len(names)) / np.maximum(count, 1)
        rows = np.flatnonzero((kind == "clean") & (turned > 0.3) & (count[inverse] > 1))
        if len(rows) >= LEAST:
            yield code, rows, mean[inverse[rows]]


def ridge(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Weights (512,) and a bias, by least squares with a penalty on standardized features."""
    mean, deviation = x.mean(0), np.maximum(x.std(0), 0.2)
    scaled = (x - mean) / deviation
    gram = scaled.T @ scaled + STRENGTH * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (y - y.mean())) / deviation
    return weights, float(y.mean() - weights @ mean)


def fitted(
    features: Floats, columns: dict[str, NDArray[np.generic]], scale: Calibration
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Returns the reasons that can be told, (C,512) and (C,), and prints the errors in points.

    Args:
        features: (N,512).
        columns: as `examples` takes them.
        scale: from raw quality to 0..100.
    """
    codes, weights, biases = [], [], []
    print("\n| put right | faces | now | then | told | error, mean | if always the mean |")
    print("|---|---|---|---|---|---|---|")
    person = columns["person"]
    fold = np.unique(person, return_inverse=True)[1] % FOLDS
    for code, rows, then in examples(**columns):  # type: ignore[arg-type]
        x, y = features[rows].astype(np.float64), np.asarray(then, np.float64)
        said, plain = np.empty(len(rows)), np.empty(len(rows))
        for left_out in range(FOLDS):
            held = fold[rows] == left_out
            weight, bias = ridge(x[~held], y[~held])
            said[held], plain[held] = x[held] @ weight + bias, y[~held].mean()
        now = np.asarray(columns["quality"], np.float64)[rows]
        said = np.maximum(said, now)
        points = [scale.unified(v).astype(float) for v in (now, y, said, plain)]
        error, other = (float(np.abs(v - points[1]).mean()) for v in points[2:])
        means = " | ".join(f"{v.mean():.0f}" for v in points[:3])
        print(f"| {code} | {len(rows)} | {means} | {error:.1f} | {other:.1f} |")
        weight, bias = ridge(x, y)
        codes.append(code)
        weights.append(weight)
        biases.append(bias)
    return tuple(codes), np.stack(weights), np.array(biases)
