"""A run of scoring: planned, made row by row, written in parts that survive a kill."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fiqa import checks
from fiqa.data.carried import Carried, LongCarried
from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits
from fiqa.data.listing import images_of, repetition
from fiqa.data.long_manifest import LongManifest, long_manifest
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
from fiqa.data.tables import TableWriter, frame_of
from fiqa.errors import InputError
from fiqa.execute.engines import engine as engine_of
from fiqa.execute.summary import Summary
from fiqa.faces.crops import Source, sources
from fiqa.faces.detectors import decided
from fiqa.progress import Progress, counted, teller
from fiqa.runtime.describe import warn_of_batches
from fiqa.runtime.recognizers import DLIB
from fiqa.runtime.weights import find as find_weights
from fiqa.scoring.chances import chance_of, told_chance, with_chances
from fiqa.scoring.explanation import EXPLAINERS, Explain, by_method, explanation
from fiqa.scoring.notices import noted, tell_notices, tell_unexplained
from fiqa.scoring.profile import Profile, Profiled, lost
from fiqa.scoring.row import Row
from fiqa.scoring.rows import FaceScoring, blank_row, scales
from fiqa.scoring.summary import notices_in, summary_of
from fiqa.types import Manifest, PathLike

if TYPE_CHECKING:
    import polars as pl

    from fiqa.evaluation.match_chance import MatchChance

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
        profile: where it counts what takes how long, None where nobody asks.
    """

    manifest: Manifest | LongManifest
    how: FaceScoring
    workers: int | None = None
    given: tuple[Any, ...] = ()
    pictures: Sequence[Plain] = ()
    color: str | None = None
    engine: str = "local"
    address: str | None = None
    chance: MatchChance | None = None
    calibration: PathLike | None = None
    profile: Profile | None = None

    def __len__(self) -> int:
        return len(self.manifest)

    def guard(self, *outputs: PathLike | None) -> None:
        """Refuses outputs (None: there is none) that are inputs of the run. Raises InputError."""
        guard_outputs(outputs, self.given, self.manifest)

    @cached_property
    def carried(self) -> Carried | LongCarried:
        """The columns of the manifest that the table takes over."""
        if isinstance(self.manifest, LongManifest):
            return LongCarried(self.manifest, "track", "frame")
        return Carried.of(self.manifest).known("track", "frame")

    def sources(self) -> Iterator[Source]:
        """Yields the images."""
        pieces = [self.manifest] if isinstance(self.manifest, Manifest) else self.manifest.pieces()
        for number, source in enumerate(chain.from_iterable(map(sources, pieces))):
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
        end of what the notes of its crops tell (of a run that goes on, its whole table knows)."""
        images = islice(self.sources(), start, None)
        # A picture in memory travels to its process as it is.
        batch = 4 if self.pictures else 32
        run = engine_of(self.engine, self.address)
        if self.how.model is not None:
            warn_of_batches(self.how.scorer, "scores")
        how = self.how if self.engine == "local" else replace(self.how, threads=1)
        made = self._made(run, how, images, batch)
        made = tell_unexplained(made) if by_method(self.how.explain) else made
        if self.chance is not None:
            self.chance.check(self.how.scorer.name)
            made = with_chances(made, self.chance, cast("Manifest", self.manifest), start)
        return made if start else tell_notices(made)

    def _made(
        self, run: Any, how: FaceScoring, images: Iterator[Source], batch: int
    ) -> Generator[list[Row], None, None]:
        """The rows of the images, as an engine's map_batches gives them."""
        options = {"workers": self.workers, "batch": batch}
        if self.profile is None:
            return cast("Generator[list[Row]]", run(how, images, died=_died, **options))
        return self.profile.rows(run(Profiled(how, time.time()), images, died=lost, **options))

    def _images(self) -> dict[str, str]:
        """What a record says of the images."""
        if isinstance(self.manifest, LongManifest):
            states = ((path, file_state(path)) for path in self.manifest.paths())
            return {"images": hash_rows(states), "manifest": sha256_file(self.manifest.path)}
        return {"images": hash_rows((source, _state(source)) for source in self.sources())}

    def record(self) -> dict[str, Any]:
        """Returns what decides the rows, for the sidecar: settings, versions of method and
        detector, and path, size and time of every image."""
        how = {
            name: value for name, value in asdict(self.how).items() if name not in _RUNNING
        } | asdict(self.how.limits)
        how |= {"model": self.how.scorer.name, "version": self.how.scorer.version, "part": _PART}
        how["detector"] = None if self.how.aligned else self.how.finder.name
        how |= self.how.points_record()
        inputs = {**self._images(), **self.carried.digest()}
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
    profile: bool = False,
    piecewise: bool = False,
) -> Scoring:
    """Returns the run that fiqa.score with the same arguments makes, for those who want its rows
    one by one (`.rows()`); raises as fiqa.score. `piecewise` allows that a long manifest is not
    held in memory: the run's is a LongManifest then, but with a calibration, whose curves need the
    columns of the whole table."""
    counted_in = Profile() if profile else None
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
    manifest: Manifest | LongManifest | None = None
    if found is None:
        manifest = _long(paths) if piecewise and calibration is None else None
        if manifest is None:
            manifest = images_of(cast("PathLike | Frame | Sequence[PathLike] | Manifest", paths))
    else:
        manifest = Manifest(np.arange(len(found)).astype(np.str_), np.full(len(found), ""))
        if not found:
            raise InputError("paths must lead to at least one image, got no picture.")
    given = (None if found else paths, model, recognizer, weights, settings, calibration)
    engine_of(engine, address)
    run = Scoring(manifest, how, workers, given, found or (), color, engine, address)
    if calibration is not None:
        chance = chance_of(calibration, cast("Manifest", manifest))
        run = replace(run, chance=chance, calibration=calibration)
    if counted_in is not None:
        counted_in.seconds["start"] += time.time() - counted_in.planned
    return replace(run, profile=counted_in)


