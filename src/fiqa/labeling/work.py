"""The long parts of labeling: what is computed face by face, in parts that survive a kill, and how
progress is told."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.reading import reading
from fiqa.data.store import Parts
from fiqa.errors import FiqaError, InputError, ReadError, WriteError
from fiqa.execute.engines import every
from fiqa.execute.local import map_batches
from fiqa.faces.crops import Source, aligned_face, alike, joined, note_of_size, read_row, sources
from fiqa.faces.notes import note_of_points
from fiqa.failures import failed
from fiqa.methods.labeler import STATUS, Job, MeasureFaces
from fiqa.progress import Told
from fiqa.types import Faces, FloatArray, PathLike, Scorer

__all__ = ["LocalWork", "ScoreFaces"]

_PART = 1024
"""Faces per finished part: what a kill can cost."""
Measured = tuple[str, FloatArray, str]
"""Of one face: its status, its numbers, and its notes, `;` between codes of fiqa.vocabulary.NOTES.
"""


@dataclass(frozen=True)
class LocalWork:
    """How a method's work is done: `seed`; `out` the artifact beside which finished parts are kept
    (None: nowhere), marked with `key`; `workers`; `progress`; `templates` for the one method that
    takes them; `notes` of the measured crops (fiqa.vocabulary.NOTES) -> how many have them, filled
    while they are measured; `points` whether crops without landmarks get those that a network sees;
    `apart` whether partitions are given to the engine, and `run` its map_batches."""

    seed: int
    out: PathLike | None
    key: str
    workers: int | None
    progress: Told
    templates: str = "auto"
    notes: Counter[str] = field(default_factory=Counter)
    points: bool = False
    apart: bool = False
    run: Callable[..., Any] = map_batches

    def parts(self, name: str, suffix: str = ".npz") -> Parts | None:
        """Returns the finished parts of the stage `name`, or None where nothing is kept."""
        return (
            None if self.out is None else Parts(f"{os.fspath(self.out)}.{name}", self.key, suffix)
        )

    def per_face(
        self, job: Job, measure: MeasureFaces, name: str
    ) -> tuple[FloatArray, NDArray[np.str_]]:
        """Returns (n, columns) numbers of the job's faces and (n,) their statuses; a face that
        cannot be read or measured is a row of NaN with its status."""
        if job.faces is None:
            raise InputError("faces must be given.")
        measure.load()
        total, parts = len(job.faces), self.parts(name)
        tables: list[FloatArray] = [np.empty((0, measure.columns), np.float32)]
        statuses: list[NDArray[np.str_]] = [np.empty(0, STATUS)]
        notes: list[str] = []
        for path in parts.paths() if parts else []:
            with reading(path), np.load(path, allow_pickle=False) as part:
                tables.append(part["value"])
                statuses.append(part["status"])
                notes.extend(part["note"].tolist())
        done = sum(map(len, tables))
        rest = islice(sources(job.faces), done, None)
        results = iter(
            self.run(
                _PerFace(measure, self.points),
                rest,
                died=_died,
                workers=self.workers if measure.parallel else 1,
                batch=measure.batch,
            )
        )
        while chunk := list(islice(results, _PART)):
            status = np.array([word for word, _, _ in chunk], dtype=STATUS)
            rows = [_padded(row, measure.columns) for _, row, _ in chunk]
            table = np.stack(rows).astype(np.float32)
            note = [note for _, _, note in chunk]
            if parts:
                with parts.writing(parts.done) as aside:
                    np.savez(aside, value=table, status=status, note=np.array(note, np.str_))
            tables.append(table)
            statuses.append(status)
            notes.extend(note)
            done += len(chunk)
            self.progress(name, done, total)
        # A method that measures the same faces twice, or some of them, has not seen more of them.
        if len(notes) >= self.notes.total():
            self.notes.clear()
            self.notes.update(notes)
        return np.concatenate(tables), np.concatenate(statuses)

    def mapped(
        self, function: Callable[[Sequence[Any]], Sequence[Any]], items: Iterable[Any]
    ) -> Iterator[Any]:
        """Yields the function's result for each item, in order, from the engine; raises WorkerError
        where one ended its process again and again."""
        yield from every(self.run, function, items, workers=self.workers)

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Yields an empty folder beside the artifact, where there is one, and removes it."""
        if self.out is None:
            with tempfile.TemporaryDirectory(prefix="fiqa-") as made:
                yield Path(made)
            return
        folder = Path(f"{os.fspath(self.out)}.{name}.scratch").absolute()
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"{folder} must be made for the pairs: {error}.") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _died(source: Source) -> Measured:
    return "failed", np.empty(0, np.float32), ""


def _padded(row: FloatArray, columns: int) -> FloatArray:
    return row if len(row) else np.full(columns, np.nan, np.float32)


@dataclass(frozen=True)
class _PerFace:
    """Batches of sources -> what was measured of each, as `map_batches` wants it."""

    measure: MeasureFaces
    points: bool

    def __call__(self, batch: Sequence[Source]) -> list[Measured]:
        if not batch:
            self.measure.load()
            return []
        read = [_read(source, self.points) for source in batch]
        good = [(i, face) for i, (_, face, _) in enumerate(read) if face is not None]
        result = [(status, np.empty(0, np.float32), note) for status, _, note in read]
        for part in alike([face for _, face in good]):
            numbers = self._measured(
                [good[k][1] for k in part], [batch[good[k][0]].path for k in part]
            )
            for k, row in zip(part, numbers, strict=True):
                status = "ok" if np.isfinite(row).any() else "failed"
                result[good[k][0]] = (status, row, result[good[k][0]][2])
        return result

    def _measured(self, faces: list[Faces], paths: list[str]) -> Iterable[FloatArray]:
        """One row of numbers per face; face by face where the batch fails, so that only the culprit
        is lost."""
        try:
            return list(self.measure(joined(faces)))
        except FiqaError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one image does to a measure, the others still get their numbers
            if len(faces) > 1:
                alone = zip(faces, paths, strict=True)
                return [row for face, path in alone for row in self._measured([face], [path])]
            failed(paths[0], error)
            return [np.empty(0, np.float32)]


def _read(source: Source, points: bool) -> tuple[str, Faces | None, str]:
    """Returns the status of a crop and, when that is ok, the crop at 112x112 with what the manifest
    knows of it, or else a network sees of its landmarks, and its notes."""
    if source.status != "ok":
        return source.status, None, ""
    try:
        image = read_row(source.path, source.sha256)
    except ReadError as error:
        return error.status, None, ""
    except Exception as error:  # noqa: BLE001 - whatever one image does to a decoder, the others are still labeled
        failed(source.path, error)
        return "failed", None, ""
    face = aligned_face(source, image, points=points)
    if face is None:
        return "wrong_size", None, ""
    notes = (note_of_size(image.pixels.shape[1]), note_of_points(face))
    return "ok", face, ";".join(filter(None, notes))


@dataclass(frozen=True)
class ScoreFaces:
    """A scoring method as a measure of one number."""

    method: str
    columns: int = 1
    parallel: bool = True
    batch: int = 32

    def __getstate__(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "columns": self.columns,
            "parallel": self.parallel,
            "batch": self.batch,
        }

    @cached_property
    def _scorer(self) -> Scorer:
        from fiqa.methods import load

        return load(self.method)

    def load(self) -> None:
        """Loads the scorer."""
        _ = self._scorer

    def __call__(self, faces: Faces) -> FloatArray:
        """Returns (N,1) raw scores."""
        return np.asarray(self._scorer.score(faces), np.float32)[:, None]
