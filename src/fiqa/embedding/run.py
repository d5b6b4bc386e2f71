"""Recognition vectors of aligned crops.

Crops go through the recognizer in one process (its own threads keep the cores busy), in bounded
memory. What has no vector is a row with a status.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.carried import Carried
from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits
from fiqa.data.listing import repetition
from fiqa.data.places import origin
from fiqa.data.reading import reading
from fiqa.data.store import (
    Parts,
    fingerprint,
    is_current,
    make_record,
    sidecar_path,
    write_sidecar,
)
from fiqa.faces.crops import ALIGNED_SIZE, CropTable, note_of_size, resizing
from fiqa.failures import telling
from fiqa.progress import Progress, Told, counted, teller
from fiqa.runtime.describe import warn_of_batches
from fiqa.types import Embeddings, FloatArray, Manifest, PathLike, Recognizer

__all__ = [
    "Embedded",
    "Source",
    "embed_rows",
    "failures_path",
    "opened",
    "raw_vectors",
    "unit_vectors",
    "usable",
]

Crops = NDArray[np.uint8]
Source = PathLike | Sequence[PathLike] | Manifest | tuple[Sequence[str], Crops]
_log = logging.getLogger(__name__)
_PART = 1024
"""Images per finished part: what a kill can cost."""


@dataclass(frozen=True)
class Embedded:
    """What became of a run: `embeddings` of the rows that are ok; `manifest` of every row with its
    status; `current` True where `out` was there already; `resized` a sentence on crops that were
    brought to 112x112, "" where none was."""

    embeddings: Embeddings
    manifest: Manifest
    current: bool = False
    resized: str = ""

    @property
    def failed(self) -> int:
        """How many rows have no vector."""
        return len(self.manifest) - len(self.embeddings)


@telling()
def embed_rows(
    source: Source,
    *,
    recognizer: PathLike | Recognizer,
    batch: int = 64,
    out: PathLike | None = None,
    flip: bool = False,
    threads: int | None = None,
    limits: Limits | None = None,
    color: str = "RGB",
    half: bool = False,
    force: bool = False,
    progress: Progress = False,
) -> Embedded:
    """Returns what `embed` returns together with the status of every row; with `out`, the failed
    rows also go to `failures_path(out)`.

    Args and Raises as `embed`, and:
        half: write float16 vectors. force: do it again although `out` is current.
    """
    told = teller(progress)
    checks.in_range(batch, "batch", 1, float("inf"))
    table = CropTable.of(source, limits or Limits(), color=color)
    model = recognizer if isinstance(recognizer, Recognizer) else opened(recognizer, threads)
    work = _Work(table, model, int(batch), flip)
    if out is None:
        warn_of_batches(model, "vectors")
        run = work.result([work.part(counted(range(len(table)), told, "embed", len(table)))])
        _tell(run.resized)
        return run
    carried = Carried.of(table.manifest)
    record = make_record(
        "embed",
        arguments=work.arguments() | {"half": half},
        inputs={"crops": table.digest(), **carried.digest()},
    )
    guard_outputs([out], source, table.manifest, recognizer, beside=_beside(out))
    key = fingerprint(record)
    if not force and is_current(out, key):
        return Embedded(read_embeddings(out), _with_failures(table.manifest, out), current=True)
    warn_of_batches(model, "vectors")
    run = work.result(_parts(work, out, key, told))
    _tell(run.resized)
    kept = carried.taken(np.flatnonzero(run.manifest.status == "ok").tolist())
    write_embeddings(run.embeddings, out, half=half, beside=kept)
    _write_failures(run.manifest, carried, out, record)
    notes = [note for note in (run.resized, repetition(table.manifest)) if note]
    write_sidecar(out, record, learned={"notes": notes} if notes else None)
    Parts(out, key, ".npz").discard()
    return run


def _beside(out: PathLike) -> tuple[Path, Path]:
    """What is written beside the output: the list of failures and its sidecar."""
    return failures_path(out), sidecar_path(failures_path(out))


def failures_path(out: PathLike) -> Path:
    """Returns where the rows without a vector are listed (id, path, status), when there are any.

    >>> failures_path("a/emb.npz").name
    'emb.npz.failed.csv'
    """
    return Path(out).with_name(Path(out).name + ".failed.csv")


Part = tuple[list[str], FloatArray]
"""Of some consecutive rows: the status of each, and the raw vectors of those that are ok."""
_NO_SIDE = 0
"""Stands in a finished part for a crop whose size was right."""


@dataclass(frozen=True)
class _Work:
    table: CropTable
    recognizer: Recognizer
    batch: int
    flip: bool

    def arguments(self) -> dict[str, Any]:
        """What, besides the crops, decides the vectors."""
        return {
            "recognizer": self.recognizer.name,
            "version": str(getattr(self.recognizer, "version", "")),
            "flip": self.flip,
            "part": _PART,
            **asdict(self.table.limits),
        }

    def part(self, rows: Iterable[int]) -> Part:
        """Returns the status of each row and the raw vectors of those that are ok, reading `batch`
        crops at a time."""
        statuses: list[str] = []
        vectors = [self._vectors(np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8))]
        held: list[Crops] = []
        places: list[int] = []

        def flush() -> None:
            raw = self._vectors(np.stack(held))
            good = usable(raw)
            for bad in np.flatnonzero(~good):
                statuses[places[bad]] = "invalid_embedding"
            vectors.append(raw[good])
            held.clear()
            places.clear()

        for row in rows:
            status, crop = self.table.read(row)
            statuses.append(status)
            if crop is not None:
                held.append(crop)
                places.append(len(statuses) - 1)
            if len(held) == self.batch:
                flush()
        if held:
            flush()
        return statuses, np.concatenate(vectors)

    def _vectors(self, crops: Crops) -> FloatArray:
        return raw_vectors(self.recognizer, crops, flip=self.flip)

    def result(self, parts: Sequence[Part]) -> Embedded:
        """Returns the whole of consecutive parts."""
        statuses = [status for part, _ in parts for status in part]
        raw = np.concatenate([vectors for _, vectors in parts]) if parts else self.part([])[1]
        manifest = replace(self.table.manifest, status=np.array(statuses, dtype=np.str_))
        unit, length = unit_vectors(raw)
        ids = manifest.id[manifest.status == "ok"]
        return Embedded(
            Embeddings(ids, unit, length, self.recognizer.name),
            manifest,
            resized=resizing(Counter(map(note_of_size, self.table.sides.values()))),
        )


def raw_vectors(recognizer: Recognizer, crops: Crops, *, flip: bool) -> FloatArray:
    """Returns (N,D) vectors as the recognizer gives them.

    Args:
        recognizer: of the vectors.
        crops: (N,S,S,3).
        flip: the mean with those of the mirror images.

    Raises:
        ShapeError: the recognizer gives something else.
    """
    raw = checks.array(
        recognizer.embed(crops), "embed(crops)", shape=(len(crops), "D"), dtype=np.float32
    )
    if flip:
        raw = (raw + recognizer.embed(np.ascontiguousarray(crops[:, :, ::-1]))) / np.float32(2)
    return raw


def usable(raw: FloatArray) -> NDArray[np.bool_]:
    """Returns (N,) which vectors have a direction: finite and not zero.

    Args:
        raw: (N,D) of the recognizer.
    """
    return np.asarray(np.isfinite(raw).all(axis=1) & (raw != 0).any(axis=1))


def unit_vectors(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns (N,D) vectors of unit length and (N,) the lengths that they had.

    Args:
        raw: (N,D) usable vectors.
    """
    length = np.sqrt(np.einsum("nd,nd->n", raw, raw, dtype=np.float64))
    return (raw / length[:, None]).astype(np.float32), length.astype(np.float32)


