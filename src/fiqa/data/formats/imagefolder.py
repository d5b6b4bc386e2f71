"""The metadata file of a Hugging Face imagefolder: `metadata.csv` or `metadata.jsonl` in the folder
of images, `file_name` relative to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fiqa.data.formats import fiftyone
from fiqa.data.formats.source import read_text, write_whole
from fiqa.data.reading import reader
from fiqa.errors import InputError, ReadError, ShapeError
from fiqa.types import PathLike

__all__ = ["NAMES", "read", "write"]

NAMES = ("metadata.csv", "metadata.jsonl")
"""The names that the loader looks for."""


def write(path: PathLike, images: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> None:
    """Writes the metadata of images, whole or not at all.

    Args:
        path: `metadata.csv` or `metadata.jsonl`, in the folder of the images.
        images: N paths, all inside that folder.
        fields: name -> N values: numbers, text, true or false, lists of these, None.

    Raises:
        InputError: another file name, an image outside the folder, a field named `file_name`.
        ShapeError: lengths that differ.
        WriteError: the disk refused.
    """
    target = Path(path)
    if target.name not in NAMES:
        raise InputError(
            f"The file must be named {' or '.join(NAMES)} for the loader to see it, got"
            f" {target.name!r}."
        )
    if "file_name" in fields:
        raise InputError("fields must not hold `file_name`, which the images take.")
    names = [_relative(image, target.parent) for image in images]
    if target.suffix == ".csv":
        text = fiftyone.table_text("file_name", names, fields)
    else:
        _same_length(names, fields)
        rows = (
            dict(zip(("file_name", *fields), row, strict=True))
            for row in zip(names, *fields.values(), strict=True)
        )
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    write_whole(target, text.encode("utf-8", "surrogateescape"))


@reader
def read(path: PathLike) -> tuple[list[str], dict[str, list[Any]]]:
    """Returns (file names, field -> values) of a metadata file; the values of a CSV are text.

    Args:
        path: `metadata.csv` or `metadata.jsonl`.

    Raises:
        ReadError: it is no such file.
    """
    if Path(path).suffix == ".csv":
        return fiftyone.read(path, first="file_name")
    try:
        rows = [json.loads(line) for line in read_text(path).splitlines() if line.strip()]
        names = [str(row["file_name"]) for row in rows]
        fields = (
            {key: [row.get(key) for row in rows] for key in rows[0] if key != "file_name"}
            if rows
            else {}
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReadError(
            f"{os.fspath(path)!r} must have one JSON object with `file_name` a line: {error}."
        ) from error
    return names, fields


def _relative(image: str, folder: Path) -> str:
    relative = os.path.relpath(image, folder)
    if relative == ".." or relative.startswith(".." + os.sep) or os.path.isabs(relative):
        raise InputError(
            f"Every image must be inside {str(folder)!r}, got {image!r}.",
            hint="write the metadata into the folder of the images",
        )
    return relative.replace(os.sep, "/")


def _same_length(names: Sequence[str], fields: Mapping[str, Sequence[Any]]) -> None:
    for name, values in fields.items():
        if len(values) != len(names):
            raise ShapeError(f"fields[{name!r}] must have {len(names)} values, got {len(values)}.")
