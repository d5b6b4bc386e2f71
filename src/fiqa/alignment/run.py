"""From photographs to aligned crops and the manifest that lists them: the run, its parts and its
record."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from fiqa.alignment.photographs import FaceAligning, Job, Row, blank_row
from fiqa.data.carried import Carried
from fiqa.data.guard import guard_outputs
from fiqa.data.manifest import read_manifest
from fiqa.data.places import origin
from fiqa.data.store import (
    file_state,
    fingerprint,
    hash_rows,
    is_current,
    make_record,
    sha256_file,
    write_sidecar,
)
from fiqa.data.tables import TableWriter, frame_of, read_table
from fiqa.execute.local import map_batches
from fiqa.faces.crops import resizing
from fiqa.faces.points import points_record
from fiqa.progress import Told, counted
from fiqa.types import Manifest, PathLike

__all__ = ["MANIFEST", "write_crops"]

MANIFEST = "faces.parquet"
"""The name of the manifest in the folder of crops."""
_log = logging.getLogger(__name__)
_PART = 512
"""Images per finished part of the manifest: what a kill can cost."""
_LONGEST_NAME = 200
"""Bytes of a file's or folder's name that are kept; file systems allow 255, and the suffix, face
number and hash need room."""


def write_crops(
    images: Manifest,
    aligning: FaceAligning,
    out: PathLike,
    *,
    workers: int | None = None,
    force: bool = False,
    told: Told,
) -> Manifest:
    """Writes the crop of every face and returns their manifest; see fiqa.align.

    Args:
        images: the rows to align.
        aligning: how they become crops.
        out: the folder of crops and manifest.
        workers: processes; None is the default of fiqa.execute.local.
        force: write again although nothing changed.
        told: called with (stage, done, total).

    Raises:
        InputError: an output would be one of the inputs.
        WriteError: the disk refused.
    """
    table = Path(out) / MANIFEST
    jobs = _jobs(images, Path(out))
    guard_outputs(
        [table], aligning.weights, images, beside=_crops(jobs, Path(out), aligning.format)
    )
    carried = Carried.of(images)
    record = _record(images, aligning, carried)
    key = fingerprint(record)
    if not force and is_current(table, key):
        done = read_manifest(table)
        # With more rows not found than images, crops were removed since.
        if np.sum(done.status == "not_found") <= np.sum(images.status == "not_found"):
            return done
    _write(jobs, aligning, table, key, workers, told, carried)
    learned: dict[str, Any] = origin(table, images.path.tolist())
    if sizes := _sizes(table, aligning.size):
        _log.warning("%s", sizes)
        learned["notes"] = [sizes]
    write_sidecar(table, record, learned=learned)
    return read_manifest(table)


def _sizes(table: Path, size: int) -> str:
    """The sentence on the crops that were only resized, of a table of crops."""
    rows = read_table(table)
    return resizing(Counter(rows.filter(status="ok")["notes"].drop_nulls().to_list()), size)


def _write(
    jobs: list[Job],
    aligning: FaceAligning,
    table: Path,
    key: str,
    workers: int | None,
    told: Told,
    carried: Carried,
) -> None:
    """Writes crops and manifest in parts; a crop is on disk before the part that lists it."""
    names = {job.id for job in jobs}
    with TableWriter(table, fingerprint=key) as out:
        rest = islice(jobs, out.done * _PART, None)
        before = min(out.done * _PART, len(jobs))
        rows = map_batches(aligning, rest, died=_died, workers=workers)
        images = counted(rows, told, "align", len(jobs), done=before)
        while part := list(islice(images, _PART)):
            frame = frame_of(_distinct(row, names) for row in chain.from_iterable(part))
            numbers = [before + i for i, faces in enumerate(part) for _ in faces]
            out.write(carried.beside(frame, numbers))
            before += len(part)


def _distinct(row: Row, names: set[str]) -> Row:
    """Gives a further face (`id#1`, ...) another id where an image has that one."""
    # Only further faces give way: an image's own id is kept.
    while row["face_index"] and row["id"] in names:
        row["id"] += "#"
    return row


def _died(job: Job) -> list[Row]:
    return [blank_row(job, "failed")]


def _jobs(images: Manifest, out: Path) -> list[Job]:
    """Returns every image with the file its crop goes to: `identity/name`.

    The name is the last part of the id, whatever identity and id hold.

    Names that meet (also on file systems that ignore case), or that end as those of further faces
    do, get a hash.
    """
    folders = [_safe(identity) if identity else "" for identity in images.identity.tolist()]
    names = [_safe(re.split(r"[/\\]", image)[-1]) for image in images.id.tolist()]
    keys = [f"{folder}/{name}".casefold() for folder, name in zip(folders, names, strict=True)]
    times = Counter(keys)
    jobs = []
    hashes = images.columns.get("sha256", np.full(len(images), ""))
    for i, (folder, name) in enumerate(zip(folders, names, strict=True)):
        image = str(images.id[i])
        # Further faces of `a` are a#1, a#2: an image of that name would meet them.
        if times[keys[i]] > 1 or re.search(r"#\d+$", name):
            name = f"{name}-{_hash(image)}"
        about = (
            str(images.path[i]),
            str(images.identity[i]),
            str(images.split[i]),
            str(images.status[i]),
        )
        jobs.append(Job(image, *about, str(out), os.path.join(folder, name), str(hashes[i] or "")))
    return jobs


def _crops(jobs: list[Job], out: Path, form: str) -> Iterator[str]:
    """Where crops go: the first of each image, and those of further faces that are there."""
    if not out.is_dir():
        return
    names = {job.name for job in jobs}
    yield from (os.path.join(out, f"{name}.{form}") for name in names)
    for folder in {os.path.dirname(name) for name in names}:
        with suppress(OSError):
            for file in os.listdir(out / folder):
                stem, mark, _ = file.rpartition("#")
                if mark and os.path.join(folder, stem) in names:
                    yield os.path.join(out, folder, file)


def _safe(name: str) -> str:
    """Returns `name` as one harmless part of a path.

    It has no separator and no NUL, is not hidden, not `..`, and of bounded length; changed names
    get a hash of the old one.
    """
    safe = re.sub(r"[/\\\0]", "_", name)
    safe = re.sub(r"^\.+", "_", safe) or "_"
    if len(os.fsencode(safe)) > _LONGEST_NAME:
        safe = os.fsencode(safe)[:_LONGEST_NAME].decode("utf-8", "ignore")
    return safe if safe == name else f"{safe}-{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _record(images: Manifest, aligning: FaceAligning, carried: Carried) -> dict[str, Any]:
    """Returns what decides the crops, for the sidecar.

    That is settings, detector, its weights, path, size and time of every image, and what is carried
    with it.
    """
    settings = {
        name: value for name, value in asdict(aligning).items() if name != "limits"
    } | asdict(aligning.limits)
    columns = (images.id, images.path, images.identity, images.split, images.status)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    inputs = {"images": hash_rows((row, file_state(row[1])) for row in rows)}
    inputs |= carried.digest()
    if aligning.weights is not None:
        inputs["weights"] = sha256_file(aligning.weights)
    return make_record(
        "align",
        arguments=settings
        | {"detector": aligning.finder.name, "part": _PART}
        | points_record(aligning.finder),
        inputs=inputs,
    )
