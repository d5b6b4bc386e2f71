"""`export`: a trained network as an ONNX file with its card, proved to compute the same before it
is written."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.data.manifest import find
from fiqa.data.store import (
    atomic_path,
    fingerprint,
    is_current,
    make_record,
    read_sidecar,
    sha256_file,
    write_sidecar,
)
from fiqa.errors import EvidenceError, InputError
from fiqa.extras import require
from fiqa.functional.batches import batches
from fiqa.functional.calibration import Calibration, raw_at
from fiqa.functional.collapse import Collapse
from fiqa.runtime.cards import ModelCard, ModelInput, card_path, write_card
from fiqa.runtime.preprocess import prepare
from fiqa.training.int8_gate import Gate, judged, mates
from fiqa.training.run_folder import best_of, crops_folder, open_run
from fiqa.training.spread_gate import raw_scale, require_spread, require_variation, spread_report
from fiqa.types import FloatArray, PathLike

if TYPE_CHECKING:
    from fiqa.training.config import Recipe
    from fiqa.training.dataset import Examples

__all__ = ["Exported", "export", "fitted_calibration"]

_PARITY = 1e-4
_PARITY_SHARE = 1e-2
"""Of the standard deviation of the scores: what ONNX and torch may differ by where scores lie close
together."""
_SHOWN = 256
_RANGES = 200
_BATCH = 32


@dataclass(frozen=True)
class Exported:
    """What became of an export: `path` of the model, its `card`, `report` of parity, gate, sizes
    and latency; `current` True where it was there already."""

    path: Path
    card: ModelCard
    report: dict[str, Any]
    current: bool = False


def export(
    run: PathLike,
    out: PathLike,
    *,
    int8: bool = False,
    gate: Gate | None = None,
    embeddings: PathLike | None = None,
    metric: str | None = None,
    name: str | None = None,
    license: str = "",
    runs: int = 50,
    allow_collapsed: bool = False,
    force: bool = False,
) -> Exported:
    """Writes the best network of a finished run as ONNX, its card beside it, and a sidecar with the
    report; `fiqa.load(out)` scores with it.

    The card's calibration is fitted on the scores of the run's validation crops (see
    `fitted_calibration`). The model is compared with torch on those crops: raw outputs must vary,
    and agree to 1e-4 (of the largest where that is over 1) and to a hundredth of their standard
    deviation. Where the objective learns labels, the scores of the validation crops must not have
    collapsed beside their labels (fiqa.functional.collapse has the rule); the card carries both
    spreads and the labels' scale. The int8 model takes its ranges from training crops and must pass
    `gate` on validation crops.

    Args:
        run: the folder of a run.
        out: where to write, NAME.onnx.
        int8: write the int8 model; nothing is written where it does not pass the gate.
        gate: its thresholds.
        embeddings: vectors of the run's images by a recognizer, joined by id; with them the gate
            also compares discard curves on the mated pairs among the validation crops, without them
            its report and card say that it did not.
        metric: which of the kept weights; None is the recipe's first.
        name: of the model, for its card; None is the file's.
        license: of the model, for its card.
        runs: calls per line of the latency table.
        allow_collapsed: write a collapsed model too. Its card says so, and its calibration is that
            of the labels' scale: one that is fitted on collapsed scores would spread them over all
            of 0..100.
        force: do it again although the output is current.

    Raises:
        MissingExtraError: torch, safetensors or onnx is absent.
        WeightsError: no such run, or not exportable.
        UnknownNameError: metric, or a suffix that is not .onnx.
        InputError: embeddings without int8.
        ReadError: embeddings that cannot be read.
        EvidenceError: outputs do not vary, have collapsed, do not agree with torch, or int8 does
            not pass.
        WriteError: the disk refused.
    """
    for package in ("torch", "safetensors", "onnx"):
        require(package, extra="train")
    checks.choice(Path(out).suffix.lower(), "suffix of a model", (".onnx",))
    if embeddings and not int8:
        raise InputError(
            "embeddings are for the gate of an int8 model, and int8 is off.", hint="--int8"
        )
    recipe = open_run(run)
    chosen = checks.choice(metric or recipe.run.select[0], "metric of this run", recipe.run.select)
    weights, row = best_of(run, chosen)
    arguments = {
        "int8": int8,
        "gate": asdict(gate or Gate()),
        "metric": chosen,
        "name": name,
        "license": license,
        "runs": runs,
        "allow_collapsed": allow_collapsed,
    }
    files = {"weights": weights} | ({"embeddings": embeddings} if embeddings else {})
    record = make_record(
        "export",
        arguments=arguments,
        inputs={part: sha256_file(file) for part, file in files.items()},
    )
    path = Path(out)
    guard_outputs([path], run, [str(file) for file in Path(run).glob("*")], embeddings)
    if not force and is_current(path, fingerprint(record)):
        from fiqa.runtime.cards import read_card

        return Exported(
            path,
            read_card(card_path(path)),
            (read_sidecar(path) or {}).get("report", {}),
            current=True,
        )
    work = _Work(recipe, Path(run), weights)
    content, report = work.model(int8, gate or Gate(), embeddings)
    held = work.held_scores(content)
    require_spread(held.collapse, allow=allow_collapsed)
    report |= {
        "spread": spread_report(held.collapse, work.data.scale),
        "latency": work.latency(content, runs),
    }
    card = work.card(content, path, name or path.stem, license, held, {**row, **report["numbers"]})
    with atomic_path(path) as aside:
        aside.write_bytes(content)
    write_card(card, card_path(path))
    write_sidecar(path, record, found={"report": report})
    return Exported(path, card, report)


def fitted_calibration(scores: FloatArray) -> Calibration:
    """Returns the calibration of a model from its raw scores on faces like those that it will meet.

    The median becomes 50 and the width is such that 5th and 95th percentile lie 80 apart if the
    scores are symmetric (10 and 90). The cuts between levels are those of every model
    (fiqa.functional.calibration.LEVEL_CUTS), so that a level means one thing.

    Args:
        scores: (N,) finite raw scores, at least 20.

    Raises:
        EvidenceError: fewer than 20, or 9 in 10 are equal.
        InputError: NaN.

    >>> found = fitted_calibration(np.linspace(0, 1, 101, dtype=np.float32))
    >>> round(found.x0, 3), round(found.w, 3), found.level_cuts
    (0.5, 0.205, (20.0, 40.0, 60.0, 80.0))
    """
    values = checks.finite(checks.array(scores, "scores", shape=("N",), dtype=np.float64), "scores")
    if len(values) < 20:
        raise EvidenceError(f"a calibration needs at least 20 scores, got {len(values)}.")
    low, middle, high = np.percentile(values, (5, 50, 95))
    if not high > low:
        raise EvidenceError(
            f"a calibration needs scores that differ, 9 in 10 of {len(values)} are {middle}."
        )
    return Calibration(x0=float(middle), w=_width(low, high))


def _width(low: float, high: float) -> float:
    """The width of a calibration that lays two raw scores 80 apart."""
    return float((high - low) / (2 * raw_at([90], x0=0.0, w=1.0)[0]))


@dataclass(frozen=True, eq=False)
class _Held:
    """The raw scores (N,) of the held-out crops by the file to write, and their spread beside that
    of their labels, None where they are no guess of labels."""

    scores: FloatArray
    collapse: Collapse | None

    def calibration(self, scale: tuple[float, float]) -> Calibration:
        """The calibration for the card: fitted on the scores, or where they have collapsed that of
        their labels' scale."""
        if self.collapse is None or not self.collapse.collapsed:
            return fitted_calibration(self.scores)
        return Calibration(x0=(scale[0] + scale[1]) / 2, w=_width(*scale))


