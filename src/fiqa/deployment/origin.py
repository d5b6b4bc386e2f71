"""Where an exported model comes from: a training run, or a finished ONNX file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fiqa import checks
from fiqa.data.listing import images_of
from fiqa.data.store import file_state, hash_rows, sha256_file
from fiqa.deployment.evidence import Evidence
from fiqa.deployment.finished import FinishedModel
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.runtime.cards import ModelCard, card_path
from fiqa.runtime.weights import find
from fiqa.training.gate import Gate
from fiqa.training.run_folder import best_of, open_run
from fiqa.training.spread_gate import require_spread, spread_report
from fiqa.types import PathLike

__all__ = ["Asked", "Made", "Origin", "origin_of"]


@dataclass(frozen=True)
class Asked:
    """What an export was asked for, whatever it comes from; fiqa.export has the words.

    Attributes:
        out, int8, gate, embeddings, faces, metric, name, license, runs, allow_collapsed: as there.
    """

    out: Path
    int8: bool = False
    gate: Gate = field(default_factory=Gate)
    embeddings: PathLike | None = None
    faces: Any = None
    metric: str | None = None
    name: str | None = None
    license: str = ""
    runs: int = 50
    allow_collapsed: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """A model as an ONNX file.

    Attributes:
        full: in fp32.
        content: what to write or convert, int8 where that was asked.
        card: of it.
        report: what was measured.
        evidence: what another runtime is judged on.
    """

    full: bytes
    content: bytes
    card: ModelCard
    report: dict[str, Any]
    evidence: Evidence


class Origin(ABC):
    """What is exported.

    Attributes:
        asked: for it.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    @abstractmethod
    def inputs(self) -> dict[str, str]:
        """Returns name -> sha256 of all that is read."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Returns what decides the outcome besides the inputs."""

    @abstractmethod
    def reads(self) -> list[Any]:
        """Returns what must not be written over."""

    @abstractmethod
    def made(self) -> Made:
        """Returns the model.

        Raises:
            EvidenceError: what it must hold does not hold.
        """


def origin_of(model: PathLike, asked: Asked) -> Origin:
    """Returns where a model comes from.

    Args:
        model: folder of a run; or path or name of an ONNX file.
        asked: what for.

    Raises:
        WeightsError: neither a run nor a model.
        InputError: an option of the other kind.
    """
    text = Path(model)
    return _Run(text, asked) if text.is_dir() else _File(find(model), asked)


class _Run(Origin):
    """The best network of a training run."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        super().__init__(asked)
        for package in ("torch", "safetensors", "onnx"):
            require(package, extra="train")
        if asked.embeddings and not asked.int8 and asked.out.suffix == ".onnx":
            raise InputError(
                "embeddings are for the gate of an int8 model, and int8 is off.", hint="--int8"
            )
        if asked.faces is not None:
            raise InputError(
                "faces are for a finished model; a run is judged on its own held-out crops."
            )
        self.folder, self.recipe = folder, open_run(folder)
        select = self.recipe.run.select
        self.metric = checks.choice(asked.metric or select[0], "metric of this run", select)
        self.weights, self.row = best_of(folder, self.metric)

    def inputs(self) -> dict[str, str]:
        """Returns the sha256 of the weights, and of the embeddings."""
        files = {"weights": self.weights} | _embeddings(self.asked)
        return {part: sha256_file(file) for part, file in files.items()}

    def arguments(self) -> dict[str, Any]:
        """Returns the metric, and whether a collapsed model may be written."""
        return {"metric": self.metric, "allow_collapsed": self.asked.allow_collapsed}

    def reads(self) -> list[Any]:
        """Returns the run, its files, and the embeddings."""
        files = [str(file) for file in self.folder.glob("*")]
        return [self.folder, files, self.asked.embeddings]

    def made(self) -> Made:
        """Returns the model, compared with torch."""
        from fiqa.training.model_file import ModelFile

        asked, work = self.asked, ModelFile(self.recipe, self.folder, self.weights)
        content, report = work.model(asked.int8, asked.gate, asked.embeddings)
        held = work.held_scores(content)
        require_spread(held.collapse, allow=asked.allow_collapsed)
        report["spread"] = spread_report(held.collapse, work.data.scale)
        if asked.out.suffix == ".onnx":
            report["latency"] = work.latency(content, asked.runs)
        name = asked.name or asked.out.stem
        numbers = {**self.row, **report["numbers"]}
        card = work.card(content, asked.out, name, asked.license, held, numbers)
        about = f"{len(work.held)} held-out crops of {self.recipe.data.faces}"
        pairs = work.mated(asked.embeddings) if asked.embeddings else (None, None)
        crops = work.held_crops
        return Made(work.full, content, card, report, Evidence(crops, crops, about, *pairs))


class _File(Origin):
    """A finished model."""

    def __init__(self, path: Path, asked: Asked) -> None:
        super().__init__(asked)
        if asked.metric is not None:
            raise InputError(f"a metric is for a training run, {path} is a model.")
        self.path = path

    def inputs(self) -> dict[str, str]:
        """Returns the sha256 of the model and the embeddings, and a digest of the faces."""
        files = {"model": self.path} | _embeddings(self.asked)
        found = {part: sha256_file(file) for part, file in files.items()}
        if card_path(self.path).is_file():
            found["card"] = sha256_file(card_path(self.path))
        if self.asked.faces is not None:
            rows = images_of(self.asked.faces).path.tolist()
            found["faces"] = hash_rows((row, file_state(row)) for row in rows)
        return found

    def arguments(self) -> dict[str, Any]:
        """Returns nothing: the inputs decide."""
        return {}

    def reads(self) -> list[Any]:
        """Returns the model, the faces, and the embeddings."""
        return [self.path, self.asked.faces, self.asked.embeddings]

    def made(self) -> Made:
        """Returns the model."""
        asked = self.asked
        found = FinishedModel.of(self.path, asked.faces, asked.embeddings)
        content, report = found.model(asked.int8, asked.gate)
        card = found.card_of(asked.out, asked.name, asked.license, report)
        return Made(found.content, content, card, report, found.evidence)


def _embeddings(asked: Asked) -> dict[str, Any]:
    return {"embeddings": asked.embeddings} if asked.embeddings else {}
