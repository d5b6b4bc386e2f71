"""The model file of a trained network: its bytes, proved to compute what torch computes, and its
card."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.manifest import find
from fiqa.errors import EvidenceError
from fiqa.functional.batches import batches
from fiqa.functional.calibration import Calibration, fitted_calibration, width_between
from fiqa.functional.collapse import Collapse
from fiqa.runtime.cards import ModelCard, ModelInput
from fiqa.runtime.preprocess import prepare
from fiqa.training.gate import Gate, Mates, judged, mates
from fiqa.training.run_folder import crops_folder
from fiqa.training.spread_gate import raw_scale, require_variation
from fiqa.types import FloatArray, PathLike

if TYPE_CHECKING:
    from fiqa.training.config import Recipe
    from fiqa.training.dataset import Examples

__all__ = ["HeldScores", "ModelFile", "agreement"]

_PARITY = 1e-4
_PARITY_SHARE = 1e-2
"""Of the standard deviation of the scores: what ONNX and torch may differ by where scores lie close
together."""
_SHOWN = 256
_RANGES = 200
_BATCH = 32


@dataclass(frozen=True, eq=False)
class HeldScores:
    """The raw scores (N,) of the held-out crops by the file to write, and their spread beside that
    of their labels, None where they are no guess of labels."""

    scores: FloatArray
    collapse: Collapse | None

    def calibration(self, scale: tuple[float, float]) -> Calibration:
        """The calibration for the card: fitted on the scores, or where they have collapsed that of
        their labels' scale."""
        if self.collapse is None or not self.collapse.collapsed:
            return fitted_calibration(self.scores)
        return Calibration(x0=(scale[0] + scale[1]) / 2, w=width_between(*scale))