class _Work:
    """One run on its way to a file."""

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

    def model(
        self, int8: bool, gate: Gate, embeddings: PathLike | None
    ) -> tuple[bytes, dict[str, Any]]:
        """The bytes to write and what was found about them."""
        full = self._onnx(self.recipe.data.size)
        wanted, got = self._torch(), self._run(full, self.held)
        require_variation(wanted[:, 0])
        parity, span = _agreed(wanted, got), float(np.ptp(wanted[:, 0]))
        report: dict[str, Any] = {
            "crops": len(wanted),
            "parity": parity,
            "span": span,
            "bytes": len(full),
        }
        if not int8:
            return full, report | {"numbers": {"largest difference from torch": parity}}
        from fiqa.runtime.quantize import quantized

        small = quantized(
            full, np.asarray(self.data.crops[_spread(self.data.training, _RANGES)]), self.spec
        )
        areas = self._areas(full, small, embeddings) if embeddings else None
        found = judged(got[:, 0], self._run(small, self.held)[:, 0], gate, areas)
        return small, report | {
            "bytes_int8": len(small),
            "gate": found,
            "numbers": {f"int8 against fp32, {k}": v for k, v in found.items()},
        }

    def held_scores(self, content: bytes) -> _Held:
        """The scores of the validation crops by the file's bytes."""
        rows = self.data.validation
        scores = self._run(content, rows)[:, 0]
        judged = self.label_scale and self.data.scale[0] < self.data.scale[1]
        return _Held(
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
        held: _Held,
        found: dict[str, Any],
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
                for key, value in found.items()
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

    def _areas(self, full: bytes, small: bytes, embeddings: PathLike) -> tuple[float, float]:
        """The area of the gate in fp32 and in int8."""
        found = mates(embeddings, find(self.recipe.data.faces), self.data.ids, self.data.validation)
        one, other = (found.area(self._run(content, found.rows)[:, 0]) for content in (full, small))
        return one, other

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


def _agreed(wanted: FloatArray, got: FloatArray) -> float:
    """The largest difference between what torch (N,K) and ONNX (N,K) give, the quality first.

    Raises EvidenceError where it is too large.
    """
    difference = np.abs(wanted - got).max(axis=0)
    allowed = np.full(len(difference), _PARITY * max(1.0, float(np.abs(wanted).max())))
    allowed[0] = min(allowed[0], _PARITY_SHARE * float(wanted[:, 0].std()))
    if (difference > allowed).any():
        worst = int(np.argmax(difference / np.abs(allowed)))
        raise EvidenceError(
            f"ONNX must give what torch gives to {allowed[worst]:g}, they differ by"
            f" {difference[worst]:.3g} on {len(wanted)} crops."
        )
    return float(difference.max())


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the rows, evenly."""
    return rows[
        np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))
    ]
