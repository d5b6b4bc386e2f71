"""A run of scoring: planned, made row by row, written in parts that survive a kill."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fiqa import checks
from fiqa.data.carried import Carried
from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits
from fiqa.data.listing import images_of, repetition
from fiqa.data.memory import Plain, digest, pictures
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
from fiqa.data.tables import TableWriter, frame_of, table_suffix
from fiqa.errors import InputError
from fiqa.evaluation.match_chance import MatchChance
from fiqa.execute.engines import engine as engine_of
from fiqa.execute.summary import Summary
from fiqa.faces.crops import Source, resizing, sources
from fiqa.faces.detectors import decided
from fiqa.faces.points import points_record
from fiqa.functional.display import failure_line
from fiqa.progress import Progress, counted, teller
from fiqa.runtime.describe import warn_of_batches
from fiqa.runtime.onnx import OnnxScorer
from fiqa.runtime.recognizers import DLIB
from fiqa.runtime.weights import find as find_weights
from fiqa.scoring.chances import chance_of, told_chance, with_chances
from fiqa.scoring.explanation import EXPLAINERS, Explain, explanation, unexplained
from fiqa.scoring.row import Row
from fiqa.scoring.rows import FaceScoring, blank_row, scales
from fiqa.types import Manifest, PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Paths", "Scoring", "plan", "scoring_of", "write_scores"]

Paths = PathLike | Frame | Sequence[PathLike] | Manifest | Plain | Sequence[Plain]
_PART = 512
"""Images per finished part of an output file: what a kill can cost."""
_RUNNING = ("limits", "threads", "told")
"""Fields of FaceScoring that decide nothing, or are told apart."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scoring:
    """A run that is decided and not begun.

    Attributes:
        manifest: which images.
        how: they are scored.
        workers: processes, None is one per core.
        given: whatever it was told to read.
        pictures: the images themselves where they are in memory.
        color: the order of their channels.
        engine: one of fiqa.execute.engines.ENGINES.
        address: of the Ray cluster.
        chance: from a score to the chance of a correct match, None where it is not asked for.
        calibration: the file that it is from.
    """

    manifest: Manifest
    how: FaceScoring
    workers: int | None = None
    given: tuple[Any, ...] = ()
    pictures: Sequence[Plain] = ()
    color: str | None = None
    engine: str = "local"
    address: str | None = None
    chance: MatchChance | None = None
    calibration: PathLike | None = None

    def __len__(self) -> int:
        return len(self.manifest)

    def guard(self, *outputs: PathLike | None) -> None:
        """Refuses outputs (None: there is none) that are inputs of the run. Raises InputError."""
        guard_outputs(outputs, self.given, self.manifest)

    @cached_property
    def carried(self) -> Carried:
        """The columns of the manifest that the table takes over."""
        return Carried.of(self.manifest).known("track", "frame")

    def sources(self) -> Iterator[Source]:
        """Yields the images."""
        for number, source in enumerate(sources(self.manifest)):
            if self.pictures:
                content = self.pictures[number]
                color = self.color if isinstance(content, np.ndarray) else None
                source = replace(source, content=content, color=color)
            yield source

    def frame(self, images: Sequence[list[Row]], start: int = 0) -> pl.DataFrame:
        """Returns the rows of consecutive images as a frame, with the carried columns.

        Args:
            images: the rows of each.
            start: the number of the first image.
        """
        numbers = [start + i for i, rows in enumerate(images) for _ in rows]
        return self.carried.beside(frame_of(chain.from_iterable(images)), numbers)

    def rows(self, start: int = 0) -> Generator[list[Row], None, None]:
        """Yields the rows of each image from number `start` on, in the manifest's order, in bounded
        memory; warns once where reasons were asked of a method that has none, and once at the
        end where crops were resized (of a run that goes on, its whole table knows)."""
        images = islice(self.sources(), start, None)
        # A picture in memory travels to its process as it is.
        batch = 4 if self.pictures else 32
        run = engine_of(self.engine, self.address)
        if self.how.model is not None and isinstance(self.how.scorer, OnnxScorer):
            warn_of_batches(self.how.scorer.model, "scores")
        how = self.how if self.engine == "local" else replace(self.how, threads=1)
        made = run(how, images, died=_died, workers=self.workers, batch=batch)
        made = _explained(made) if self.how.explain == "model" else made
        if self.chance is not None:
            self.chance.check(self.how.scorer.name)
            made = with_chances(made, self.chance, self.manifest, start)
        return made if start else _sized(made)

    def record(self) -> dict[str, Any]:
        """Returns what decides the rows, for the sidecar: settings, versions of method and
        detector, and path, size and time of every image."""
        how = {
            name: value for name, value in asdict(self.how).items() if name not in _RUNNING
        } | asdict(self.how.limits)
        how |= {"model": self.how.scorer.name, "version": self.how.scorer.version, "part": _PART}
        how["detector"] = None if self.how.aligned else self.how.finder.name
        if not self.how.aligned:
            how |= points_record(self.how.finder)
        inputs = {
            "images": hash_rows((source, _state(source)) for source in self.sources()),
            **self.carried.digest(),
        }
        for name, file in (("weights", self.how.weights), ("recognizer", self.how.recognizer)):
            # the recognizer `dlib` is no file, and its sha256 is in the version
            if file is not None and file != DLIB:
                inputs[name] = sha256_file(find_weights(file))
        if self.calibration is not None:
            inputs["calibration"] = sha256_file(self.calibration)
        return make_record("score", arguments=how, inputs=inputs)