def _long(paths: object) -> LongManifest | None:
    """The manifest of a run that has one table to read, where it is long."""
    listed = paths if isinstance(paths, list | tuple) and len(paths) == 1 else [paths]
    first = listed[0]
    return long_manifest(first) if isinstance(first, str | os.PathLike) else None


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
    with _during(run, "start"):
        record = run.record()
    key = fingerprint(record)
    if not force and is_current(path, key):
        return summary_of(path, current=True)
    with TableWriter(path, fingerprint=key) as out, closing(run.rows(out.done * _PART)) as rows:
        goes_on = out.done > 0
        before = min(out.done * _PART, len(run))
        images = counted(rows, teller(progress), "score", len(run), done=before)
        while part := list(islice(images, _PART)):
            with _during(run, "write"):
                out.write(run.frame(part, before))
            before += len(part)
    scorer, explain = run.how.scorer, run.how.explain
    told = notices_in(path)
    if goes_on:
        for sentence in told:
            _log.warning("%s", sentence)
    with _during(run, "write"):
        write_sidecar(
            path,
            record,
            learned={"scales": scales(scorer)}
            | _chances(run)
            | noted(explanation(scorer, explain), *told, _repetition(run.manifest))
            | origin(path, _paths(run.manifest)),
        )
    return summary_of(path)


def _paths(manifest: Manifest | LongManifest) -> Iterable[str]:
    return manifest.path.tolist() if isinstance(manifest, Manifest) else manifest.paths()


def _repetition(manifest: Manifest | LongManifest) -> str:
    # A long one that lists a file twice is read as a whole.
    return repetition(manifest) if isinstance(manifest, Manifest) else ""


def _chances(run: Scoring) -> dict[str, Any]:
    """What a sidecar says of the column `match_chance`, where there is one."""
    if run.chance is None:
        return {}
    return {"match_chance": told_chance(run.chance, cast("Manifest", run.manifest))}


def _during(run: Scoring, name: str) -> AbstractContextManager[None]:
    """What counts time of this process, where it is counted."""
    return nullcontext() if run.profile is None else run.profile.during(name)


def _explainer(explain: Explain) -> str:
    """Who explains: one of EXPLAINERS, "" for nobody."""
    if isinstance(explain, bool):
        return "model" if explain else ""
    return checks.choice(explain, "explain", EXPLAINERS)


def _died(source: Source) -> list[Row]:
    return [blank_row(source, "failed")]
