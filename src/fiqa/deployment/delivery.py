"""A model on its way to a runtime: converted aside, judged in that runtime, timed, then put in
place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqa.data.store import atomic_path
from fiqa.deployment.engines import engine
from fiqa.deployment.engines.engine import Engine
from fiqa.deployment.evidence import Evidence, Runner
from fiqa.deployment.speed import load_average, speed_rows
from fiqa.runtime.cards import ModelCard
from fiqa.runtime.onnx import open_session
from fiqa.training.gate import Gate
from fiqa.types import FloatArray

__all__ = ["BASELINE", "Delivery", "delivery", "output_names", "reference"]

BASELINE = "fp32 on onnxruntime"


@dataclass(frozen=True)
class Delivery:
    """A converted model that passed.

    Attributes:
        files: what was written, aside, by name.
        report: runtime, gate and speed.
    """

    files: dict[str, Path]
    report: dict[str, Any]

    def place(self, folder: Path) -> list[Path]:
        """Puts the files into a folder and returns where they are.

        Args:
            folder: of the output.

        Raises:
            WriteError: the disk refused.
        """
        placed = []
        for name, file in self.files.items():
            with atomic_path(folder / name) as aside:
                aside.write_bytes(file.read_bytes())
            placed.append(folder / name)
        return placed


def output_names(card: ModelCard) -> list[str]:
    """Returns the outputs of a model that are read, the quality first.

    Args:
        card: of the model.
    """
    read = [output for output in card.outputs if output.role != "other"]
    return [o.name for o in sorted(read, key=lambda output: output.role != "quality")]


def reference(content: bytes, card: ModelCard, threads: int = 1) -> Runner:
    """Returns an ONNX file on onnxruntime.

    Args:
        content: of the file.
        card: of the model.
        threads: of the runtime.
    """
    session = open_session(content, card.name, threads=threads)
    name, names = session.get_inputs()[0].name, output_names(card)
    length = session.get_inputs()[0].shape[0]

    def call(values: FloatArray) -> list[FloatArray]:
        return [value.reshape(len(values), -1) for value in session.run(names, {name: values})]

    return Runner(call, card.input, one_by_one=length == 1)


@contextmanager
def delivery(
    full: bytes,
    content: bytes,
    card: ModelCard,
    out: Path,
    to: str,
    *,
    static: bool,
    evidence: Evidence,
    gate: Gate,
    runs: int,
) -> Iterator[Delivery]:
    """Yields the model converted and judged, in a folder that is gone at the end of the block.

    Args:
        full: the ONNX file in fp32, which it is compared with.
        content: the ONNX file to convert.
        card: of the model.
        out: where the first file will be; names only.
        to: the engine.
        static: one crop at a time.
        evidence: what it is judged on.
        gate: what must hold.
        runs: calls of each line of the table of speed.

    Raises:
        MissingExtraError, WeightsError: as Engine.convert.
        EvidenceError: it does not pass.
    """
    target = engine(to)
    version = target.version()
    alone = static or target.only_static
    shape = _shape(card)
    with tempfile.TemporaryDirectory() as folder:
        path, baseline = Path(folder) / out.name, Path(folder) / "baseline" / "fp32.onnx"
        baseline.parent.mkdir()
        baseline.write_bytes(full)
        target.convert(content, path, shape, static=static)
        names, order = _order(full, card)
        small = Runner(target.open(path, names), card.input, one_by_one=alone, order=order)
        tried = [(f"this, {version}", to, path)]
        report: dict[str, Any] = {}
        # the very file in the very runtime needs no comparison
        if to != "onnx" or static or content != full:
            tried.insert(0, (BASELINE, "onnx", baseline))
            report["runtime_gate"] = evidence.judged(
                reference(full, card), small, gate, what=_named(to, static, content != full)
            )
        report |= {
            "runtime": version,
            "static": alone,
            "judged_on": evidence.about,
            "files": {file.name: file.stat().st_size for file in target.files(path)},
            "file_fp32": len(full),
            "outputs": _outputs(target, names),
            "load": load_average(),
            "speed": speed_rows(tried, names, shape, runs),
        }
        yield Delivery({file.name: file for file in target.files(path)}, report)


def _named(to: str, static: bool, int8: bool) -> str:
    return "int8" if int8 else "static onnx" if to == "onnx" and static else to


def _order(content: bytes, card: ModelCard) -> tuple[list[str], tuple[int, ...]]:
    """All outputs in the order of the file, and the places of those that the card reads."""
    names = [value.name for value in open_session(content, card.name, threads=1).get_outputs()]
    return names, tuple(names.index(name) for name in output_names(card))


def _shape(card: ModelCard) -> tuple[int, int, int, int]:
    side = card.input.size
    return (1, 3, side, side) if card.input.layout == "NCHW" else (1, side, side, 3)


def _outputs(target: Engine, names: list[str]) -> dict[str, str]:
    """What the file calls each output of the card."""
    form = {"ncnn": "out{}", "tflite": "output_{}"}.get(target.name)
    return {name: form.format(k) if form else name for k, name in enumerate(names)}
