"""Drives: what is kept of the frames of each, a histogram and counters; from a table of scores or
from the files that devices write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.formats.drive_file import COUNTERS, SUFFIX, DriveFile, read_drive
from fiqa.data.frames import Frame
from fiqa.data.tables import read_table
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.functional.cut_groups import NO_GROUP
from fiqa.functional.drift import BINS, histogram
from fiqa.types import PathLike

__all__ = [
    "SHARES", "Drives", "Frames", "column_names", "drive_paths", "of_devices", "read_frames",
]  # fmt: skip

SHARES = (
    "no_face", "covered", "damaged", "too_dark", "too_bright", "no_number", "below_floor",
)  # fmt: skip
"""Shares that are watched: of the frames of a drive, `below_floor` of those with a score."""

_STATES = {
    "no_face": ("no_face",),
    "covered": ("covered",),
    "damaged": ("damaged", "truncated", "corrupt", "empty_file"),
    "too_dark": ("too_dark",),
    "too_bright": ("too_bright",),
}
"""Each share that a state makes, and the words of a table for it."""
_OF_STATUS = ("no_face", "damaged")
"""Shares that the statuses of `fiqa score` tell; the others need a column `state`."""
_MOST_CELLS = 500

Cell = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Drives:
    """Drives in their order, each once for every cell that it has frames in.

    Attributes:
        by: the columns that make the cells.
        cell: (D,) the cell of each row, one value for each of `by`.
        unit: (D,) the drive of each row.
        counts: (D, BINS) histogram of the raw scores.
        counters: (D, len(COUNTERS)) frames of each kind.
        known: the shares that these rows can tell.
    """

    by: tuple[str, ...]
    cell: tuple[Cell, ...]
    unit: NDArray[np.str_]
    counts: NDArray[np.int64]
    counters: NDArray[np.int64]
    known: tuple[str, ...]

    def merged(self, by: Sequence[str]) -> Drives:
        """Returns the same drives in the cells of fewer columns.

        Args:
            by: some of the columns.
        """
        places = [self.by.index(name) for name in by]
        cells = [tuple(cell[place] for place in places) for cell in self.cell]
        numbers: dict[tuple[str, Cell], int] = {}
        keys = zip(self.unit.tolist(), cells, strict=True)
        code = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
        first = np.unique(code, return_index=True)[1]
        counts, counters = (
            np.zeros((len(first), part.shape[1]), np.int64) for part in (self.counts, self.counters)
        )
        np.add.at(counts, code, self.counts)
        np.add.at(counters, code, self.counters)
        kept = tuple(cells[place] for place in first)
        return Drives(tuple(by), kept, self.unit[first], counts, counters, self.known)

    def of(self, cell: Cell) -> Drives:
        """Returns the drives of one cell, in their order.

        Args:
            cell: one of `cell`; another one has none.
        """
        place = [number for number, other in enumerate(self.cell) if other == cell]
        rows = np.array(place, np.int64)
        kept = (cell,) * len(rows)
        return Drives(
            self.by, kept, self.unit[rows], self.counts[rows], self.counters[rows], self.known
        )

    def scored(self) -> NDArray[np.bool_]:
        """Returns (D,) which rows have a score at all."""
        return self.counts.sum(axis=1) > 0

    def means(self) -> NDArray[np.float64]:
        """Returns (D,) the mean score of each row with the ends of the histogram at 0 and 1."""
        total = self.counts.sum(axis=1)
        centers = (np.arange(BINS) + 0.5) / BINS
        return self.counts @ centers / np.where(total > 0, total, 1)

    def share(self, name: str) -> NDArray[np.float64]:
        """Returns (D,) a share of SHARES; NaN where a row has nothing to take it of.

        Args:
            name: of the share.
        """
        whole = self.counters[:, COUNTERS.index("scored" if name == "below_floor" else "frames")]
        part = self.counters[:, COUNTERS.index(name)]
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


@dataclass(frozen=True, eq=False)
class Frames:
    """The rows of a table of scores, as the monitor needs them.

    Attributes:
        by: the columns that make the cells.
        cell: (D,) the cell of each drive, one value for each of `by`.
        unit: (D,) the drives, each once for every cell that it has frames in, as they come first.
        code: (N,) which of them a frame is of.
        raw: (N,) its score, NaN where it has none.
        state: (N,) what it is called in `state` or `status`, None without such a column.
        told: the shares that the states tell.
        models: the models that made the scores, where the table says so.
    """

    by: tuple[str, ...]
    cell: tuple[Cell, ...]
    unit: NDArray[np.str_]
    code: NDArray[np.int64]
    raw: NDArray[np.float64]
    state: pl.Series | None
    told: tuple[str, ...]
    models: tuple[str, ...]

    def drives(self, low: float, high: float, floor: float | None) -> Drives:
        """Returns the drives of these frames.

        Args:
            low, high: the ends of the histogram.
            floor: the raw score below which a frame counts as below the floor, None without.
        """
        good, size = np.isfinite(self.raw), len(self.unit)
        fine = np.ones(len(good), bool) if self.state is None else (self.state == "ok").to_numpy()
        kinds = {"frames": np.ones(len(good), bool), "scored": good, "no_number": fine & ~good}
        if floor is not None:
            kinds["below_floor"] = good & (np.where(good, self.raw, 0.0) < floor)
        if self.state is not None:
            kinds |= {name: self.state.is_in(_STATES[name]).to_numpy() for name in self.told}
        counters = np.zeros((size, len(COUNTERS)), np.int64)
        for name, which in kinds.items():
            counted = np.bincount(self.code[which], minlength=size)
            counters[:, COUNTERS.index(name)] = counted
        counts = np.zeros((size, BINS), np.int64)
        order = np.argsort(self.code, kind="stable")
        ends = np.cumsum(np.bincount(self.code, minlength=size))[:-1]
        for row, places in enumerate(np.split(order, ends) if size else ()):
            counts[row] = histogram(self.raw[places][good[places]], low, high)
        known = tuple(name for name in SHARES if name in kinds)
        return Drives(self.by, self.cell, self.unit, counts, counters, known)


def column_names(by: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns that make the cells, each once.

    Args:
        by: their names.

    Raises:
        InputError: one text instead of a list of them.

    >>> column_names(["camera", "camera", "regime"])
    ('camera', 'regime')
    """
    if isinstance(by, str):
        raise InputError(f"by must be a list of columns, got {by!r}.", hint=f"by=[{by!r}]")
    return tuple(dict.fromkeys(by))


