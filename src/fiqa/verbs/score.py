"""`score`: how useful each face is for recognition, from 0 to 100, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from fiqa.data.images import Limits
from fiqa.data.manifest import find
from fiqa.data.store import file_state, fingerprint, hash_rows, is_current, make_record, sha256_file, write_sidecar
from fiqa.data.tables import TableWriter, frame_of, table_suffix
from fiqa.errors import InputError
from fiqa.execute.local import map_batches
from fiqa.faces.crops import Source, sources
from fiqa.runtime.weights import find as find_weights
from fiqa.scoring.rows import FaceScoring, Row, blank_row
from fiqa.types import Manifest

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Scoring", "Summary", "plan", "score", "write_scores"]

PathLike = str | os.PathLike[str]
Paths = PathLike | Sequence[PathLike] | Manifest
_PART = 512
"""Images per finished part of an output file: what a kill can cost."""


@dataclass(frozen=True)
class Summary:
    """What became of a run: `statuses` status -> how many rows, `current` True where the output was there already and nothing was done."""

    statuses: Mapping[str, int]
    current: bool = False

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many of them have no numbers."""
        return self.rows - self.statuses.get("ok", 0)

    def line(self) -> str:
        """Returns the counts in one line, the commonest status first.

        >>> Summary({"no_face": 1, "ok": 9}).line()
        '10 rows: 9 ok, 1 no_face'
        """
        counts = sorted(self.statuses.items(), key=lambda item: (-item[1], item[0]))
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{rows}: " + ", ".join(f"{count} {status}" for status, count in counts)


@dataclass(frozen=True)
class Scoring:
    """A run that is decided and not begun: which images, how, on how many processes."""

    manifest: Manifest
    how: FaceScoring
    workers: int | None = None

    def __len__(self) -> int:
        return len(self.manifest)

    def rows(self, start: int = 0) -> Generator[list[Row], None, None]:
        """Yields the rows of each image from number `start` on, in the manifest's order, in bounded memory."""
        images = islice(sources(self.manifest), start, None)
        return map_batches(self.how, images, died=_died, workers=self.workers)

    def record(self) -> dict[str, Any]:
        """Returns what decides the rows, for the sidecar: settings, versions of method and detector, and path, size and time of every image."""
        how = {name: value for name, value in asdict(self.how).items() if name != "limits"} | asdict(self.how.limits)
        how |= {"model": self.how.scorer.name, "version": self.how.scorer.version, "part": _PART}
        if not self.how.aligned:
            how["detector"] = self.how.finder.name
        inputs = {"images": hash_rows((source, file_state(source.path)) for source in sources(self.manifest))}
        for name, file in (("weights", self.how.weights), ("recognizer", self.how.recognizer)):
            if file is not None:
                inputs[name] = sha256_file(find_weights(file))
        return make_record("score", arguments=how, inputs=inputs)


def score(
    paths: Paths,
    *,
    model: str | None = None,
    recognizer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    aligned: bool = False,
    detector: str = "auto",
    faces: str = "largest",
    explain: bool = False,
    weights: str | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
) -> pl.DataFrame:
    """Returns the table of scores: one row per face, and one per image that has none, in the order of the images.

    Crops that are in memory already need no files: `fiqa.load().score(crops)`.

    Args:
        paths: an image, a folder, a list file, a manifest (file or fiqa.Manifest), or several of these.
        model: a method's name, or the path of an .onnx file with its card; None is the default method.
        recognizer: for a method that asks one: the path of its file, .onnx or torch weights, with its card.
        settings: of the method, by name; fiqa.methods.settings_of lists them.
        aligned: the images are aligned crops: square, brought to 112x112 if they have another size. Otherwise faces are detected and aligned first.
        detector: auto, yunet, dlib, or none (the same as `aligned`).
        faces: which faces of an image count: largest, all, or one (more than one is a failure).
        explain: fill `factors` (0..1, null where not measurable), `measures` (in units) and `reasons`; otherwise they are null.
        weights: path of the detector's model file.
        limits: what an image may cost.
        workers: processes, at least 1; None is one per core. The result is the same.

    Returns:
        A polars frame: id, path, face_index, sha256, status, reasons, raw (the method's own, higher is better), score (0..1), uqs (0..100), level, factors,
        measures, bbox (x, y, width, height) and landmarks (ten numbers) in pixels of the upright image, identity, track, frame, split, model, model_sha256,
        preprocess. A row whose status is not "ok" has no numbers.

    Raises:
        UnknownNameError: no such method, detector or policy. DetectorError, WeightsError, MissingExtraError: what is asked for cannot be used here.
        ReadError: a list file or manifest cannot be read (an image that cannot is a row). InputError: there is no image at all.
    """
    run = plan(
        paths,
        model=model,
        recognizer=recognizer,
        settings=settings,
        aligned=aligned,
        detector=detector,
        faces=faces,
        explain=explain,
        weights=weights,
        limits=limits,
        workers=workers,
    )
    return frame_of(chain.from_iterable(run.rows()))


def plan(
    paths: Paths,
    *,
    model: str | None = None,
    recognizer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    aligned: bool = False,
    detector: str = "auto",
    faces: str = "largest",
    explain: bool = False,
    weights: str | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
) -> Scoring:
    """Returns the run that `score` with the same arguments makes, for those who want its rows one by one (`.rows()`); raises as `score`."""
    crops = aligned or detector == "none"
    if aligned and (detector not in ("auto", "none") or weights is not None):
        raise InputError(
            f"aligned crops need no detector, got detector={detector!r} and weights={weights!r}.",
            hint="leave out aligned for whole photographs",
        )
    given = tuple(sorted((settings or {}).items()))
    how = FaceScoring(model, crops, detector, faces, explain, weights, limits or Limits(), recognizer, given)
    manifest = paths if isinstance(paths, Manifest) else find(paths)
    if not len(manifest):
        raise InputError(
            f"paths must lead to at least one image, got none in {paths!r}.", hint="fiqa scan says what a folder holds"
        )
    return Scoring(manifest, how, workers)


def write_scores(
    run: Scoring,
    path: PathLike,
    *,
    force: bool = False,
    watch: Callable[[Iterable[list[Row]], int], Iterable[list[Row]]] | None = None,
) -> Summary:
    """Writes the table of scores to `path` in bounded memory, with its sidecar.

    A run that was killed goes on where it stopped and ends with the same bytes; one whose output is current does nothing.

    Args:
        run: what `plan` returned.
        path: .parquet, .csv or .jsonl.
        force: do it again although the output is current.
        watch: given the rows of each image as they come, and how many images there are; yields them again (to show progress).

    Raises:
        WriteError: the disk refused. Else as `score`.
    """
    record = run.record()
    key = fingerprint(record)
    if not force and is_current(path, key):
        return _summary(path, current=True)
    with TableWriter(path, fingerprint=key) as out, closing(run.rows(out.done * _PART)) as rows:
        images = iter(rows if watch is None else watch(rows, len(run) - out.done * _PART))
        while part := list(islice(images, _PART)):
            out.write(list(chain.from_iterable(part)))
    write_sidecar(path, record)
    return _summary(path)


def _summary(path: PathLike, *, current: bool = False) -> Summary:
    import polars as pl

    scans: dict[str, Any] = {".parquet": pl.scan_parquet, ".csv": pl.scan_csv, ".jsonl": pl.scan_ndjson}
    counts = scans[table_suffix(path)](path).group_by("status").len().collect()
    return Summary(dict(counts.iter_rows()), current)


def _died(source: Source) -> list[Row]:
    return [blank_row(source, "failed")]
