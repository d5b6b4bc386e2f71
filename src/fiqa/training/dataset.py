"""What a run learns from: crops joined to labels by id, decoded once into a memory-mapped file,
split into training and validation."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.columns import identity_like, identity_missing
from fiqa.data.factor_tables import factors_of
from fiqa.data.levels import label_table, stated_levels
from fiqa.data.lock import alone
from fiqa.data.manifest import find
from fiqa.data.names import strangers
from fiqa.data.quality import join_quality, read_quality
from fiqa.data.reading import reading
from fiqa.data.store import atomic_path, fingerprint, sha256_file
from fiqa.data.tables import decode_text
from fiqa.data.texts import write_text
from fiqa.errors import EvidenceError, InputError, ReadError
from fiqa.faces.crops import ALIGNED_SIZE, note_of_size, read_row, resizing, sources
from fiqa.functional.calibration import levels
from fiqa.functional.display import failure_line
from fiqa.training.augment import generator
from fiqa.training.config import Data, Recipe
from fiqa.training.shipped import weights_file
from fiqa.types import FloatArray, Manifest, PathLike

__all__ = ["Examples", "examples", "inputs_digest", "label_scale"]

_LEAST_SIDE = 16
_VALIDATION = ("validation", "val")
_log = logging.getLogger(__name__)
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled crops, N rows.

    `ids` (N,) str; `crops` (N,S,S,3) uint8 RGB, memory-mapped; `label` (N,) float64; `factors`
    (N,F) float32, NaN where unknown; `confidence` (N,) float32, 1 where the recipe has no file of
    it; `identity` (N,) int64 code; `level` (N,) int64 0..4; `order` (N,) float32, by which images
    of one person and level are ranked; `columns` of the labels file that were used beside its
    values; `training` and `validation` rows; `unlabelled` images without a label and `failed` ones
    that could not be read, left out of N; `scale` the ends of the labels' scale (see
    `label_scale`); `identity_from` where the people come from, in words.
    """

    ids: NDArray[np.str_]
    crops: NDArray[np.uint8]
    label: NDArray[np.float64]
    factors: FloatArray
    confidence: FloatArray
    identity: NDArray[np.int64]
    level: NDArray[np.int64]
    order: FloatArray
    columns: tuple[str, ...]
    training: Rows
    validation: Rows
    unlabelled: int
    failed: int
    scale: tuple[float, float]
    identity_from: str = ""

    @property
    def middle(self) -> NDArray[np.bool_]:
        """(N,) True in the levels low, medium and good, inside which labels have an order."""
        return (self.level > 0) & (self.level < 4)

    @property
    def group(self) -> NDArray[np.int64]:
        """(N,) the person and level inside which a ranking loss compares, -1 outside the middle
        levels."""
        return np.where(self.middle, self.identity * 5 + self.level, -1)

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """(N,) code of the person, 0..C-1 over the people who have a training image, -1 for
        others."""
        people = np.unique(self.identity[self.training])
        place = np.searchsorted(people, self.identity).clip(max=len(people) - 1)
        return np.where(people[place] == self.identity, place, -1)


def examples(recipe: Recipe, folder: PathLike) -> Examples:
    """Returns what `recipe` learns from; crops are decoded into `recipe.data.cache`, or `folder`
    where that is "", unless they are there already.

    Raises:
        ReadError, InputError: labels or factors cannot be read, or have no id of an image.
        EvidenceError: fewer than 2 rows to train on or to validate with.
        WriteError: the cache cannot be written.
    """
    manifest, label, scale = _labelled(recipe.data)
    _check_identity(recipe, manifest)
    listed = len(manifest)
    crops, status = _cached(manifest, recipe.data.size, Path(recipe.data.cache or folder))
    rows = np.flatnonzero(status == "ok")
    if len(rows) < listed:
        first = failure_line(manifest.path, status)
        if not len(rows):
            raise EvidenceError(
                f"Crops must be readable, {listed} of {listed} could not be read; {first}."
            )
        _log.warning(
            "%d of %d crops could not be read and are left out; %s",
            listed - len(rows),
            listed,
            first,
        )
        crops = crops[rows]
    manifest, label = manifest.take(rows), label[rows]
    stated = _ranked(recipe, manifest.id, label)
    identity = np.unique(manifest.identity, return_inverse=True)[1].astype(np.int64)
    training, validation = _split(recipe, manifest, label, identity)
    return Examples(
        manifest.id,
        crops,
        label,
        _factors(recipe, manifest.id),
        _confidence(recipe.data, manifest.id),
        identity,
        stated.level,
        stated.order,
        stated.columns,
        training,
        validation,
        int(len(find(recipe.data.faces)) - listed),
        int(listed - len(rows)),
        scale,
        manifest.identity_from,
    )


