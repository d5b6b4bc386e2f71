"""A run of scoring: planned, made row by row, written in parts that survive a kill."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.given import images_of, repetition
from fiqa.data.guard import guard_outputs
from fiqa.data.images import Limits
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
from fiqa.data.tables import TableWriter, table_suffix
from fiqa.errors import InputError
from fiqa.execute.local import map_batches
from fiqa.faces.crops import Source, resizing, sources
from fiqa.faces.detectors import decided
from fiqa.functional.display import failure_line
from fiqa.progress import Progress, counted, teller
from fiqa.runtime.weights import find as find_weights
from fiqa.scoring.rows import (
    EXPLAINERS,
    Explain,
    FaceScoring,
    Row,
    blank_row,
    explanation,
    scales,
    unexplained,
)
from fiqa.types import Manifest, PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Paths", "Scoring", "Summary", "plan", "write_scores"]

Paths = PathLike | Frame | Sequence[PathLike] | Manifest
_PART = 512
"""Images per finished part of an output file: what a kill can cost."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What became of a run: `statuses` status -> how many rows, `current` True where the output was
    there already and nothing was done, `first` the first row that failed, in words."""

    statuses: Mapping[str, int]
    current: bool = False
    first: str = ""

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
        named = ", ".join(f"{count} {status}" for status, count in counts)
        return f"{rows}: {named}" + (f"; {self.first}" if self.first else "")


@dataclass(frozen=True)
class Scoring:
    """A run that is decided and not begun: which images, how, on how many processes; `given`
    whatever it was told to read."""

    manifest: Manifest
    how: FaceScoring
    workers: int | None = None
    given: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.manifest)

    def guard(self, *outputs: PathLike | None) -> None:
        """Refuses outputs (None: there is none) that are inputs of the run. Raises InputError."""
        guard_outputs(outputs, self.given, self.manifest)

    def rows(self, start: int = 0) -> Generator[list[Row], None, None]:
        """Yields the rows of each image from number `start` on, in the manifest's order, in bounded
        memory; warns once where reasons were asked of a method that has none, and once at the
        end where crops were resized (of a run that goes on, its whole table knows)."""
        images = islice(sources(self.manifest), start, None)
        made = map_batches(self.how, images, died=_died, workers=self.workers)
        made = _explained(made) if self.how.explain == "model" else made
        return made if start else _sized(made)

    def record(self) -> dict[str, Any]:
        """Returns what decides the rows, for the sidecar: settings, versions of method and
        detector, and path, size and time of every image."""
        how = {
            name: value for name, value in asdict(self.how).items() if name != "limits"
        } | asdict(self.how.limits)
        how |= {"model": self.how.scorer.name, "version": self.how.scorer.version, "part": _PART}
        how["detector"] = None if self.how.aligned else self.how.finder.name
        inputs = {
            "images": hash_rows(
                (source, file_state(source.path)) for source in sources(self.manifest)
            )
        }
        for name, file in (("weights", self.how.weights), ("recognizer", self.how.recognizer)):
            if file is not None:
                inputs[name] = sha256_file(find_weights(file))
        return make_record("score", arguments=how, inputs=inputs)


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
) -> Scoring:
    """Returns the run that fiqa.score with the same arguments makes, for those who want its rows
    one by one (`.rows()`); raises as fiqa.score."""
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
    how = FaceScoring(
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
    )
    return Scoring(images_of(paths), how, workers, (paths, model, recognizer, weights, settings))


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
            out.write(list(chain.from_iterable(part)))
    scorer, explain = run.how.scorer, run.how.explain
    sizes = _resized(path)
    if goes_on and sizes:
        _log.warning("%s", sizes)
    write_sidecar(
        path,
        record,
        learned={"scales": scales(scorer)}
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
                _log.warning("%s", unexplained(silent[0]))
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
