"""The faces that the studio shows, and what tables say of each; rows are numbers, and only these
ever come from a browser."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.cleaning.findings import Finding, finding_of
from fiqa.data.carried import Carried
from fiqa.data.embeddings import MappedEmbeddings, map_embeddings
from fiqa.data.listing import images_of
from fiqa.data.names import find_ids, strangers
from fiqa.data.quality import read_quality
from fiqa.data.tables import decode_text, read_table
from fiqa.errors import InputError, UnknownNameError
from fiqa.faces.crops import Source, sources
from fiqa.functional.table import printable
from fiqa.methods.dmsfiqa.segments import Segments, segments_of
from fiqa.types import Manifest, PathLike

__all__ = ["Collection", "Vectors", "collected"]


@dataclass(frozen=True, eq=False)
class Vectors:
    """What one recognizer says of the faces.

    Attributes:
        name: of the recognizer.
        place: (N,) row of each face among the vectors, -1 without.
        table: the vectors.
    """

    name: str
    place: NDArray[np.int64]
    table: MappedEmbeddings

    def unit(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns (n,D) vectors of unit length, NaN where a face has none.

        Args:
            rows: of the faces.
        """
        place = self.place[rows]
        vectors = np.asarray(self.table.vector[np.maximum(place, 0)], np.float64)
        length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
        known = (place >= 0)[:, None] & np.isfinite(length) & (length > 0)
        return np.where(known, vectors / np.where(known, length, 1), np.nan)


@dataclass(frozen=True, eq=False)
class Collection:
    """N faces in the order of their table.

    Attributes:
        manifest: of the faces.
        people: names of the identities, sorted; "" is nobody.
        scores: name of each table of scores -> (N,) numbers, NaN without.
        about: N rows of what the first table of scores and the labels say: columns `level`,
            `reasons` (a list of codes), `label`, `label_level`.
        vectors: of each recognizer.
        candidates: the table of template candidates, with a column `row`; None without.
        findings: of fiqa clean, with the row of each (-1: not of these faces).
        track: (N,) the track of each face, "" without; None where the faces have no such column.
        clips: which frames are near-copies of each other; None where the faces do not tell.
    """

    manifest: Manifest
    people: Sequence[str]
    scores: Mapping[str, NDArray[np.float64]]
    about: pl.DataFrame
    vectors: Sequence[Vectors] = ()
    candidates: pl.DataFrame | None = None
    findings: Sequence[tuple[int, Finding]] = ()
    track: NDArray[np.str_] | None = None
    clips: Segments | None = None
    _extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.manifest)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the faces."""
        return self.manifest.id.tolist()

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Id -> row."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def person_of(self) -> dict[str, int]:
        """Name -> its number among the people."""
        return {name: number for number, name in enumerate(self.people)}

    @cached_property
    def rows_of_person(self) -> list[NDArray[np.int64]]:
        """The rows of each of the people, ascending."""
        code = np.searchsorted(np.asarray(self.people, dtype=np.str_), self.manifest.identity)
        order = np.argsort(code, kind="stable")
        return np.split(order, np.cumsum(np.bincount(code, minlength=len(self.people)))[:-1])

    @cached_property
    def carried(self) -> pl.DataFrame:
        """The columns of the user's own (fiqa.data.carried), N rows."""
        return Carried.of(self.manifest).frame

    @cached_property
    def sources(self) -> list[Source]:
        """The rows as images to read."""
        return list(sources(self.manifest))

    @cached_property
    def key(self) -> str:
        """A short digest of the ids: addresses of pictures carry it, so that a browser that kept
        the pictures of other faces does not show them."""
        digest = hashlib.sha256()
        for name in self.ids:
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()[:12]

    @property
    def score(self) -> NDArray[np.float64]:
        """(N,) numbers of the first table of scores, all NaN without one."""
        return next(iter(self.scores.values()), np.full(len(self), np.nan))

    def shown(self, row: int) -> str:
        """Returns the id of a row as a page shows it.

        Args:
            row: its number.
        """
        return printable(self.ids[row])


def collected(
    faces: PathLike,
    *,
    scores: Sequence[PathLike] = (),
    candidates: PathLike | None = None,
    labels: PathLike | None = None,
    embeddings: Sequence[PathLike] = (),
    findings: PathLike | None = None,
    group_column: str | None = None,
) -> Collection:
    """Returns the faces with everything that is known of them, joined by id.

    Args:
        faces: as fiqa.score takes them: a folder, a list, a manifest.
        scores: tables of scores; the first is the one that pages sort by.
        candidates: the table of candidates that fiqa label dmsfiqa wrote.
        labels: the table of labels that it wrote.
        embeddings: one file for each recognizer.
        findings: the table of fiqa clean.
        group_column: the column of the faces that tells their segments; None takes `track` where
            there is one.

    Raises:
        ReadError: a file cannot be read.
        InputError: no face at all, or a table of which no id is one of the faces.
        UnknownNameError: a table without the column it must have, or faces without group_column.
    """
    manifest = images_of(faces)
    values: dict[str, NDArray[np.float64]] = {}
    for path in scores:
        quality = read_quality(path)
        place = _place(manifest, pl.DataFrame({"id": quality.id.tolist()}), path)
        name, number = quality.method, 2
        while name in values:
            name, number = f"{quality.method} ({number})", number + 1
        # faces that failed have no number
        values[name] = np.append(np.asarray(quality.value, np.float64), np.nan)[place]
    track = manifest.columns.get("track")
    column = group_column or ("track" if track is not None else None)
    return Collection(
        manifest,
        sorted(set(manifest.identity.tolist())),
        values,
        _about(manifest, scores, labels),
        [_vectors(manifest, path) for path in embeddings],
        None if candidates is None else _candidates(manifest, candidates),
        [] if findings is None else _findings(manifest, findings),
        None if track is None else _words(track),
        None if column is None else segments_of(manifest, column),
    )