def label_scale(
    labels: NDArray[np.floating[Any]], declared: tuple[float, float] | None
) -> tuple[float, float]:
    """Returns the ends of the scale of labels (N,): those that their file declares, else 0 and 1
    where they lie there, else their least and largest.

    >>> label_scale(np.float32([0.2, 0.7]), None), label_scale(np.float32([12, 48]), None)
    ((0.0, 1.0), (12.0, 48.0))
    >>> label_scale(np.float32([12]), (0, 100))
    (0, 100)
    """
    low, high = float(labels.min()), float(labels.max())
    if declared is not None and declared[0] <= low and high <= declared[1]:
        return declared
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def inputs_digest(recipe: Recipe) -> dict[str, str]:
    """Returns name -> digest of every file that decides a run: labels and all other tables and
    weights by their bytes, images by path, size and time."""
    data, own = recipe.data, recipe.settings
    files = {"labels": data.labels, "factors": data.factors, "confidence": data.confidence}
    files |= {"weights": weights_file(recipe)} | {key: getattr(own, key) for key in own.FILES}
    result = {}
    for name, path in files.items():
        if path:
            if not os.path.isfile(path):
                raise ReadError(
                    f"{name} of the recipe must be a file, and there is none at {path!r}.",
                    status="not_found",
                )
            result[name] = sha256_file(path)
    return result | {"images": _state(find(recipe.data.faces), recipe.data.size)}


def _labelled(data: Data) -> tuple[Manifest, NDArray[np.float64], tuple[float, float]]:
    manifest = find(data.faces)
    quality = read_quality(data.labels)
    joined = join_quality(quality, manifest.id)
    if not len(joined.quality):
        apart = strangers(quality.id, manifest.id, what="the labels' file").rpartition(";")[0]
        raise InputError(
            f"labels must name images of {data.faces!r} by their ids; none of {len(quality)} does:"
            f" {apart}."
        )
    if joined.unmatched:
        _log.warning(
            "%d of %d labels are of no image of %s", joined.unmatched, len(quality), data.faces
        )
    manifest = manifest.take(np.flatnonzero(np.isin(manifest.id, joined.quality.id)))
    label = joined.quality.at(manifest.id)
    if data.rescale:
        if not np.ptp(label) > 0:
            raise EvidenceError(
                f"labels must differ to be rescaled, all {len(label)} are {label[0]}."
            )
        label = (label - label.min()) / np.ptp(label)
    return manifest, label, label_scale(label, None if data.rescale else quality.range)


class _Ranks(NamedTuple):
    """The level of each image, what orders images inside a level, and the columns that say so."""

    level: NDArray[np.int64]
    order: FloatArray
    columns: tuple[str, ...]


def _ranked(recipe: Recipe, ids: NDArray[np.str_], label: NDArray[np.float64]) -> _Ranks:
    """Returns levels and order: the labels file's own `level` and `similarity` where it has them.

    A DmsFIQA label was made from a level and from the similarity to a template. Jitter and other
    intervals move labels over fixed cuts and past each other, so cuts and labels stand in only for
    files without these columns.
    """
    level, order = levels(label, recipe.loss.level_cuts), label.astype(np.float32)
    frame = label_table(recipe.data.labels)
    if frame is None:
        return _Ranks(level, order, ())
    row = {decode_text(str(name)): number for number, name in enumerate(frame["id"].to_list())}
    place = np.array([row[name] for name in ids.tolist()], np.int64)
    columns = tuple(name for name in ("level", "similarity") if name in frame.columns)
    if "level" in columns:
        stated = stated_levels(frame, recipe.data.labels)
        level = np.array([stated[name] for name in ids.tolist()], np.int64)
    if "similarity" in columns:
        values = frame["similarity"].cast(pl.Float32, strict=False).to_numpy()[place]
        if not np.isfinite(values).all():
            row_of = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                f"similarity in {recipe.data.labels!r} must be a number for every label; that of "
                f"{str(ids[row_of])!r} is none."
            )
        order = values.astype(np.float32)
    return _Ranks(level, order, columns)


def _check_identity(recipe: Recipe, manifest: Manifest) -> None:
    """Raises InputError where people are needed and a column is there that may be meant as
    identity."""
    needed = recipe.data.split == "identity" or recipe.data.per_identity > 1
    meant = (
        identity_like(manifest.columns) if needed and not np.any(manifest.identity != "") else []
    )
    if meant:
        raise identity_missing(meant, f"data.faces ({recipe.data.faces!r})")