def _state(source: Source) -> object:
    """What tells without decoding that an image is another one."""
    if source.content is None:
        return file_state(source.path)
    return digest(cast("Plain", source.content), source.color)


def scoring_of(
    *,
    model: str | None = None,
    recognizer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    aligned: bool = False,
    detector: str = "auto",
    faces: str = "largest",
    explain: Explain = False,
    weights: str | None = None,
    limits: Limits | None = None,
    orientation: str = "exif",
    language: str = "en",
) -> FaceScoring:
    """Returns how faces are scored, decided and not loaded; arguments and errors as fiqa.score."""
    crops = aligned or detector == "none"
    if aligned and (detector not in ("auto", "none") or weights is not None):
        raise InputError(
            f"aligned crops need no detector, got detector={detector!r} and weights={weights!r}.",
            hint="leave out aligned for whole photographs",
        )
    if crops and orientation != "exif":
        raise InputError(f"aligned crops are upright already, got orientation={orientation!r}.")
    given = tuple(sorted((settings or {}).items()))
    finder = detector if crops else decided(detector, weights=weights)
    return FaceScoring(
        model,
        crops,
        finder,
        faces,
        _explainer(explain),
        weights,
        limits or Limits(),
        recognizer,
        given,
        orientation,
        language=language,
    )


def plan(
    paths: Paths,
    *,
    model: str | None = None,
    recognizer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    aligned: bool = False,
    detector: str = "auto",
    faces: str = "largest",
    explain: Explain = False,
    weights: str | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    orientation: str = "exif",
    language: str = "en",
    color: str | None = None,
    engine: str = "local",
    address: str | None = None,
    calibration: PathLike | None = None,
) -> Scoring:
    """Returns the run that fiqa.score with the same arguments makes, for those who want its rows
    one by one (`.rows()`); raises as fiqa.score."""
    how = scoring_of(
        model=model,
        recognizer=recognizer,
        settings=settings,
        aligned=aligned,
        detector=detector,
        faces=faces,
        explain=explain,
        weights=weights,
        limits=limits,
        orientation=orientation,
        language=language,
    )
    found = pictures(paths, color)
    if found is None:
        manifest = images_of(cast("PathLike | Frame | Sequence[PathLike] | Manifest", paths))
    else:
        manifest = Manifest(np.arange(len(found)).astype(np.str_), np.full(len(found), ""))
        if not found:
            raise InputError("paths must lead to at least one image, got no picture.")
    given = (None if found else paths, model, recognizer, weights, settings, calibration)
    engine_of(engine, address)
    run = Scoring(manifest, how, workers, given, found or (), color, engine, address)
    chance = None if calibration is None else chance_of(calibration, manifest)
    return replace(run, chance=chance, calibration=calibration)


