"""Tables of scores in the forms of other tools."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqa.conversion.outcome import Conversion
from fiqa.data.carried import carried_frame
from fiqa.data.formats import fiftyone, imagefolder, ofiq, webdataset
from fiqa.data.formats.source import read_bytes
from fiqa.data.guard import guard_outputs
from fiqa.data.headers import sniff
from fiqa.data.nested import flatten
from fiqa.data.quality import read_quality, write_quality
from fiqa.data.reading import reader, reading
from fiqa.data.tables import SUFFIXES, decode_text, read_table
from fiqa.errors import InputError, ReadError
from fiqa.progress import Told, counted
from fiqa.types import PathLike, Quality

if TYPE_CHECKING:
    import polars as pl

__all__ = ["convert_scores"]

_IMAGE_LIMIT = 64 << 20


def convert_scores(
    source: PathLike, output: PathLike, target: str, column: str | None, told: Told
) -> Conversion:
    """Writes a table of scores in the form of another tool; raises as fiqa.convert."""
    if target == "table":
        quality = read_quality(source, column=column)
        write_quality(quality, output, beside=_carried(source, quality))
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
def _carried(source: PathLike, quality: Quality) -> pl.DataFrame | None:
    """The columns of a table of ours that are the user's, of the rows that have a number."""
    if Path(source).suffix.lower() not in SUFFIXES:
        return None
    table = read_table(source)
    if "id" not in table.columns:
        return None
    place = {decode_text(str(name)): row for row, name in enumerate(table["id"])}
    rows = [place[name] for name in quality.id.tolist()]
    kept = carried_frame(table)
    return kept[rows] if kept.width else None


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