def _factors(recipe: Recipe, ids: NDArray[np.str_]) -> FloatArray:
    names = recipe.model.factors
    if not names:
        return np.empty((len(ids), 0), np.float32)
    return factors_of(recipe.data.factors, ids, names)


def _confidence(data: Data, ids: NDArray[np.str_]) -> FloatArray:
    if not data.confidence:
        return np.ones(len(ids), np.float32)
    stated = join_quality(read_quality(data.confidence), ids).quality
    missing = ids[~np.isin(ids, stated.id)]
    if len(missing):
        raise InputError(
            f"data.confidence must know every image with a label; {len(missing)} are missing, the"
            f" first {str(missing[0])!r}."
        )
    return stated.at(ids).astype(np.float32)


def _split(
    recipe: Recipe, manifest: Manifest, label: NDArray[np.float64], identity: NDArray[np.int64]
) -> tuple[Rows, Rows]:
    data, n = recipe.data, len(label)
    held = np.zeros(n, bool)
    if data.split == "column":
        held = np.isin(manifest.split, _VALIDATION)
    elif data.split == "stride":
        step = max(2, round(1 / data.validation))
        held[np.argsort(label, kind="stable")[step // 2 :: step]] = True
    else:
        people = (
            generator(recipe.seed, 1).permutation(int(identity.max()) + 1)
            if n
            else np.empty(0, np.int64)
        )
        held = np.isin(identity, people[: max(1, round(data.validation * len(people)))])
    training, validation = np.flatnonzero(~held), np.flatnonzero(held)
    if min(len(training), len(validation)) < 2:
        raise EvidenceError(
            "at least 2 images must be left to train on and 2 to validate with, got"
            f" {len(training)} and {len(validation)}.",
            hint="data.split and data.validation of the recipe decide it",
        )
    return training, validation


def _state(manifest: Manifest, size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for name, path in zip(manifest.id.tolist(), manifest.path.tolist(), strict=True):
        try:
            stat = os.stat(path)
            state: Any = (stat.st_size, stat.st_mtime_ns)
        except (OSError, ValueError):
            state = None
        digest.update(f"{name!r} {path!r} {state}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _cached(
    manifest: Manifest, size: int, folder: Path
) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """The crops as a memory map, and the status of each row.

    The file is whole or absent; which rows failed stands beside it, written last.
    """
    key = fingerprint({"images": _state(manifest, size), "size": size})[:16]
    file, note = folder / f"crops-{key}.npy", folder / f"crops-{key}.json"
    # Two runs may share a cache and begin together: the second waits, and finds it made.
    with alone(file):
        if not (file.is_file() and note.is_file()):
            with atomic_path(file) as aside:
                failed, sides = _decode(manifest, size, aside)
            write_text(note, json.dumps({"failed": failed, "sides": sides}) + "\n")
    status = np.full(len(manifest), "ok", dtype=object)
    with reading(note):
        known = json.loads(note.read_text(encoding="ascii"))
        failed = known["failed"]
        status[[int(row) for row in failed]] = list(failed.values())
    if sentence := resizing(known.get("sides", {}), size):
        _log.warning("%s", sentence)
    with reading(file):
        return np.load(file, mmap_mode="r"), status.astype(np.str_)


def _decode(manifest: Manifest, size: int, file: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Writes the crops and returns row -> status of those that could not be read, and the notes on
    crops that are neither aligned ones nor of the size of the network -> how many have it."""
    crops = np.lib.format.open_memmap(file, "w+", np.uint8, (len(manifest), size, size, 3))
    listed = list(sources(manifest))
    sides = np.zeros(len(listed), np.int64)

    def decode(row: int) -> str:
        try:
            pixels = read_row(listed[row].path, listed[row].sha256).pixels
        except ReadError as error:
            return error.status
        height, width = pixels.shape[:2]
        if height != width or height < _LEAST_SIDE:
            return "wrong_size"
        sides[row] = height
        interpolation = cv2.INTER_AREA if height > size else cv2.INTER_LINEAR
        crops[row] = (
            pixels
            if height == size
            else cv2.resize(pixels, (size, size), interpolation=interpolation)
        )
        return "ok"

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        statuses = list(pool.map(decode, range(len(listed))))
    crops.flush()
    failed = {str(row): status for row, status in enumerate(statuses) if status != "ok"}
    odd = sides[~np.isin(sides, (0, size, ALIGNED_SIZE))]
    return failed, dict(Counter(note_of_size(side, size) for side in odd.tolist()))
