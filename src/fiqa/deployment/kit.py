"""The parity kit: crops, inputs and expected values that prove a model on a chip."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.reading import reader
from fiqa.data.store import atomic_path
from fiqa.deployment.delivery import output_names, reference
from fiqa.deployment.evidence import drawn_crops
from fiqa.errors import InputError, ReadError
from fiqa.runtime.cards import ModelCard
from fiqa.runtime.embedded import card_within, with_card
from fiqa.runtime.preprocess import prepare, resized
from fiqa.types import FloatArray, PathLike

__all__ = ["COUNT", "Kit", "kit_columns", "kit_mark", "read_kit", "read_results", "write_kit"]

COUNT, _SEED = 64, 19
_ACROSS = 8
_LARGEST = 1 << 24


@dataclass(frozen=True, eq=False)
class Kit:
    """A kit that was read.

    Attributes:
        model: the ONNX file.
        card: of the model.
        crops: (64,S,S,3) uint8 RGB.
        expected: (64,K) outputs.
        columns: their names, the quality first.
    """

    model: bytes
    card: ModelCard
    crops: NDArray[np.uint8]
    expected: FloatArray
    columns: tuple[str, ...]


def kit_columns(card: ModelCard) -> tuple[str, ...]:
    """Returns the names of the columns of expected and of real values.

    Args:
        card: of the model.
    """
    names: list[str] = []
    outputs = {output.name: output for output in card.outputs}
    for name in output_names(card):
        parts = (*outputs[name].factors, *outputs[name].measures, *outputs[name].codes)
        names += parts or (name,)
    return tuple(names)


def write_kit(folder: PathLike, model: bytes, card: ModelCard, mark: str) -> Path:
    """Writes a kit and returns its folder; `kit.json` comes last.

    Args:
        folder: where to.
        model: the ONNX file in fp32 whose values are expected.
        card: of the model.
        mark: the fingerprint of the export.

    Raises:
        WriteError: the disk refused.
    """
    place, side = Path(folder), card.input.size
    crops = resized(drawn_crops(COUNT, seed=_SEED), card.input)
    inputs, columns = prepare(crops, card.input), kit_columns(card)
    expected = reference(model, card)(crops)
    inside, _ = with_card(model, card.model_copy(update={"file": "model.onnx"}))
    facts = _facts(card, inputs.shape[1:], columns)
    contents = {
        "crops.u8": crops.tobytes(),
        "inputs.f32": inputs.astype("<f4").tobytes(),
        "expected.csv": _table(expected, columns).encode(),
        "model.onnx": inside,
        "crops.png": _sheet(crops),
        "kit.h": _header(side, columns).encode(),
        "README.md": _chip("README.md").format(**facts).encode(),
        "fiqa_kit.h": _chip("fiqa_kit.h").encode(),
        "runner.c": _chip("runner.c").encode(),
        "kit.json": json.dumps(
            {**facts, "columns": columns, "fingerprint": mark}, indent=1
        ).encode(),
    }
    for name, content in contents.items():
        with atomic_path(place / name) as aside:
            aside.write_bytes(content)
    return place


def kit_mark(folder: PathLike) -> str | None:
    """Returns the fingerprint of the export that a kit is of, None where there is none.

    Args:
        folder: of the kit.
    """
    file = Path(folder) / "kit.json"
    if not file.is_file():
        return None
    found = _json(file).get("fingerprint")
    return None if found is None else str(found)


@reader
def read_kit(folder: PathLike) -> Kit:
    """Returns the kit in a folder.

    Args:
        folder: of the kit.

    Raises:
        ReadError: files are missing or not those of a kit.
    """
    place = Path(folder)
    if not (place / "kit.json").is_file():
        raise ReadError(
            f"A kit must have a kit.json, there is none in {place}.",
            status="not_found",
            hint="fiqa export MODEL -o FILE --kit DIR makes one; --kit says where it is",
        )
    model = (place / "model.onnx").read_bytes()
    card = card_within(model, str(place / "model.onnx"))
    if card is None:
        raise ReadError(f"{place / 'model.onnx'} must have its card inside.", status="corrupt")
    side, columns = card.input.size, kit_columns(card)
    crops = np.frombuffer((place / "crops.u8").read_bytes(), np.uint8)
    expected = read_results(place / "expected.csv", columns)
    if crops.size != COUNT * side * side * 3 or expected.shape != (COUNT, len(columns)):
        raise ReadError(f"{place} must hold {COUNT} crops and their values.", status="corrupt")
    return Kit(model, card, crops.reshape(COUNT, side, side, 3), expected, columns)


@reader
def read_results(path: PathLike, columns: tuple[str, ...]) -> FloatArray:
    """Returns (64,K) values of a table, in the order of its column `index`; K is 1 where only the
    first column is there.

    Args:
        path: of the table.
        columns: its names.

    Raises:
        ReadError: no such table, or not one row for each crop.
        InputError: no column of the quality.
    """
    file = Path(path)
    if not file.is_file():
        raise ReadError(f"Results must be a file, and there is none at {file}.", status="not_found")
    if file.stat().st_size > _LARGEST:
        raise ReadError(f"{file} must be a table of {COUNT} rows.", status="too_large")
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    names = set(rows[0]) if rows else set()
    if columns[0] not in names or "index" not in names:
        raise InputError(
            f"{file} must have the columns index and {columns[0]}, it has"
            f" {', '.join(sorted(map(str, names))) or 'none'}."
        )
    if sorted(int(row["index"]) for row in rows) != list(range(COUNT)):
        raise InputError(f"{file} must have one row for each crop from 0 to {COUNT - 1}.")
    wanted = columns if set(columns) <= names else columns[:1]
    ordered = sorted(rows, key=lambda row: int(row["index"]))
    return np.array([[float(row[name]) for name in wanted] for row in ordered], np.float32)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _facts(card: ModelCard, shape: tuple[int, ...], columns: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": card.name,
        "line": card.input.line(),
        "crops": COUNT,
        "side": card.input.size,
        "shape": " x ".join(map(str, shape)),
        "outputs": ", ".join(columns),
        "width": len(columns),
        "first": columns[0],
    }


def _table(values: FloatArray, columns: tuple[str, ...]) -> str:
    lines = [",".join(("index", *columns))]
    lines += [
        ",".join((str(crop), *(f"{value:.9g}" for value in row)))
        for crop, row in enumerate(values.tolist())
    ]
    return "\n".join(lines) + "\n"


def _header(side: int, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f"#define FIQA_KIT_CROPS {COUNT}\n#define FIQA_KIT_SIDE {side}\n"
        f"#define FIQA_KIT_WIDTH {len(columns)}\n#define FIQA_KIT_OUTPUTS {{{names}}}\n"
    )


def _chip(name: str) -> str:
    return (resources.files("fiqa.deployment") / "chip" / name).read_text(encoding="utf-8")


def _sheet(crops: NDArray[np.uint8]) -> bytes:
    """The crops side by side, as PNG."""
    from PIL import Image

    rows = [
        np.concatenate(list(row), axis=1) for row in crops.reshape(-1, _ACROSS, *crops.shape[1:])
    ]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(rows, axis=0)).save(file, "PNG")
    return file.getvalue()
