"""Quality on disk: our own tables of scores and labels, those of other tools, and joining their
names to our ids."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data import columns
from fiqa.data.formats import score_files
from fiqa.data.formats.ofiq import UNIFIED
from fiqa.data.formats.score_files import (
    NAME_COLUMNS,
    VALUE_COLUMNS,
    NamedScores,
    choose_column,
    named_scores,
)
from fiqa.data.frames import Frame, is_frame
from fiqa.data.names import Match, find_ids
from fiqa.data.parts import is_parts, read_run
from fiqa.data.reading import reader
from fiqa.data.store import make_record, read_sidecar, write_sidecar
from fiqa.data.tables import READABLE, decode_text, encode_text, read_table, write_table
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike, Quality

__all__ = ["Joined", "join_quality", "read_content", "read_quality", "write_quality"]

_SCALAR = (0.0, 100.0)
"""The range of every `.scalar` column of OFIQ."""


@dataclass(frozen=True, eq=False)
class Joined:
    """A quality whose ids are ours.

    Attributes:
        quality: the rows that have an id of ours.
        unmatched: names that no id has.
        missing: ids that no name has.
    """

    quality: Quality
    unmatched: int
    missing: int


@reader
def read_quality(
    path: PathLike | Frame, *, method: str | None = None, column: str | None = None
) -> Quality:
    """Returns the quality in a file of ours, or of another tool.

    Ours is a table (.parquet, .csv, .jsonl, or a folder of parts) with a column `id`;
    fiqa.data.formats.score_files reads the others.

    Numbers stay as exact as they are written, in float64.

    A row without a number is absent; `provenance["failed"]` counts them, `provenance["column"]`
    says where the numbers stood, `provenance["source"]` the file, `provenance["scale"]` what the
    sidecar of a table of scores says of the column's scale (fiqa.scoring.rows.scales), None where
    it says nothing.

    Args:
        path: the file, or a frame of polars or pandas with the same columns.
        method: the name to give it; None takes it from the table or its sidecar, else the file's
            name without suffix.
        column: where the numbers are; None takes the first there is of raw, value, score, quality,
            quality_score, uqs (OFIQ: the unified score).

    Raises:
        ReadError: no such file, or not one of these.
        UnsafeFileError: a pickle of more than names and numbers.
        InputError: no such column, an id twice, NaN or infinity.
    """
    return read_content(path, method=method, column=column)[0]


@reader
def read_content(
    path: PathLike | Frame, *, method: str | None = None, column: str | None = None
) -> tuple[Quality, NDArray[np.str_] | None]:
    """Returns the quality in a file, and what the file says of the images' own content.

    Args and Raises: as read_quality.

    Returns:
        The quality, and (N,) the sha256 of each of its images, "" where it is not known; None where
        the file has no such column.
    """
    where = "memory" if is_frame(path) else os.fspath(path)  # type: ignore[arg-type]
    own = read_table(path) if is_frame(path) else _own_table(where)
    scores = (
        score_files.read(where, column=column) if own is None else _own_scores(own, where, column)
    )
    beside = {} if own is None or is_frame(path) else _said(where)
    about: dict[str, Any] = dict(beside.get("quality") or {})
    # The sidecar's range is of the column `value`, and of no other that may be asked for.
    bounds = about.get("range") if scores.column == "value" else None
    origin: dict[str, Any] = {"source": where, "column": scores.column, "failed": scores.failed}
    origin["scale"] = _scale(beside.get("scales"), scores.column)
    scalar = scores.column == f"{UNIFIED}.scalar"
    quality = Quality(
        id=np.array([decode_text(name) for name in scores.name], dtype=np.str_),
        value=scores.value,
        method=method or about.get("method") or _single(own, "method", "model") or Path(where).stem,
        kind=about.get("kind") or _single(own, "kind") or "score",
        range=tuple(bounds) if bounds else _SCALAR if scalar else None,
        provenance={**about.get("provenance", {}), **origin},
    )
    return quality, _hashes(own, quality.id)


def write_quality(quality: Quality, path: PathLike, *, beside: pl.DataFrame | None = None) -> None:
    """Writes a quality as a table (id, value, method, kind), and what made it as `<path>.json`.

    `read_quality` gives it back.

    Args:
        quality: what to write.
        path: .parquet, .csv or .jsonl.
        beside: more columns, a row for each of the quality.

    Raises:
        UnknownNameError: another suffix.
        WriteError: the disk refused.
    """
    n = len(quality)
    frame = pl.DataFrame(
        {
            "id": pl.Series([encode_text(str(name)) for name in quality.id], dtype=pl.String),
            "value": quality.value,
            "method": pl.Series([quality.method] * n, dtype=pl.String),
            "kind": pl.Series([quality.kind] * n, dtype=pl.String),
        }
    )
    write_table(frame if beside is None else frame.hstack(beside.get_columns()), path)
    record = make_record("quality", arguments={}, inputs={})
    about = {
        "method": quality.method,
        "kind": quality.kind,
        "range": None if quality.range is None else [float(bound) for bound in quality.range],
        "provenance": dict(quality.provenance),
    }
    write_sidecar(path, {**record, "quality": about})


def join_quality(quality: Quality, ids: Iterable[str], *, match: Match = "id") -> Joined:
    """Returns a quality under our ids.

    Args:
        quality: its ids are names of another tool's making.
        ids: ours, unique.
        match: how a name finds its id; see fiqa.data.names.Match.

    Raises:
        UnknownNameError: another `match`.
        InputError: a name that fits two ids, or two names of one id.

    >>> import numpy as np
    >>> quality = Quality(np.array(["x/a.png"]), np.array([0.5]), "m")
    >>> joined = join_quality(quality, ["p/a", "p/b"], match="stem")
    >>> joined.quality.id.tolist(), joined.unmatched, joined.missing
    (['p/a'], 0, 1)
    """
    ours = checks.ids(ids, "ids")
    place = find_ids(quality.id, ours, match=match)
    matched = place >= 0
    # Two names of one id would make two numbers of one image.
    rows, times = np.unique(place[matched], return_counts=True)
    if np.any(times > 1):
        twice = rows[times > 1][0]
        raise InputError(
            f"Each id must have one name, {str(ours[twice])!r} has {times.max()}:"
            f" {quality.id[place == twice][0]!r} and another."
        )
    kept = ours[place[matched]]
    return Joined(
        replace(quality, id=kept, value=quality.value[matched]),
        int((~matched).sum()),
        len(ours) - len(kept),
    )


def _hashes(frame: pl.DataFrame | None, names: NDArray[np.str_]) -> NDArray[np.str_] | None:
    """The column sha256 of a table of ours, in the order of some ids; None where there is none."""
    if frame is None or not {"id", "sha256"} <= set(frame.columns):
        return None
    table = zip(frame["id"].to_list(), frame["sha256"].to_list(), strict=True)
    known = {decode_text(str(name)): str(digest or "") for name, digest in table}
    return np.array([known.get(name, "") for name in names.tolist()], dtype=np.str_)


def _said(path: str) -> dict[str, Any]:
    """What stands beside a table of ours about it."""
    return read_run(path) if is_parts(path) else read_sidecar(path) or {}


def _own_table(path: str) -> pl.DataFrame | None:
    """A table of ours; None for what is none by its suffix, and for a text table without `id`."""
    suffix = Path(path).suffix.lower()
    if is_parts(path):
        return read_table(path)
    if suffix not in READABLE or (suffix in (".csv", ".tsv") and "id" not in columns.of_file(path)):
        return None
    return read_table(path)


def _own_scores(frame: pl.DataFrame, where: str, column: str | None) -> NamedScores:
    flat = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    name = choose_column(flat, NAME_COLUMNS, None, where)
    if name is None:
        raise ReadError(
            f"{where!r} must have a column `id`, it has {', '.join(frame.columns) or 'none'}."
        )
    used = choose_column(flat, VALUE_COLUMNS, column, where)
    if used is None:
        raise InputError(
            f"{where!r} must have a column of quality, it has {', '.join(flat)}.",
            hint="column= says which; fiqa convert FILE OUT.csv --column NAME makes a table of one",
        )
    return named_scores(
        [str(cell) for cell in frame[name]], frame[used].to_list(), where=where, column=used
    )


def _scale(scales: Any, column: str) -> dict[str, Any] | None:
    """The entry of a column among the scales of a sidecar, None where there is no sound one."""
    entry = scales.get(column) if isinstance(scales, dict) else None
    if not isinstance(entry, dict) or entry.get("of") not in ("model", "calibration"):
        return None
    ends = entry.get("range")
    if not (
        isinstance(ends, list)
        and len(ends) == 2
        and all(isinstance(end, int | float) for end in ends)
    ):
        return {**entry, "range": None}
    return {**entry, "range": ends if ends[0] < ends[1] else None}


def _single(frame: pl.DataFrame | None, *columns: str) -> Any:
    """Returns the one value that every row of the first known column has, or None."""
    for name in columns:
        values: list[Any] = (
            []
            if frame is None or name not in frame.columns
            else frame[name].drop_nulls().unique().to_list()
        )
        if len(values) == 1:
            return values[0]
    return None
