"""A finished model on its way to another file: an ONNX file with its card, by name or path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqa.deployment.delivery import reference
from fiqa.deployment.evidence import Evidence, evidence_of
from fiqa.errors import InputError
from fiqa.runtime.cards import ModelCard
from fiqa.runtime.embedded import model_card, without_card
from fiqa.runtime.onnx import read_model
from fiqa.training.gate import Gate
from fiqa.types import PathLike

__all__ = ["FinishedModel"]


@dataclass(frozen=True, eq=False)
class FinishedModel:
    """An ONNX file in float32, and the crops that what becomes of it is judged on.

    Attributes:
        content: the file without the card inside.
        card: of the file.
        evidence: the crops.
    """

    content: bytes
    card: ModelCard
    evidence: Evidence

    @classmethod
    def of(cls, path: Path, faces: Any, embeddings: PathLike | None) -> FinishedModel:
        """Returns the model of a file.

        Args:
            path: of the ONNX file.
            faces: aligned crops for the gate, None for drawn ones.
            embeddings: vectors of the faces, for the discard curve.

        Raises:
            InputError: no quality model; others as evidence_of.
            ReadError, WeightsError: the file or its card.
        """
        whole = read_model(path)
        card, content = model_card(path, whole), without_card(whole)
        if card.kind != "quality":
            raise InputError(f"{path} must be a quality model, its card says {card.kind}.")
        return cls(content, card, evidence_of(faces, embeddings))

    def model(self, int8: bool, gate: Gate) -> tuple[bytes, dict[str, Any]]:
        """Returns the bytes to write and what was found about them.

        Args:
            int8: quantize.
            gate: what int8 must hold.

        Raises:
            EvidenceError: no int8 model passes.
        """
        report: dict[str, Any] = {"crops": len(self.evidence.crops), "bytes": len(self.content)}
        if not int8:
            return self.content, report | {"numbers": {}}
        from fiqa.runtime.float_layers import passing_int8

        full = reference(self.content, self.card)

        def judge(small: bytes) -> dict[str, Any]:
            return self.evidence.judged(full, reference(small, self.card), gate, what="int8")

        return passing_int8(self.content, self.evidence.ranges, self.card.input, judge).told(report)

    def card_of(
        self, path: Path, name: str | None, license: str, report: dict[str, Any]
    ) -> ModelCard:
        """Returns the card of what is written: that of the file, with the new numbers.

        Args:
            path: what is written.
            name: of the model, None for its own.
            license: of the model, "" for its own.
            report: of `model`.
        """
        numbers = {
            key: value for key, value in report["numbers"].items() if isinstance(value, float | str)
        }
        return self.card.model_copy(
            update={
                "file": path.name,
                "name": name or self.card.name,
                "license": license or self.card.license,
                "numbers": {**self.card.numbers, **numbers},
            }
        )
