"""What recipes share that ask how far a measure of a face agrees with recognition.

How they begin (two arguments and --every), whose images they take, and Spearman's rho with an
image's similarity to the others of its person.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from splits import needs, write_recognizers

from fiqa.functional.agreement import spearman


def begun(about: str | None, every: int, *names: str) -> tuple[Path, Path, int]:
    """Reads the command line DATA OUT [--every K] and puts both recognizers into OUT.

    Args:
        about: the recipe's docstring.
        every: the default of --every.
        names: what it reads of DATA, beside the recognizers.

    Returns:
        DATA, OUT and K.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=every, help="every k-th person alone")
    options = parser.parse_args()
    needs(options.data, *names, "models/recognizer_a.onnx", "models/recognizer_b.onnx")
    options.out.mkdir(parents=True, exist_ok=True)
    write_recognizers(options.data, options.out)
    return options.data, options.out, options.every


def several(data: Path, names: Iterable[str]) -> dict[str, list[Path]]:
    """LFW's people of these who have three images or more, with their images in order."""
    found = {name: sorted((data / "lfw/aligned" / name).glob("*.jpg")) for name in names}
    return {name: images for name, images in found.items() if len(images) > 2}


def mated(vectors: NDArray[np.float32], who: NDArray[np.str_]) -> NDArray[np.float64]:
    """Mean cosine of each row to the other rows of its person, NaN where there is no other."""
    similarity = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    same = (who[:, None] == who[None, :]) & ~np.eye(len(who), dtype=bool)
    with np.errstate(invalid="ignore"):
        return np.asarray((similarity * same).sum(1) / same.sum(1))


def inside(values: NDArray[np.float64], who: NDArray[np.str_]) -> NDArray[np.float64]:
    """Values less the mean of their person."""
    _, code = np.unique(who, return_inverse=True)
    return values - (np.bincount(code, values) / np.bincount(code))[code]


def interval(a: NDArray[np.float64], b: NDArray[np.float64], who: NDArray[np.str_]) -> str:
    """Spearman's rho and its 95 % interval over draws of people, in words."""
    rng, rows = np.random.default_rng(0), [np.flatnonzero(who == name) for name in np.unique(who)]
    drawn = []
    for _ in range(1000):
        take = np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])
        drawn.append(spearman(a[take], b[take]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{spearman(a, b):.3f} [{low:.3f}, {high:.3f}]"