def _words(column: NDArray[Any]) -> NDArray[np.str_]:
    plain = ["" if value is None or value != value else str(value) for value in column.tolist()]
    return np.array(plain, dtype=np.str_)


def _about(manifest: Manifest, scores: Sequence[PathLike], labels: PathLike | None) -> pl.DataFrame:
    """Columns level, reasons, label and label_level of every face."""
    n = len(manifest)
    result = pl.DataFrame(
        {
            "level": pl.Series([""], dtype=pl.String).new_from_index(0, n),
            "reasons": pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, n),
            "label": pl.Series([None], dtype=pl.Float64).new_from_index(0, n),
            "label_level": pl.Series([""], dtype=pl.String).new_from_index(0, n),
        }
    )
    if scores:
        frame = _own(scores[0])
        if frame is not None:
            place = _place(manifest, frame, scores[0])
            if "level" in frame.columns:
                result = result.with_columns(level=_taken(frame["level"], place, ""))
            if "reasons" in frame.columns:
                result = result.with_columns(reasons=_codes(frame["reasons"], place))
    if labels is not None:
        frame = _own(labels)
        if frame is None or not {"value", "level"} & set(frame.columns):
            raise InputError(f"{os.fspath(labels)!r} must be a table of labels: id, value, level.")
        place = _place(manifest, frame, labels)
        if "value" in frame.columns:
            number = frame["value"].cast(pl.Float64).fill_nan(None)
            result = result.with_columns(label=_taken(number, place, None))
        if "level" in frame.columns:
            result = result.with_columns(label_level=_taken(frame["level"], place, ""))
    return result


def _own(path: PathLike) -> pl.DataFrame | None:
    """A table of ours, None where it is another tool's file."""
    if os.path.splitext(os.fspath(path))[1].lower() not in (".csv", ".parquet", ".jsonl"):
        return None
    frame = read_table(path)
    return frame if "id" in frame.columns else None


def _taken(column: pl.Series, place: NDArray[np.int64], missing: Any) -> pl.Series:
    index = pl.Series(place)
    found = column.gather(pl.select(pl.when(index >= 0).then(index)).to_series())
    return found if missing is None else found.fill_null(missing)


def _codes(column: pl.Series, place: NDArray[np.int64]) -> pl.Series:
    """Lists of codes; a text table has them with `;` between."""
    if column.dtype == pl.String:
        column = column.str.split(";").list.eval(
            pl.element().str.strip_chars().filter(pl.element() != "")
        )
    empty = pl.Series([[]], dtype=pl.List(pl.String))
    return _taken(column.cast(pl.List(pl.String)), place, None).fill_null(empty)


def _place(manifest: Manifest, frame: pl.DataFrame, path: PathLike) -> NDArray[np.int64]:
    """(N,) the row of each face in a table, -1 where it is not; InputError where none is there."""
    theirs = [decode_text(str(name)) for name in frame["id"].cast(pl.String).to_list()]
    where = {name: row for row, name in enumerate(theirs)}
    place = np.array([where.get(name, -1) for name in manifest.id.tolist()], np.int64)
    lost = np.flatnonzero(place < 0)
    if len(lost) and len(where) == len(theirs):
        place[lost] = find_ids(manifest.id[lost], theirs)
    if len(place) and (place < 0).all():
        told = strangers(theirs, manifest.id.tolist(), what="table").rsplit(";", 1)[0]
        raise InputError(f"No id of {os.fspath(path)!r} is one of the faces: {told}.")
    return place


def _vectors(manifest: Manifest, path: PathLike) -> Vectors:
    table = map_embeddings(path)
    frame = pl.DataFrame({"id": table.id.tolist()})
    return Vectors(table.recognizer or os.path.basename(path), _place(manifest, frame, path), table)


def _candidates(manifest: Manifest, path: PathLike) -> pl.DataFrame:
    frame = read_table(path)
    for name in ("identity", "id"):
        if name not in frame.columns:
            raise UnknownNameError(f"column in {os.fspath(path)}", name, frame.columns)
    theirs = [decode_text(str(name)) for name in frame["id"].to_list()]
    rows = find_ids(theirs, manifest.id)
    if (rows < 0).all():
        told = strangers(theirs, manifest.id.tolist(), what="candidates").rsplit(";", 1)[0]
        raise InputError(f"No candidate of {os.fspath(path)!r} is one of the faces: {told}.")
    return frame.with_columns(row=pl.Series(rows))


def _findings(manifest: Manifest, path: PathLike) -> list[tuple[int, Finding]]:
    frame = read_table(path)
    wanted = [each.name for each in fields(Finding)]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise UnknownNameError(f"column in {os.fspath(path)}", missing[0], frame.columns)
    found = [finding_of(row) for row in frame.iter_rows(named=True)]
    rows = find_ids([finding.id for finding in found], manifest.id)
    return list(zip(rows.tolist(), found, strict=True))