def read_frames(scores: PathLike | Frame, by: Sequence[str] | None, unit: str) -> Frames:
    """Returns the frames of a table of scores.

    Args:
        scores: a table with `raw` and the columns of `by` and `unit`.
        by: the columns that make the cells; None takes those of camera and regime that are there.
        unit: the column that says which drive (or track) a frame is of.

    Raises:
        UnknownNameError: no such column.
        InputError: a frame without a drive, a column of numbers that are not whole, a `raw` that is
            no number, or far too many cells.
        ReadError: the file cannot be read.
    """
    table = read_table(scores)
    chosen = column_names(("camera", "regime") if by is None else by)
    if by is None:
        chosen = tuple(name for name in chosen if name in table.columns)
    missing = next((n for n in ("raw", unit, *chosen) if n not in table.columns), None)
    if missing is not None:
        raise _absent(missing, unit, table.columns)
    if not table["raw"].dtype.is_numeric() and table["raw"].null_count() < len(table):
        raise InputError(f"Column 'raw' must hold numbers, it holds {table['raw'].dtype}.")
    drives = _texts(table, unit)
    nameless = int((drives == "").sum())
    if nameless:
        raise InputError(
            f"Every frame must be of a drive, {nameless} of {len(table)} have no {unit!r}.",
            hint="leave those rows out, or name another column with --unit",
        )
    cells = [
        _texts(table, name).replace("", NO_GROUP).alias(f"{k}") for k, name in enumerate(chosen)
    ]
    code, keys = _coded(pl.DataFrame([drives.alias("unit"), *cells]))
    listed = tuple(row[1:] for row in keys.iter_rows())
    kinds = len(set(listed))
    if kinds > _MOST_CELLS:
        raise InputError(
            f"There must be at most {_MOST_CELLS} cells, {', '.join(chosen)} make {kinds}.",
            hint="a cell is a camera or a light regime, never a drive or a person",
        )
    state, told = _states(table)
    raw = table["raw"].cast(pl.Float64).to_numpy()
    return Frames(
        chosen, listed, keys["unit"].to_numpy().astype(np.str_), code,
        np.where(np.isfinite(raw), raw, np.nan), state, told, _models(table),
    )  # fmt: skip


