"""`export`: a model as a file for a runtime with its card, proved to compute the same before it is
written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.data.store import (
    fingerprint,
    is_current,
    make_record,
    read_sidecar,
    sha256_file,
    write_sidecar,
)
from fiqa.deployment.delivery import delivery
from fiqa.deployment.engines import engine
from fiqa.deployment.kit import kit_mark, write_kit
from fiqa.deployment.origin import Asked, Made, origin_of
from fiqa.errors import InputError
from fiqa.progress import Progress, teller
from fiqa.runtime.cards import ModelCard, card_path, read_card, write_card
from fiqa.runtime.embedded import with_card
from fiqa.training.gate import Gate
from fiqa.types import PathLike

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """What became of an export: `path` of the model, its `card`, `report` of parity, gates, sizes
    and speed; `current` True where it was there already."""

    path: Path
    card: ModelCard
    report: dict[str, Any]
    current: bool = False


def export(
    model: PathLike,
    out: PathLike,
    *,
    to: str = "onnx",
    static: bool = False,
    int8: bool = False,
    faces: Any = None,
    gate: Gate | None = None,
    embeddings: PathLike | None = None,
    metric: str | None = None,
    name: str | None = None,
    license: str = "",
    runs: int = 50,
    allow_collapsed: bool = False,
    kit: PathLike | None = None,
    force: bool = False,
    progress: Progress = False,
) -> Exported:
    """Writes a model for a runtime, its card beside it (and inside an ONNX file), and a sidecar
    with the report; `fiqa.load(out)` scores with an ONNX file.

    Of a finished run, the best network. The card's calibration is fitted on the scores of the run's
    validation crops (see fiqa.functional.calibration.fitted_calibration). The model is compared
    with torch on those crops: raw outputs must vary, and agree to 1e-4 (of the largest where that
    is over 1) and to a hundredth of their standard deviation. Where the objective learns labels,
    the scores of the validation crops must not have collapsed beside their labels
    (fiqa.functional.collapse has the rule); the card carries both spreads and the labels' scale.

    Of a finished model, the file itself with its card: for another runtime, with a fixed batch, in
    int8.

    What is not fp32 on onnxruntime must pass `gate` against it, in its own runtime: on the
    validation crops of a run, on `faces` or drawn crops for a finished model. int8 takes its ranges
    from other crops; where it does not pass, first, last and squeeze-and-excitation layers stay in
    float32, one more at a time.

    Args:
        model: the folder of a run; or a finished ONNX model, by file or name.
        out: where to write: NAME.onnx, NAME.xml (openvino), NAME.param (ncnn), NAME.tflite.
        to: the runtime: onnx, openvino, ncnn, tflite.
        static: take one crop at a time; ncnn and tflite always do.
        int8: write the int8 model, of onnx alone.
        faces: aligned crops, a folder (`identity/image`) or manifest: a finished model is judged on
            every other one, and int8 takes its ranges from the others.
        gate: its thresholds.
        embeddings: vectors of the run's images or of `faces` by a recognizer, joined by id; with
            them the gate also compares discard curves on the mated pairs among the crops, without
            them its report and card say that it did not.
        metric: which of the kept weights of a run; None is the recipe's first.
        name: of the model, for its card; None is the file's, or a finished model's own.
        license: of the model, for its card.
        runs: calls per line of the table of speed.
        allow_collapsed: write a collapsed model too. Its card says so, and its calibration is that
            of the labels' scale: one that is fitted on collapsed scores would spread them over all
            of 0..100.
        kit: a folder for the parity kit: crops, inputs and expected values that prove the model on
            a chip (fiqa.verify).
        force: do it again although the output is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        MissingExtraError: what the runtime or a run needs is not installed.
        WeightsError: no such run or model, or not exportable.
        UnknownNameError: metric, runtime, or a suffix that is not the runtime's.
        InputError: options that do not go together.
        ReadError: faces or embeddings that cannot be read.
        EvidenceError: outputs do not vary, have collapsed, do not agree with torch, or a gate does
            not hold.
        WriteError: the disk refused.
    """
    path, target = Path(out), engine(to)
    checks.choice(path.suffix.lower(), "suffix of a model", (target.suffix,))
    if int8 and to != "onnx":
        raise InputError(
            f"int8 must be of onnx, got {to}.",
            hint="quantize with the chip's own tools, and prove the result with a kit: --kit DIR",
        )
    asked = Asked(
        path, int8, gate or Gate(), embeddings, faces, metric, name, license, runs, allow_collapsed
    )
    origin = origin_of(model, asked)
    how = {"int8": int8, "name": name, "license": license, "runs": runs, "to": to, "static": static}
    record = make_record(
        "export",
        arguments=how | {"gate": asdict(asked.gate)} | origin.arguments(),
        inputs=origin.inputs(),
    )
    guard_outputs([*target.files(path), kit], *origin.reads())
    mark = fingerprint(record)
    there = all(map(Path.is_file, target.files(path))) and (kit is None or kit_mark(kit) == mark)
    if not force and there and is_current(path, mark):
        report = (read_sidecar(path) or {}).get("report", {})
        return Exported(path, read_card(card_path(path)), report, current=True)
    told = teller(progress)
    told("export", 0, 3)
    made = origin.made()
    told("export", 1, 3)
    card, report = _written(made, asked, to, static)
    if kit is not None:
        write_kit(kit, made.full, card, mark)
    write_card(card, card_path(path))
    write_sidecar(path, record, learned={"report": report})
    told("export", 3, 3)
    return Exported(path, card, report)


def _written(made: Made, asked: Asked, to: str, static: bool) -> tuple[ModelCard, dict[str, Any]]:
    """Has the model judged in its runtime and writes its files; returns its card and the report."""
    path, report = asked.out, dict(made.report)
    with delivery(
        made.full, made.content, made.card, path, to, static=static, evidence=made.evidence,
        gate=asked.gate, runs=asked.runs,
    ) as delivered:  # fmt: skip
        report |= delivered.report
        card = _numbered(made.card, delivered.report.get("runtime_gate", {}), to)
        if to == "onnx":
            content, card = with_card(delivered.files[path.name].read_bytes(), card)
            delivered.files[path.name].write_bytes(content)
            report["bytes_int8" if asked.int8 else "bytes"] = len(content)
            report["files"] = {path.name: len(content)}
        delivered.place(path.parent)
    return card.model_copy(update={"sha256": sha256_file(path)}), report


def _numbered(card: ModelCard, gate: dict[str, Any], to: str) -> ModelCard:
    """The card with what the gate measured on the runtime."""
    found = {f"{to} against fp32 on onnxruntime, {name}": value for name, value in gate.items()}
    return card.model_copy(update={"numbers": {**card.numbers, **found}})
