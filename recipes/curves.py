"""For recipes that compare many labels: discard curves on the same pairs and resamples of people.

And heads that learn in a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqa.data.names import find_ids
from fiqa.data.pairs import mated_pairs
from fiqa.data.quality import read_quality
from fiqa.evaluation.result import Estimate
from fiqa.functional.bootstrap import Band, band_of
from fiqa.functional.edc import curve_at, pair_quality
from fiqa.functional.similarity import pair_similarity
from fiqa.types import Embeddings

FMR, DRAWS, LEVEL = 1e-3, 200, 0.95
HEADS, HEAD_EPOCHS, HEAD_RATE = 5, 4, 1e-3
"""Seeds of a head, its epochs and its first learning rate."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Area:
    """An area, the mean over the seeds of a regressor.

    Attributes:
        value: the area.
        drawn: (R,) the same of each resample.
    """

    value: float
    drawn: NDArray[np.float64]

    def __sub__(self, other: Area) -> Area:
        return Area(self.value - other.value, self.drawn - other.drawn)

    def text(self, sign: str = "", digits: int = 2) -> str:
        """The value with its interval."""
        low, high = np.quantile(self.drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        form = f"{sign}.{digits}f"
        return f"{self.value:{form}} [{low:{form}}, {high:{form}}]"


@dataclass(frozen=True)
class Test:
    """One set under one recognizer.

    Attributes:
        name: of the set.
        ids: (N,) of its images.
        mated: (P,2) rows of the mated pairs.
        code: (P,) whose they are.
        similarity: (P,) of the pairs.
        threshold: at which they fail.
        nonmated: how many non-mated pairs set it.
        errors: pairs that fail.
    """

    name: str
    ids: NDArray[np.str_]
    mated: NDArray[np.int64]
    code: NDArray[np.int64]
    similarity: NDArray[np.float32]
    threshold: float
    nonmated: int
    errors: int

    @classmethod
    def of(
        cls, name: str, vectors: Embeddings, who: NDArray[np.str_], threshold: float, nonmated: int
    ) -> Test:
        """A set as a recognizer sees it.

        Args:
            name: of the set.
            vectors: of its images.
            who: (N,) whose they are.
            threshold: to compare at.
            nonmated: how many pairs it was set on.
        """
        mated = mated_pairs(who).index
        similarity = pair_similarity(vectors.vector, mated)
        code = np.unique(who[mated[:, 0]], return_inverse=True)[1]
        return cls(
            name,
            vectors.id,
            mated,
            code,
            similarity,
            threshold,
            nonmated,
            int(np.sum(similarity <= threshold)),
        )

    @property
    def fnmr(self) -> float:
        """FNMR at discard 0."""
        return self.errors / len(self.mated)

    def band(self, scores: Path) -> Band:
        """The discard curve of a file of scores; its resamples are the same for every file."""
        rows, place = np.unique(self.mated, return_inverse=True)
        return self.band_of(
            read_quality(scores).at(self.ids[rows])[place.reshape(self.mated.shape)]
        )

    def band_of(self, quality: Floats) -> Band:
        """The same for the qualities (P,2) of the mated pairs."""
        worst = pair_quality(quality)
        curve = curve_at(
            self.similarity, worst, self.threshold, fmr=FMR, nonmated=self.nonmated, protocol="iso"
        )
        return band_of(curve, self.similarity, worst, self.code, draws=DRAWS, level=LEVEL)

    def note(self) -> str:
        """Counts."""
        return (
            f"{self.name}: {self.errors} errors of {len(self.mated)} mated pairs (FNMR"
            f" {self.fnmr:.4f}), {self.nonmated} non-mated"
        )


def area(bands: list[Band], upto: float, *, relative: bool = False) -> Area:
    """The mean area of some curves, x 10^3, or as the mean FNMR over that at discard 0.

    The latter is of each draw its own; a band's areas are at every 200th.
    """
    # A band's areas stand at every 200th of the discard fraction.
    place = round(200 * upto)
    values = [band.curve.area(upto, normalize="start" if relative else None) for band in bands]
    drawn = [band.areas[:, place] / (upto * band.fnmr[:, 0] if relative else 1) for band in bands]
    scale = 1 if relative else 1000
    return Area(scale * float(np.mean(values)), scale * np.mean(drawn, axis=0))


def interval(estimate: Estimate | None) -> str:
    """An area of fiqa.evaluate with its interval over people."""
    if estimate is None:
        return "no error"
    ends = "" if estimate.low is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{ends}"


def raw_vectors(vectors: Embeddings, ids: NDArray[np.str_]) -> Floats:
    """Vectors of some images as the recognizer gave them, with their length."""
    rows = find_ids(ids, vectors.id)
    return np.asarray(vectors.vector[rows] * vectors.norm[rows, None], np.float32)


def lower_in(new: list[Band], old: list[Band]) -> str:
    """In how many of the seeds the area to .95 falls."""
    falls = sum(
        band.curve.area(0.95) < other.curve.area(0.95) for band, other in zip(new, old, strict=True)
    )
    return f"{falls} of {len(new)} seeds"


def head(vectors: Floats, label: Floats, seed: int) -> Callable[[Floats], Floats]:
    """A linear output that has learned labels (N,), brought to 0..1, from vectors (N,D).

    By L1 and Adam in batches of 128, at a rate that falls to 0.
    """
    import torch

    torch.manual_seed(seed)
    mean, std = vectors.mean(axis=0), vectors.std(axis=0)
    inputs = torch.from_numpy((vectors - mean) / std)
    target = torch.from_numpy((label - label.min()) / np.ptp(label))
    layer = torch.nn.Linear(vectors.shape[1], 1)
    # It starts at .5, the middle of the labels, whatever the vector.
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.constant_(layer.bias, 0.5)
    optimizer = torch.optim.Adam(layer.parameters())
    batches = [
        batch for _ in range(HEAD_EPOCHS) for batch in torch.randperm(len(target)).split(128)
    ]
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = HEAD_RATE * (1 - step / len(batches))
        optimizer.zero_grad()
        (layer(inputs[batch])[:, 0] - target[batch]).abs().mean().backward()
        optimizer.step()
    weight, bias = layer.weight.detach().numpy()[0], float(layer.bias.detach())
    return lambda x: np.asarray((x - mean) / std @ weight + bias, np.float32)