class ModelFile:
    """A trained network on its way to a file.

    Args:
        recipe: of the run.
        folder: of the run.
        weights: the ones to write, one of the run's best_METRIC files.

    Attributes:
        full: the bytes in fp32, once `model` has made them.
    """

    def __init__(self, recipe: Recipe, folder: Path, weights: Path) -> None:
        from fiqa.nets.catalog import load_weights
        from fiqa.training.dataset import examples
        from fiqa.training.objectives import objective

        self.recipe, self.folder = recipe, folder
        kind = objective(recipe)
        net = kind.network(recipe)
        load_weights(net, weights)
        self.deployed = kind.deployed(recipe, net, folder)
        self.label_scale = kind.LABEL_SCALE
        self.names = [output.name for output in self.deployed.outputs]
        self.data: Examples = examples(recipe, crops_folder(folder))
        self.spec = ModelInput(
            size=recipe.data.size,
            color="RGB",
            layout="NCHW",
            scale=255,
            mean=recipe.model.mean,
            std=recipe.model.std,
        )
        self.held = _spread(self.data.validation, _SHOWN)
        self.full = b""

    def model(
        self, int8: bool, gate: Gate, embeddings: PathLike | None
    ) -> tuple[bytes, dict[str, Any]]:
        """The bytes to write and what was found about them."""
        full = self.full = self._onnx(self.recipe.data.size)
        torch_gives, onnx_gives = self._torch(), self._run(full, self.held)
        require_variation(torch_gives[:, 0])
        parity, span = agreement(torch_gives, onnx_gives), float(np.ptp(torch_gives[:, 0]))
        report: dict[str, Any] = {
            "crops": len(torch_gives),
            "parity": parity,
            "span": span,
            "bytes": len(full),
        }
        if not int8:
            return full, report | {"numbers": {"largest difference from torch": parity}}
        from fiqa.runtime.float_layers import passing_int8

        def judge(small: bytes) -> dict[str, Any]:
            areas = self._areas(full, small, embeddings) if embeddings else None
            return dict(judged(onnx_gives[:, 0], self._run(small, self.held)[:, 0], gate, areas))

        ranges = np.asarray(self.data.crops[_spread(self.data.training, _RANGES)])
        return passing_int8(full, ranges, self.spec, judge).told(report)

    def held_scores(self, content: bytes) -> HeldScores:
        """The scores of the validation crops by the file's bytes."""
        rows = self.data.validation
        scores = self._run(content, rows)[:, 0]
        judged = self.label_scale and self.data.scale[0] < self.data.scale[1]
        return HeldScores(
            scores, Collapse.of(scores, self.data.label[rows], self.data.scale) if judged else None
        )

    def latency(self, content: bytes, runs: int) -> list[dict[str, Any]]:
        """Lines of the latency table: this model, and fp32 at 256 pixels where the network takes
        any size."""
        from fiqa.runtime.latency import latency

        models = [(self.recipe.data.size, "this model", content)]
        if self.deployed.any_size:
            models += [
                (size, "fp32", self._onnx(size))
                for size in (112, 256)
                if size != self.recipe.data.size
            ]
        return [
            {"model": what, **asdict(latency(model, size=size, threads=threads, runs=runs))}
            for size, what, model in models
            for threads in (1, 2)
        ]

    def card(
        self,
        content: bytes,
        path: Path,
        name: str,
        license: str,
        held: HeldScores,
        numbers: dict[str, Any],
    ) -> ModelCard:
        """The card of the model to write; its calibration is fitted on the scores of this very
        model."""
        collapse, scale = held.collapse, self.data.scale
        data, count = (
            self.recipe.data,
            {part: len(getattr(self.data, part)) for part in ("training", "validation")},
        )
        return ModelCard(
            name=name,
            kind="quality",
            file=path.name,
            sha256=hashlib.sha256(content).hexdigest(),
            input=self.spec,
            outputs=self.deployed.outputs,
            calibration=held.calibration(scale),
            raw=raw_scale(collapse, scale),
            limits=(
                f"Score-range collapse: {collapse.line()}."
                if collapse and collapse.collapsed
                else ""
            ),
            license=license,
            source=f"trained by fiqa train: {self.deployed.about}, seed {self.recipe.seed}",
            training_data=(
                f"{count['training']} images of {data.faces}, labels {data.labels};"
                f" {count['validation']} held out ({data.split})"
            ),
            numbers={
                f"validation {key}": value
                for key, value in numbers.items()
                if isinstance(value, float | str)
            },
        )

    def _onnx(self, size: int) -> bytes:
        from fiqa.nets.to_onnx import onnx_bytes

        return onnx_bytes(self.deployed.net, size=size, outputs=self.names)

    def _torch(self) -> FloatArray:
        import torch

        from fiqa.training.evaluation import to_input

        net, model, parts = self.deployed.net.eval(), self.recipe.model, []
        for part in batches(len(self.held), _BATCH):
            with torch.no_grad():
                crops = to_input(
                    np.asarray(self.data.crops[self.held[part]]), model, torch.device("cpu")
                )
                parts.append(torch.cat(net(crops), dim=1).numpy())
        return np.concatenate(parts)

    @property
    def held_crops(self) -> NDArray[np.uint8]:
        """The held-out crops (N,S,S,3) that a file is compared on."""
        return np.asarray(self.data.crops[self.held])

    def mated(self, embeddings: PathLike) -> tuple[Mates, NDArray[np.uint8]]:
        """Returns the mated pairs among the held-out crops, with rows into these crops, and the
        crops (M,S,S,3).

        Args:
            embeddings: vectors of the run's images.

        Raises:
            As fiqa.training.gate.mates.
        """
        pairs = mates(embeddings, find(self.recipe.data.faces), self.data.ids, self.data.validation)
        crops = np.asarray(self.data.crops[pairs.rows])
        return Mates(np.arange(len(crops)), pairs.index, pairs.similarity), crops

    def _areas(self, full: bytes, small: bytes, embeddings: PathLike) -> tuple[float, float]:
        """The area of the gate in fp32 and in int8."""
        pairs = mates(embeddings, find(self.recipe.data.faces), self.data.ids, self.data.validation)
        fp32, int8 = (pairs.area(self._run(content, pairs.rows)[:, 0]) for content in (full, small))
        return fp32, int8

    def _run(self, content: bytes, rows: NDArray[np.int64]) -> FloatArray:
        """(N,K) all outputs of the file's bytes on some rows, the quality first, by the path that
        users take: prepare, then the session."""
        from fiqa.runtime.onnx import open_session

        session = open_session(content, "the model")
        parts = []
        for part in batches(len(rows), _BATCH):
            crops = prepare(np.asarray(self.data.crops[rows[part]]), self.spec)
            parts.append(np.concatenate(session.run(list(self.names), {"crops": crops}), axis=1))
        return np.concatenate(parts)


def agreement(torch_gives: FloatArray, onnx_gives: FloatArray) -> float:
    """Returns the largest difference between what torch and ONNX give.

    Outputs may differ by 1e-4 of the largest (of 1 where all are smaller); the quality by a
    hundredth of its standard deviation at most, for scores may lie close together or far from 1.

    Args:
        torch_gives, onnx_gives: (N,K) outputs, the quality first.

    Raises:
        EvidenceError: they differ by more.
    """
    difference = np.abs(torch_gives - onnx_gives).max(axis=0)
    allowed = np.full(len(difference), _PARITY * max(1.0, float(np.abs(torch_gives).max())))
    allowed[0] = min(allowed[0], _PARITY_SHARE * float(torch_gives[:, 0].std()))
    if (difference > allowed).any():
        worst = int(np.argmax(difference / np.abs(allowed)))
        raise EvidenceError(
            f"ONNX must give what torch gives to {allowed[worst]:g}, they differ by"
            f" {difference[worst]:.3g} on {len(torch_gives)} crops."
        )
    return float(difference.max())


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the rows, evenly."""
    return rows[
        np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))
    ]
