"""`convert`: the field's benchmark files into images and tables, and tables of scores into the
forms of other tools."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqa import checks
from fiqa.data.formats import (
    fiftyone,
    imagefolder,
    insightface_bin,
    lfw_pairs,
    ofiq,
    recordio,
    webdataset,
)
from fiqa.data.formats.images_out import Unpacked, unpack
from fiqa.data.formats.source import read_bytes
from fiqa.data.guard import guard_outputs
from fiqa.data.headers import sniff
from fiqa.data.manifest import write_manifest
from fiqa.data.nested import flatten
from fiqa.data.pairs import read_folds, write_pairs
from fiqa.data.quality import read_quality, write_quality
from fiqa.data.reading import reader, reading
from fiqa.data.store import make_record, sha256_file, write_sidecar
from fiqa.data.tables import SUFFIXES, decode_text, read_table
from fiqa.errors import InputError, ReadError
from fiqa.extras import require
from fiqa.progress import Progress, Told, counted, teller
from fiqa.runtime.cards import card_path
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TARGETS", "Conversion", "convert"]


TARGETS = ("images", "pairs", "table", "ofiq", "fiftyone", "imagefolder", "webdataset", "model")
"""What a file can become; `images` from .bin and .rec, `pairs` from pair lists, `model` from
published weights, the others from scores."""

_IMAGE_LIMIT = 64 << 20


@dataclass(frozen=True)
class Conversion:
    """What became of a file: `target` (one of TARGETS), `files` written, `rows` in them, `failed`
    rows without an image or a number, `skipped` left out (repeated images, malformed pairs),
    `left_out` pairs that cannot be (fiqa.data.sound)."""

    target: str
    files: tuple[str, ...]
    rows: int
    failed: int
    skipped: int
    left_out: int = 0


def convert(
    source: PathLike,
    out: PathLike,
    *,
    to: str | None = None,
    column: str | None = None,
    tokenizer: PathLike | None = None,
    progress: Progress = False,
) -> Conversion:
    """Converts a file and says what was written.

    - InsightFace `.bin` -> a folder: `images/` (each once, named by content), `manifest.csv`,
      `pairs.csv`.
    - RecordIO `.rec` (with its `.idx`, or without) -> a folder: `images/identity/`, `manifest.csv`.
    - a pair list (LFW, XQLFW, CALFW, CPLFW, IJB-C) -> a table of pairs, with folds where it has
      them.
    - scores (ours, or any that fiqa.data.quality.read_quality reads) -> our table of quality,
      OFIQ's CSV, FiftyOne's CSV, the metadata of a Hugging Face imagefolder, or a WebDataset tar
      with the images.

    - the published weights of CLIB-FIQA, a state dict (.pt, .pth, .safetensors) -> an .onnx model
      with its card, for `fiqa score --model`.

    What it was made from and its counts stand in `<out>.json`, written last.

    Args:
        source: the file.
        out: a folder for images, else a file.
        to: one of TARGETS; None takes it from the suffix of `source` and the name of `out` (.tar:
            webdataset; metadata.csv or .jsonl: imagefolder; other tables: table; .onnx: model).
        column: the column of scores, where a table has more than one candidate.
        tokenizer: for a model, a folder or hub name with CLIP's tokenizer; None is that of
            openai/clip-vit-base-patch32, which they all share.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        ReadError: `source` cannot be read, or is refused as unsafe.
        InputError: a target that `source` cannot become.
        WriteError: the disk refused.
        WeightsError: weights of another network.
        MissingExtraError: a model needs fiqa[train,vlm].
    """
    arguments = {
        "to": to,
        "column": column,
        "tokenizer": None if tokenizer is None else os.fspath(tokenizer),
    }
    record = make_record("convert", arguments=arguments, inputs={"source": sha256_file(source)})
    target = (
        _target(Path(source), Path(out)) if to is None else checks.choice(to, "target", TARGETS)
    )
    beside = (
        [Path(out) / name for name in ("manifest.csv", "pairs.csv")] if target == "images" else []
    )
    guard_outputs([out], source, Path(source).with_suffix(".idx"), tokenizer, beside=beside)
    if target == "model":
        done = _model(source, out, tokenizer)
    else:
        done = _run(source, out, target, column, teller(progress))
    if target != "table":  # write_quality has written its own
        counts = {
            "target": target,
            "rows": done.rows,
            "failed": done.failed,
            "skipped": done.skipped,
        }
        counts |= {"left_out": done.left_out} if done.left_out else {}
        write_sidecar(out, {**record, "result": counts})
    return done


def _run(
    source: PathLike, output: PathLike, target: str, column: str | None, told: Told
) -> Conversion:
    suffix = Path(source).suffix.lower()
    if target == "images":
        return _images(source, Path(output), suffix, told)
    if suffix in (".bin", ".rec"):
        raise InputError(f"A {suffix} file must become images, got the target {target!r}.")
    if target == "pairs":
        found = read_folds(source)
        write_pairs(found.pairs, output, fold=found.fold)
        left_out = sum(found.left_out.values())
        return Conversion(
            target, (os.fspath(output),), len(found.pairs), 0, found.skipped, left_out
        )
    return _scores(source, output, target, column, told)


def _target(source: Path, output: Path) -> str:
    if source.suffix.lower() in (".bin", ".rec"):
        return "images"
    if source.suffix.lower() == ".txt" and lfw_pairs.is_header(source):
        return "pairs"
    if output.name in imagefolder.NAMES:
        return "imagefolder"
    if output.suffix.lower() == ".tar":
        return "webdataset"
    if output.suffix.lower() == ".onnx":
        return "model"
    if output.suffix.lower() in SUFFIXES:
        return "table"
    raise InputError(
        f"The target must be clear from the names, {str(source)!r} to {str(output)!r} is not.",
        hint=f"say --to {', '.join(TARGETS)}",
    )


def _model(source: PathLike, output: PathLike, tokenizer: PathLike | None) -> Conversion:
    for package, extra in (("torch", "train"), ("onnx", "train"), ("transformers", "vlm")):
        require(package, extra=extra)
    from fiqa.methods.clib_fiqa.convert import convert_state
    from fiqa.methods.clib_fiqa.towers import TOKENIZER

    convert_state(
        source, output, tokenizer=TOKENIZER if tokenizer is None else os.fspath(tokenizer)
    )
    return Conversion("model", (os.fspath(output), str(card_path(output))), 1, 0, 0)


def _images(source: PathLike, folder: Path, suffix: str, told: Told) -> Conversion:
    files, left_out = [folder / "manifest.csv"], 0
    if suffix == ".bin":
        found = insightface_bin.read(source)
        done = unpack(
            counted(
                (("", content) for content in found.images.values()),
                told,
                "convert",
                len(found.images),
            ),
            folder,
        )
        files.append(folder / "pairs.csv")
        write_pairs(found.pairs, files[-1])
        repeated, left_out = found.repeated, sum(found.left_out.values())
    elif suffix == ".rec":
        done = _records(source, folder, told)
        repeated = done.repeated
    else:
        raise InputError(f"Only .bin and .rec files hold images, got {os.fspath(source)!r}.")
    write_manifest(done.manifest, files[0])
    names = (str(folder / "images"), *map(str, files))
    return Conversion("images", names, len(done.manifest), done.failed, repeated, left_out)


def _records(source: PathLike, folder: Path, told: Told) -> Unpacked:
    with recordio.RecordFile(source) as records:
        keys = records.keys
        stream = iter(records) if keys is None else counted(records, told, "convert", len(keys))
        return unpack(((_identity(record), record.content) for record in stream), folder)


def _identity(record: recordio.Record) -> str:
    label = float(record.label[0]) if len(record.label) else float("nan")
    if not (label >= 0 and label == int(label)):
        raise ReadError(
            f"Record {record.key} must be labeled with the number of an identity, got {label}.",
            status="corrupt",
        )
    return f"{int(label):07d}"


def _scores(
    source: PathLike, output: PathLike, target: str, column: str | None, told: Told
) -> Conversion:
    if target == "table":
        quality = read_quality(source, column=column)
        write_quality(quality, output)
        return Conversion(
            target, (os.fspath(output),), len(quality), quality.provenance["failed"], 0
        )
    table = _table(source, column)
    guard_outputs(
        [output],
        [str(place) for path in table["path"] for place in (path, Path(source).parent / path)],
    )
    failed = sum(status != "ok" for status in table.get("status", []))
    rows = len(table["path"])
    if target == "ofiq":
        with reading(source):
            blocks = _blocks(table)
        ofiq.write(output, table["path"], *blocks)
    elif target == "fiftyone":
        fiftyone.write(output, table["path"], _without(table, "path"))
    elif target == "imagefolder":
        imagefolder.write(output, table["path"], _without(table, "path"))
    else:
        counter = [0]
        rows = webdataset.write(output, _samples(table, Path(source).parent, counter, told))
        failed = counter[0]
    return Conversion(target, (os.fspath(output),), rows, failed, 0)


@reader
def _table(source: PathLike, column: str | None) -> dict[str, list[Any]]:
    """Returns our table of scores flat, column -> values, text decoded; another tool's scores as
    path, id, value."""
    frame: pl.DataFrame | None = (
        read_table(source) if Path(source).suffix.lower() in SUFFIXES else None
    )
    if frame is not None and {"id", "path"} <= set(frame.columns) and column is None:
        values = {name: series.to_list() for name, series in flatten(frame).to_dict().items()}
        for name, cells in values.items():
            _check_cells(name, cells)
        return {
            name: [decode_text(v) if isinstance(v, str) else v for v in cells]
            for name, cells in values.items()
        }
    quality = read_quality(source, column=column)
    scalar = (
        [100 * float(v) for v in quality.value]
        if quality.range == (0, 1)
        else [float(v) for v in quality.value]
    )
    table: dict[str, list[Any]] = {
        "path": quality.id.tolist(),
        "id": quality.id.tolist(),
        "value": quality.value.tolist(),
    }
    return table | ({"uqs": scalar} if quality.range in ((0, 1), (0, 100)) else {})


def _check_cells(name: str, cells: list[Any]) -> None:
    """Refuses a row without a path, and a number that no other format can hold."""
    for row, cell in enumerate(cells, 1):
        if name == "path" and not cell:
            raise InputError(f"path must name an image in every row, row {row} has none.")
        if isinstance(cell, float) and math.isinf(cell):
            raise InputError(f"{name} must hold finite numbers, row {row} has {cell}.")


def _without(table: dict[str, list[Any]], name: str) -> dict[str, list[Any]]:
    return {key: values for key, values in table.items() if key != name}


def _blocks(table: dict[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the raw and the scalar block of OFIQ: the unified score, then the factors (0..1,
    times 100)."""
    raw = next((table[name] for name in ("raw", "value") if name in table), None)
    if raw is None or "uqs" not in table:
        raise InputError(
            "OFIQ's CSV must have a score in 0..100 (uqs) beside the raw one; these scores have"
            " none.",
            hint="score with fiqa score",
        )
    factors = {
        name.removeprefix("factor_"): _numbers(v, name)
        for name, v in table.items()
        if name.startswith("factor_")
    }
    return (
        {ofiq.UNIFIED: _numbers(raw, "the raw score"), **factors},
        {
            ofiq.UNIFIED: _numbers(table["uqs"], "uqs"),
            **{name: 100 * values for name, values in factors.items()},
        },
    )


def _numbers(values: list[Any], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    wrong = next(
        ((row, v) for row, v in enumerate(values, 1) if not isinstance(v, int | float | None)), None
    )
    if wrong:
        raise InputError(f"{name} must hold numbers, row {wrong[0]} has {str(wrong[1])[:40]!r}.")
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _samples(
    table: dict[str, list[Any]], beside: Path, failed: list[int], told: Told
) -> Iterator[dict[str, bytes]]:
    """Yields image and JSON of each row whose image can be read; the others are counted, since a
    sample must have an image."""
    count = len(table["path"])
    for row in counted(range(count), told, "convert", count):
        about = {name: values[row] for name, values in table.items()}
        path = table["path"][row]
        try:
            content = read_bytes(
                path if os.path.lexists(path) else beside / path, limit=_IMAGE_LIMIT
            )
        except ReadError:
            content = b""
        form = sniff(content)
        if form is None:
            failed[0] += 1
            continue
        extension = {"JPEG": "jpg"}.get(form, form.lower())
        yield {
            extension: content,
            "json": json.dumps(about, sort_keys=True, allow_nan=False).encode(),
        }