def _parts(work: _Work, out: PathLike, key: str, told: Told) -> list[Part]:
    """Every part of the work, those that an earlier run finished read back."""
    parts = Parts(out, key, ".npz")
    found = []
    sides = work.table.sides
    for number, path in enumerate(parts.paths()):
        with reading(path), np.load(path, allow_pickle=False) as members:
            found.append(([str(s) for s in members["status"]], members["vector"]))
            known = enumerate(members["side"].tolist(), number * _PART)
            sides |= {row: side for row, side in known if side != _NO_SIDE}
    before, count = min(parts.done * _PART, len(work.table)), len(work.table)
    rows = counted(range(before, count), told, "embed", count, done=before)
    for number in range(parts.done, -(-len(work.table) // _PART)):
        size = min(_PART, len(work.table) - number * _PART)
        statuses, vectors = work.part(next(rows) for _ in range(size))
        with parts.writing(number) as aside:
            first = number * _PART
            side = np.array([sides.get(row, _NO_SIDE) for row in range(first, first + size)])
            np.savez(aside, status=np.array(statuses, dtype=np.str_), vector=vectors, side=side)
        found.append((statuses, vectors))
    next(rows, None)  # the last row is told when the next one is asked for
    return found


def _tell(sentence: str) -> None:
    if sentence:
        _log.warning("%s", sentence)


def opened(recognizer: PathLike, threads: int | None) -> Recognizer:
    """Returns the recognizer of a file, or of a name in FIQA_HOME.

    Args:
        recognizer: file or name.
        threads: >= 1; None is one per core.

    Raises:
        WeightsError, UnsafeFileError: it cannot be used.
    """
    from fiqa.runtime.recognizers import named_recognizer

    return named_recognizer(recognizer, threads=threads)


def _write_failures(
    manifest: Manifest, carried: Carried, out: PathLike, record: Mapping[str, Any]
) -> None:
    """Writes the list of the rows without a vector, with a sidecar where its paths need one."""
    from fiqa.data.tables import frame_of, write_table

    rows = np.flatnonzero(manifest.status != "ok")
    for old in _beside(out):
        old.unlink(missing_ok=True)
    if len(rows):
        failed = manifest.take(rows)
        columns = zip(failed.id, failed.path, failed.status, strict=True)
        table = frame_of({"id": i, "path": p, "status": s} for i, p, s in columns)
        write_table(carried.beside(table, rows.tolist()), failures_path(out))
        if place := origin(out, failed.path.tolist()):
            write_sidecar(failures_path(out), record, learned=place)


def _with_failures(manifest: Manifest, out: PathLike) -> Manifest:
    """The manifest with the statuses that a finished run found."""
    from fiqa.data.tables import decode_text, read_table

    if not failures_path(out).is_file():
        return manifest
    frame = read_table(failures_path(out))
    known = dict(zip(map(decode_text, frame["id"]), frame["status"], strict=True))
    statuses = [
        known.get(str(name), status)
        for name, status in zip(manifest.id, manifest.status, strict=True)
    ]
    return replace(manifest, status=np.array(statuses, dtype=np.str_))