def write_scores(
    run: Scoring,
    path: PathLike,
    *,
    force: bool = False,
    progress: Progress = False,
) -> Summary:
    """Writes the table of scores to `path` in bounded memory, with its sidecar.

    A run that was killed goes on where it stopped and ends with the same bytes; one whose output is
    current does nothing.

    Args:
        run: what `plan` returned.
        path: .parquet, .csv or .jsonl.
        force: do it again although the output is current.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        WriteError: the disk refused. Else as fiqa.score.
    """
    record = run.record()
    key = fingerprint(record)
    if not force and is_current(path, key):
        return _summary(path, current=True)
    with TableWriter(path, fingerprint=key) as out, closing(run.rows(out.done * _PART)) as rows:
        goes_on = out.done > 0
        before = min(out.done * _PART, len(run))
        images = counted(rows, teller(progress), "score", len(run), done=before)
        while part := list(islice(images, _PART)):
            out.write(run.frame(part, before))
            before += len(part)
    scorer, explain = run.how.scorer, run.how.explain
    sizes = _resized(path)
    if goes_on and sizes:
        _log.warning("%s", sizes)
    write_sidecar(
        path,
        record,
        learned={"scales": scales(scorer)}
        | ({} if run.chance is None else {"match_chance": told_chance(run.chance, run.manifest)})
        | _noted(explanation(scorer, explain), sizes, repetition(run.manifest))
        | origin(path, run.manifest.path.tolist()),
    )
    return _summary(path)


def _scanned(path: PathLike) -> pl.LazyFrame:
    """The columns path, status and notes of a finished table."""
    import polars as pl

    suffix, file = table_suffix(path), Path(path)
    if suffix == ".jsonl":
        return pl.scan_ndjson(file, schema=dict.fromkeys(("path", "status", "notes"), pl.String()))
    return pl.scan_parquet(file) if suffix == ".parquet" else pl.scan_csv(file)


def _resized(path: PathLike) -> str:
    """The sentence on the resized crops of a finished table, whichever run made them."""
    notes = _scanned(path).select("notes").drop_nulls().collect()["notes"]
    return resizing(Counter(map(str, notes)))


def _noted(learned: Mapping[str, Any], *sentences: str) -> dict[str, Any]:
    """What a sidecar says, with further notes."""
    notes = [*learned.get("notes", ()), *filter(None, sentences)]
    return {**learned, "notes": notes} if notes else dict(learned)


def _summary(path: PathLike, *, current: bool = False) -> Summary:
    import polars as pl

    table = _scanned(path)
    counts = table.group_by("status").len().collect()
    failed = table.filter(pl.col("status") != "ok").select("path", "status").head(1).collect()
    return Summary(
        dict(counts.iter_rows()), current, failure_line(failed["path"], failed["status"])
    )


def _explainer(explain: Explain) -> str:
    """Who explains: one of EXPLAINERS, "" for nobody."""
    if isinstance(explain, bool):
        return "model" if explain else ""
    return checks.choice(explain, "explain", EXPLAINERS)


def _explained(made: Generator[list[Row], None, None]) -> Generator[list[Row], None, None]:
    """Yields the rows, with a warning before the first that its method cannot explain."""
    told = False
    with closing(made):
        for rows in made:
            silent = [r["model"] for r in rows if r["status"] == "ok" and r["factors"] is None]
            if silent and not told:
                _log.warning("%s", unexplained(str(silent[0])))
                told = True
            yield rows


def _sized(made: Generator[list[Row], None, None]) -> Generator[list[Row], None, None]:
    """Yields the rows; after the last a warning says how many crops were resized."""
    notes: Counter[str] = Counter()
    with closing(made):
        for rows in made:
            notes.update(row["notes"] for row in rows if row["notes"])
            yield rows
    if sentence := resizing(notes):
        _log.warning("%s", sentence)


def _died(source: Source) -> list[Row]:
    return [blank_row(source, "failed")]
