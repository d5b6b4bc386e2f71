"""What a model must hold on another runtime or in int8, against fp32 on onnxruntime: order, spread,
and the curve of held-out people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.embeddings import read_embeddings
from fiqa.data.names import find_ids
from fiqa.data.pairs import mated_pairs
from fiqa.errors import EvidenceError
from fiqa.functional.agreement import spearman
from fiqa.functional.edc import discard_curve
from fiqa.functional.similarity import pair_similarity
from fiqa.types import FloatArray, Manifest, PathLike

__all__ = ["Gate", "Mates", "judged", "mates"]

_UPTO = 0.3
# With few held-out people 5 % of the mated pairs are errors enough for a curve.
_START = 0.05
_NO_AREA = "not measured, no embeddings were given"


@dataclass(frozen=True)
class Gate:
    """What a model must hold against fp32 on held-out crops.

    The area is that under the discard curve up to .3, relative to the FNMR at discard 0 (1: no
    help), at the threshold where 5 % of the mated pairs fail (protocol schlett2023).

    Attributes:
        spearman: at least so high.
        spread: a standard deviation that differs by at most so much, relative.
        area: exceeds fp32's by at most so much, where embeddings are given.
    """

    spearman: float = 0.99
    spread: float = 0.1
    area: float = 0.02

    def __post_init__(self) -> None:
        checks.in_range(self.spearman, "gate.spearman", -1, 1)
        checks.in_range(self.spread, "gate.spread", 0, float("inf"))
        checks.in_range(self.area, "gate.area", 0, float("inf"))


@dataclass(frozen=True, eq=False)
class Mates:
    """Mated pairs among held-out images.

    Attributes:
        rows: (K,) of the images.
        index: (P,2) pairs as places in `rows`.
        similarity: (P,) of the pairs.
    """

    rows: NDArray[np.int64]
    index: NDArray[np.int64]
    similarity: FloatArray

    def area(self, scores: FloatArray) -> float:
        """Returns the area of the gate for the scores (K,) of `rows`.

        Raises:
            EvidenceError: no pair fails.
        """
        mated = np.ones(len(self.index), bool)
        curve = discard_curve(
            self.similarity, mated, scores[self.index], protocol="schlett2023", start_fnmr=_START
        )
        return curve.area(_UPTO, normalize="start")


def mates(
    embeddings: PathLike,
    manifest: Manifest,
    ids: NDArray[np.str_],
    rows: NDArray[np.int64],
) -> Mates:
    """Returns the mated pairs among held-out images, with similarities by a recognizer's vectors.

    Args:
        embeddings: a file of vectors, joined by id.
        manifest: who is who.
        ids: (N,) of the data.
        rows: of the held-out images.

    Raises:
        As read_embeddings; EvidenceError (too few mated pairs for 5 % of them to be one).
    """
    vectors = read_embeddings(embeddings)
    vector = find_ids(ids[rows].tolist(), vectors.id)
    person = manifest.identity[find_ids(ids[rows].tolist(), manifest.id)]
    pairs = mated_pairs(np.where(vector >= 0, person, "")).index
    least = round(1 / _START)
    if len(pairs) < least:
        raise EvidenceError(
            f"The area of the gate needs at least {least} mated pairs among the held-out"
            f" images, got {len(pairs)} ({int((vector >= 0).sum())} of {len(rows)} images have a"
            " vector).",
            hint=(
                "embed all images of the run, or leave the embeddings out: the gate is then order"
                " and spread alone"
            ),
        )
    used, index = np.unique(pairs, return_inverse=True)
    similarity = pair_similarity(vectors.vector, vector[pairs])
    return Mates(rows[used], index.reshape(-1, 2).astype(np.int64), similarity)


def judged(
    full: FloatArray,
    small: FloatArray,
    gate: Gate,
    areas: tuple[float, float] | None = None,
    *,
    what: str = "int8",
) -> dict[str, float | str]:
    """Returns the numbers of the gate where a model passes it.

    Args:
        full, small: (N,) scores of the same held-out crops in fp32 and by the model.
        gate: what must hold.
        areas: of fp32 and the model (Mates.area), None where it is not known.
        what: the model, for messages and names.

    Returns:
        spearman, spread (relative change); area (the model's less fp32's), area_fp32 and
        area_WHAT, or a text that says that the area was not measured.

    Raises:
        EvidenceError: it does not pass, with all numbers.
    """
    if not np.isfinite(small).all():
        raise EvidenceError(
            f"{what} is refused: {int((~np.isfinite(small)).sum())} of {len(small)} scores are not"
            " finite."
        )
    order = spearman(small, full) if np.ptp(small) > 0 else 0.0
    change = float(small.std() / full.std() - 1)
    excess = areas[1] - areas[0] if areas else 0.0
    if order < gate.spearman or abs(change) > gate.spread or excess > gate.area:
        curve = (
            f"the area under the discard curve to {_UPTO} is {areas[1]:.4f} against {areas[0]:.4f}"
            f" (at most {gate.area} more)"
            if areas
            else f"the area under the discard curve is {_NO_AREA}"
        )
        raise EvidenceError(
            f"{what} is refused: on {len(full)} held-out crops Spearman against fp32 is {order:.4f}"
            f" (at least {gate.spearman}), the spread changes by {change:+.1%} (at most"
            f" {gate.spread:.0%}), and {curve}.",
            hint=f"export without {what}, or allow more if the numbers are good enough for you",
        )
    measures: dict[str, float | str] = {"spearman": order, "spread": change}
    if areas is None:
        return measures | {"area": _NO_AREA}
    return measures | {"area": excess, "area_fp32": areas[0], f"area_{what}": areas[1]}
