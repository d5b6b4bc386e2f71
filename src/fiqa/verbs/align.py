"""`align`: from photographs to aligned crops and the manifest that lists them."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from fiqa.data.images import Limits
from fiqa.data.manifest import find, read_manifest
from fiqa.data.store import file_state, fingerprint, hash_rows, is_current, make_record, sha256_file, write_sidecar
from fiqa.data.tables import TableWriter
from fiqa.execute.local import map_batches
from fiqa.faces.photographs import FaceAligning, Job, Row, blank_row
from fiqa.types import Manifest

__all__ = ["MANIFEST", "align"]

PathLike = str | os.PathLike[str]
Watch = Callable[[Iterable[list[Row]], int], Iterable[list[Row]]]
MANIFEST = "faces.parquet"
"""The name of the manifest in the folder of crops."""
_PART = 512
"""Images per finished part of the manifest: what a kill can cost."""
_LONGEST_NAME = 200
"""Bytes of a file's or folder's name that are kept; file systems allow 255, and the suffix, face number and hash need room."""


def align(
    paths: PathLike | Iterable[PathLike] | Manifest,
    *,
    out: PathLike,
    detector: str = "auto",
    faces: str = "largest",
    size: int = 112,
    format: str = "png",
    weights: str | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    force: bool = False,
    watch: Watch | None = None,
) -> Manifest:
    """Detects faces, writes each as an aligned crop to `out/identity/name.png`, and returns the manifest of the crops, which is also `out/faces.parquet`.

    One row per face, and one for each image that gave none, in the order of the images. A run that was killed goes on where it stopped and ends with the
    same files; one whose output is current does nothing. Crops of an earlier run with other settings stay in the folder and are not listed. Without
    images nothing is written.

    Args:
        paths: an image, a folder, a list file, a manifest (file or fiqa.Manifest), or several of these.
        out: folder of the crops; made when it is not there.
        detector: auto, yunet, dlib, or none (the images are square crops already and only change their size).
        faces: which faces of an image count: largest, all, or one (more than one is a failure).
        size: side of the crops in pixels, at least 16.
        format: png (lossless) or jpg (quality 95).
        weights: path of the detector's model file.
        limits: what an image may cost.
        workers: processes, at least 1; None is one per core. The result is the same.
        force: do it again although the output is current.
        watch: given the rows of each image as they come, and how many images there are; yields them again (to show progress).

    Returns:
        Manifest with path of each crop (of the source, where there is no crop), identity, split and status, and the columns source (path of the photograph),
        source_sha256, face_index, bbox (x, y, width, height, pixels of the upright photograph), confidence, landmarks (ten numbers in crop pixels; None where
        the detector only estimates them), inside (share of the crop that lies in the frame, 0..1), eye_distance (source pixels), grey.

    Raises:
        UnknownNameError: no such detector, policy or format. DetectorError, WeightsError, MissingExtraError: the detector cannot be used here. InputError: a
        size under 16. ReadError: a list or manifest cannot be read (an image that cannot is a row). WriteError: the disk refused.
    """
    how = FaceAligning(detector, faces, size, format, weights, limits or Limits())
    images = paths if isinstance(paths, Manifest) else find(_listed(paths))
    if not len(images):
        return images
    table = Path(out) / MANIFEST
    record = _record(images, how)
    key = fingerprint(record)
    if not force and is_current(table, key):
        done = read_manifest(table)
        if np.sum(done.status == "not_found") <= np.sum(images.status == "not_found"):  # else crops were removed
            return done
    _write(_jobs(images, Path(out)), how, table, key, workers, watch)
    write_sidecar(table, record)
    return read_manifest(table)


def _listed(paths: PathLike | Iterable[PathLike]) -> PathLike | list[PathLike]:
    return paths if isinstance(paths, (str, os.PathLike)) else list(paths)


def _write(jobs: list[Job], how: FaceAligning, table: Path, key: str, workers: int | None, watch: Watch | None) -> None:
    """Writes crops and manifest in parts; a crop is on disk before the part that lists it."""
    names = {job.id for job in jobs}
    with TableWriter(table, fingerprint=key) as out:
        rest = islice(jobs, out.done * _PART, None)
        images: Iterable[list[Row]] = map_batches(how, rest, died=_died, workers=workers)
        images = iter(images if watch is None else watch(images, len(jobs) - out.done * _PART))
        while part := list(islice(images, _PART)):
            out.write([_distinct(row, names) for row in chain.from_iterable(part)])


def _distinct(row: Row, names: set[str]) -> Row:
    """Gives a further face (`id#1`, ...) another id where an image has that one."""
    while row["face_index"] and row["id"] in names:
        row["id"] += "#"
    return row


def _died(job: Job) -> list[Row]:
    return [blank_row(job, "failed")]


def _jobs(images: Manifest, out: Path) -> list[Job]:
    """Returns every image with the file its crop goes to: `identity/name`, whatever identity and id hold.

    The name is the last part of the id. Names that meet (also on file systems that ignore case), or that end as those of further faces do, get a hash.
    """
    folders = [_safe(identity) if identity else "" for identity in images.identity.tolist()]
    names = [_safe(re.split(r"[/\\]", one)[-1]) for one in images.id.tolist()]
    keys = [f"{folder}/{name}".casefold() for folder, name in zip(folders, names, strict=True)]
    times = Counter(keys)
    jobs = []
    for i, (folder, name) in enumerate(zip(folders, names, strict=True)):
        one = str(images.id[i])
        if times[keys[i]] > 1 or re.search(r"#\d+$", name):
            name = f"{name}-{_hash(one)}"
        about = (str(images.path[i]), str(images.identity[i]), str(images.split[i]), str(images.status[i]))
        jobs.append(Job(one, *about, str(out), os.path.join(folder, name)))
    return jobs


def _safe(name: str) -> str:
    """Returns `name` as one harmless part of a path: no separator, no NUL, not hidden, not `..`, of bounded length; changed names get a hash of the old one."""
    safe = re.sub(r"[/\\\0]", "_", name)
    safe = re.sub(r"^\.+", "_", safe) or "_"
    if len(os.fsencode(safe)) > _LONGEST_NAME:
        safe = os.fsencode(safe)[:_LONGEST_NAME].decode("utf-8", "ignore")
    return safe if safe == name else f"{safe}-{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _record(images: Manifest, how: FaceAligning) -> dict[str, Any]:
    """Returns what decides the crops, for the sidecar: settings, detector, its weights, and path, size and time of every image."""
    settings = {name: value for name, value in asdict(how).items() if name != "limits"} | asdict(how.limits)
    columns = (images.id, images.path, images.identity, images.split, images.status)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    inputs = {"images": hash_rows((row, file_state(row[1])) for row in rows)}
    if how.weights is not None:
        inputs["weights"] = sha256_file(how.weights)
    return make_record("align", arguments=settings | {"detector": how.finder.name, "part": _PART}, inputs=inputs)
