"""`export`: a trained network as an ONNX file with its card, proved to compute the same before it
is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.data.store import (
    atomic_path,
    fingerprint,
    is_current,
    make_record,
    read_sidecar,
    sha256_file,
    write_sidecar,
)
from fiqa.errors import InputError
from fiqa.extras import require
from fiqa.progress import Progress, teller
from fiqa.runtime.cards import ModelCard, card_path, read_card, write_card
from fiqa.training.int8_gate import Gate
from fiqa.training.run_folder import best_of, open_run
from fiqa.training.spread_gate import require_spread, spread_report
from fiqa.types import PathLike

__all__ = ["Exported", "export"]


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
    progress: Progress = False,
) -> Exported:
    """Writes the best network of a finished run as ONNX, its card beside it, and a sidecar with the
    report; `fiqa.load(out)` scores with it.

    The card's calibration is fitted on the scores of the run's validation crops (see
    fiqa.functional.calibration.fitted_calibration). The model is compared with torch on those
    crops: raw outputs must vary, and agree to 1e-4 (of the largest where that is over 1) and to a
    hundredth of their standard deviation. Where the objective learns labels, the scores of the
    validation crops must not have collapsed beside their labels (fiqa.functional.collapse has the
    rule); the card carries both spreads and the labels' scale. The int8 model takes its ranges from
    training crops and must pass `gate` on validation crops.

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
        progress: True reports on stderr; a callable is told (stage, done, total).

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
        return Exported(
            path,
            read_card(card_path(path)),
            (read_sidecar(path) or {}).get("report", {}),
            current=True,
        )
    from fiqa.training.model_file import ModelFile

    told = teller(progress)
    work = ModelFile(recipe, Path(run), weights)
    told("export", 0, 3)
    content, report = work.model(int8, gate or Gate(), embeddings)
    told("export", 1, 3)
    held = work.held_scores(content)
    require_spread(held.collapse, allow=allow_collapsed)
    told("export", 2, 3)
    report |= {
        "spread": spread_report(held.collapse, work.data.scale),
        "latency": work.latency(content, runs),
    }
    card = work.card(content, path, name or path.stem, license, held, {**row, **report["numbers"]})
    with atomic_path(path) as aside:
        aside.write_bytes(content)
    write_card(card, card_path(path))
    write_sidecar(path, record, learned={"report": report})
    told("export", 3, 3)
    return Exported(path, card, report)
