"""The crops that a gate judges a model on, and what a model gives on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import Limits
from fiqa.deployment.engines.engine import Call
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import EvidenceError, InputError
from fiqa.faces.crops import CropTable
from fiqa.faces.degrade import KINDS, degrade
from fiqa.functional.batches import batches
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.preprocess import prepare
from fiqa.training.gate import Gate, Mates, judged, mates
from fiqa.types import Faces, FloatArray, PathLike

__all__ = ["Evidence", "Runner", "drawn_crops", "evidence_of"]

_MOST, _LEAST, _DRAWN = 400, 20, 256
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Runner:
    """A model in some runtime, from crops to all its outputs side by side.

    Attributes:
        call: the runtime.
        spec: the input of the card.
        one_by_one: the model takes one crop at a time.
        order: which outputs to keep, None for all.
    """

    call: Call
    spec: ModelInput
    one_by_one: bool = False
    order: tuple[int, ...] | None = None

    def __call__(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Returns (N,K) all outputs, in the order of the card.

        Args:
            crops: (N,S,S,3) uint8 RGB.
        """
        step = 1 if self.one_by_one else _BATCH
        parts = []
        for rows in batches(len(crops), step):
            found = self.call(prepare(crops[rows], self.spec))
            kept = found if self.order is None else [found[k] for k in self.order]
            parts.append(np.concatenate(kept, axis=1))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a gate judges on.

    Attributes:
        crops: (N,S,S,3) uint8 RGB.
        ranges: (R,S,S,3) other crops, for the ranges of int8.
        about: what they are, in words.
        mated: pairs among `mated_crops`, None where no embeddings were given.
        mated_crops: (M,S,S,3).
    """

    crops: NDArray[np.uint8]
    ranges: NDArray[np.uint8]
    about: str
    mated: Mates | None = None
    mated_crops: NDArray[np.uint8] | None = None

    def judged(self, full: Runner, small: Runner, gate: Gate, *, what: str) -> dict[str, Any]:
        """Returns the numbers of the gate where a model passes it, among them the largest
        difference of any output.

        Args:
            full: fp32 on onnxruntime.
            small: the model.
            gate: what must hold.
            what: the model, for messages.

        Raises:
            EvidenceError: it does not pass.
        """
        first, second = full(self.crops), small(self.crops)
        if first.shape != second.shape:
            raise EvidenceError(
                f"{what} is refused: it gives {second.shape[1]} numbers for a crop, fp32 gives"
                f" {first.shape[1]}."
            )
        areas = None
        if self.mated is not None and self.mated_crops is not None:
            one, two = (self.mated.area(run(self.mated_crops)[:, 0]) for run in (full, small))
            areas = (one, two)
        numbers: Mapping[str, Any] = judged(first[:, 0], second[:, 0], gate, areas, what=what)
        return {**numbers, "difference": float(np.abs(first - second).max())}


def evidence_of(faces: Any, embeddings: PathLike | None) -> Evidence:
    """Returns the crops for the gate of a finished model: every other one of the faces, the others
    for the ranges of int8; drawn crops where no faces are given.

    Args:
        faces: a folder (`identity/image`) or manifest of aligned crops, None for drawn ones.
        embeddings: vectors of the faces, for the discard curve.

    Raises:
        InputError: embeddings without faces, or fewer than 20 crops on a side.
        ReadError: faces or embeddings cannot be read.
        EvidenceError: too few mated pairs.
    """
    if faces is None:
        if embeddings is not None:
            raise InputError(
                "embeddings must come with the faces that they are of.", hint="--faces"
            )
        crops, others = (drawn_crops(_DRAWN, seed=seed) for seed in (11, 12))
        return Evidence(crops, others, f"{_DRAWN} drawn crops; give faces of your own")
    table = CropTable.of(faces, Limits())
    rows = np.unique(np.linspace(0, len(table) - 1, min(2 * _MOST, len(table))).astype(np.int64))
    read = {int(row): crop for row in rows if (crop := table.read(int(row))[1]) is not None}
    held, spare = list(read)[::2], list(read)[1::2]
    if len(spare) < _LEAST:
        raise InputError(
            f"A gate needs at least {2 * _LEAST} aligned crops, {faces} has {len(read)} that can be"
            " read.",
            hint="without --faces the gate judges on drawn crops",
        )
    crops, ranges = (np.stack([read[row] for row in part]) for part in (held, spare))
    about = f"{len(held)} of {len(table)} crops of {faces}"
    if embeddings is None:
        return Evidence(crops, ranges, about)
    manifest = table.manifest
    pairs = mates(embeddings, manifest, manifest.id.astype(str), np.array(held))
    place = {row: k for k, row in enumerate(held)}
    index = np.array([place[int(row)] for row in pairs.rows])
    mated = Mates(np.arange(len(index)), pairs.index, pairs.similarity)
    return Evidence(crops, ranges, about, mated, crops[index])


def drawn_crops(count: int, *, seed: int, kinds: Sequence[str] = tuple(KINDS)) -> NDArray[np.uint8]:
    """Returns drawn faces (N,112,112,3), most of them with drawn damage: all kinds in turn, in
    growing strength.

    Args:
        count: how many.
        seed: of all that is drawn.
        kinds: of damage.
    """
    clean = drawn_faces(count, seed=seed)
    crops = clean.crops.copy()
    for row in range(count):
        if row % 4:
            kind, strength = kinds[row % len(kinds)], 0.15 + 0.8 * row / count
            face = Faces(clean.crops[row : row + 1], landmarks=_row(clean, row))
            crops[row] = degrade(face, kind, strength, seed=seed).crops[0]
    return crops


def _row(faces: Faces, row: int) -> NDArray[np.float32] | None:
    return None if faces.landmarks is None else faces.landmarks[row : row + 1]
