"""The images of the field's benchmark files, as a folder with its manifest."""

from __future__ import annotations

import os
from pathlib import Path

from fiqa.conversion.outcome import Conversion
from fiqa.data.formats import insightface_bin, recordio
from fiqa.data.formats.images_out import Unpacked, unpack
from fiqa.data.manifest import write_manifest
from fiqa.data.pairs import write_pairs
from fiqa.errors import InputError, ReadError
from fiqa.progress import Told, counted
from fiqa.types import PathLike

__all__ = ["unpack_images"]


def unpack_images(source: PathLike, folder: Path, suffix: str, told: Told) -> Conversion:
    """Unpacks the images of a benchmark file into `folder`; raises as fiqa.convert."""
    files, left_out = [folder / "manifest.csv"], 0
    if suffix == ".bin":
        packed = insightface_bin.read(source)
        done = unpack(
            counted(
                (("", content) for content in packed.images.values()),
                told,
                "convert",
                len(packed.images),
            ),
            folder,
        )
        files.append(folder / "pairs.csv")
        write_pairs(packed.pairs, files[-1])
        repeated, left_out = packed.repeated, sum(packed.left_out.values())
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