def _coded(table: pl.DataFrame) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """A number for each row, and the different rows in the order in which they come first."""
    keys = table.unique(maintain_order=True)
    numbered = keys.with_columns(pl.Series("code", np.arange(len(keys), dtype=np.int64)))
    joined = table.join(numbered, on=table.columns, how="left", maintain_order="left")
    return joined["code"].to_numpy(), keys


def _absent(missing: str, unit: str, columns: Sequence[str]) -> UnknownNameError:
    error = UnknownNameError("column of the table of scores", missing, columns)
    if missing == unit:
        error.hint = (
            "the monitor counts drives, not frames: name the column that says which drive a frame"
            " is of, as --unit track"
        )
    elif missing == "raw":
        error.hint = "the monitor reads the model's own number, the column `raw` of `fiqa score`"
    return error


def _texts(table: pl.DataFrame, name: str) -> pl.Series:
    """A column as text, "" where nothing is."""
    column = table[name]
    if column.dtype.is_float():
        known = column.drop_nulls().drop_nans()
        if (known != known.round(0)).any():
            raise InputError(
                f"Column {name!r} must hold text, whole numbers or true and false, it holds"
                " fractions."
            )
        column = column.fill_nan(None).cast(pl.Int64)
    elif column.dtype.is_nested():
        raise InputError(f"Column {name!r} must hold text or whole numbers, it holds lists.")
    return column.cast(pl.String).fill_null("")


def _states(table: pl.DataFrame) -> tuple[pl.Series | None, tuple[str, ...]]:
    for name, told in (("state", tuple(_STATES)), ("status", _OF_STATUS)):
        if name in table.columns:
            return _texts(table, name), told
    return None, ()


def _models(table: pl.DataFrame) -> tuple[str, ...]:
    for name in ("model_sha256", "model"):
        if name in table.columns and table[name].null_count() < len(table):
            return tuple(sorted(map(str, table[name].drop_nulls().unique().to_list()))[:8])
    return ()


def drive_paths(scores: object) -> list[Path]:
    """Returns the files of drives that a path names; none where it is a table.

    Args:
        scores: a file of one drive, a folder of them, or anything else.
    """
    if not isinstance(scores, str | os.PathLike):
        return []
    path = Path(scores)
    if path.is_dir():
        found = sorted(path.rglob(f"*{SUFFIX}"))
        if not found:
            raise EvidenceError(f"A folder of drives must have files {SUFFIX}, {path} has none.")
        return found
    return [path] if path.suffix.lower() == SUFFIX else []


def of_devices(
    paths: Sequence[Path], by: Sequence[str] | None, low: float, high: float, reference: bytes
) -> Drives:
    """Returns the drives of files that devices wrote, in the order of their names.

    Args:
        paths: the files.
        by: the columns that make the cells, of camera and regime; None takes both.
        low, high: the ends of the histogram that the files must have.
        reference: the first bytes of the reference's id that they must name.

    Raises:
        ReadError: a file that is no drive.
        InputError: a drive of another reference, or two of one number.
        UnknownNameError: another column.
    """
    chosen = column_names(("camera", "regime") if by is None else by)
    for name in chosen:
        if name not in ("camera", "regime"):
            raise UnknownNameError("column of a drive file", name, ("camera", "regime"))
    files = [read_drive(path) for path in paths]
    for path, file in zip(paths, files, strict=True):
        _check_reference(path, file, low, high, reference)
    unit = np.array([f"{file.drive:016x}" for file in files], np.str_)
    cells = tuple(tuple(getattr(file, name) or NO_GROUP for name in chosen) for file in files)
    if len(set(zip(unit.tolist(), cells, strict=True))) < len(files):
        raise InputError(
            "Two files must not be of one drive and one cell.",
            hint="a drive's number is drawn at random for each drive",
        )
    return Drives(
        chosen, cells, unit, np.array([file.counts for file in files], np.int64),
        np.array([file.counters for file in files], np.int64), SHARES,
    )  # fmt: skip


def _check_reference(
    path: Path, file: DriveFile, low: float, high: float, reference: bytes
) -> None:
    if file.reference != reference or (file.low, file.high) != (low, high):
        raise InputError(
            f"A drive must be counted for this reference ({reference.hex()}, {low:g}..{high:g}),"
            f" {str(path)!r} is for {file.reference.hex()}, {file.low:g}..{file.high:g}.",
            hint="give the device the ends and the id that `fiqa monitor fit` printed",
        )
