"""Where a person may be in files: which of them fiqa made, and which rows are the person's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from fiqa.data.store import read_sidecar, sidecar_path
from fiqa.data.tables import READABLE, decode_text, read_table
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["Files", "Person", "files_of", "named", "plain"]

_PAGE = "default-src 'none'"
"""What every page of fiqa says, and hardly another."""
_WHO = ("id", "id_a", "id_b", "template", "duplicate_of")
_WHERE = ("id", "path", "source")


@dataclass
class Files:
    """What lies in the folders and files that were named.

    Attributes:
        roots: what was named.
        tables: tables of fiqa.
        vectors: .npz and .npy of fiqa.
        pages: HTML pages of fiqa.
        others: other files of fiqa, without sidecars.
        runs: folders that `select` wrote.
        foreign: files of somebody else.
        told: of these, tables that say who is who; they are read and not changed.
    """

    roots: list[Path]
    tables: list[Path] = field(default_factory=list)
    vectors: list[Path] = field(default_factory=list)
    pages: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    runs: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)
    told: list[Path] = field(default_factory=list)

    def artifacts(self) -> Iterator[Path]:
        """Yields every file and folder that has a sidecar, with the folders around the roots."""
        seen = set()
        for path in [*self.tables, *self.vectors, *self.pages, *self.others, *self.runs]:
            for each in (path, *path.parents):
                if each in seen:
                    break
                seen.add(each)
                if sidecar_path(each).is_file() and read_sidecar(each):
                    yield each
                if each in self.roots:
                    break

    @cached_property
    def marks(self) -> dict[Path, str]:
        """Of each folder of `select` its fingerprint; its path where it has no sidecar."""
        return {run: str((read_sidecar(run) or {}).get("fingerprint", run)) for run in self.runs}

    @cached_property
    def _tracks(self) -> dict[Path, set[str]]:
        return {run: set(read_table(run / "tracks.parquet")["track"]) for run in self.runs}

    def tracks(self, run: Path) -> set[str]:
        """Returns the names of all tracks of a folder of `select`.

        Args:
            run: the folder.
        """
        return self._tracks[run]

    def run_of(self, path: Path) -> Path | None:
        """Returns the folder of `select` that a file is of.

        Args:
            path: the file.
        """
        return next((run for run in self.runs if run in path.parents), None)


def files_of(paths: Sequence[PathLike]) -> Files:
    """Returns what is in folders and files, by who made it.

    fiqa's are: a file with a sidecar or in a folder with one, a page of fiqa, a folder of `select`,
    and every table and file of vectors that is named itself.

    Args:
        paths: folders and files.

    Raises:
        ReadError: there is no such file.
        InputError: none, or one in which a run was interrupted.
    """
    roots = [Path(os.path.abspath(path)) for path in paths]
    if not roots:
        raise InputError("At least one folder or file must be named, got none.")
    found = Files(roots)
    for root in roots:
        if not root.exists():
            raise ReadError(f"There is nothing at {os.fspath(root)!r}.", status="not_found")
        if root.is_file():
            continue
        for part in (root, *(p for p in sorted(root.rglob("*")) if p.is_dir())):
            _check_whole(part)
            if (part / "tracks.parquet").is_file() and (part / "frames.parquet").is_file():
                found.runs.append(part)
        _check_whole(root.with_name(f"{root.name}.parts"))
        for file in sorted(p for p in root.rglob("*") if p.is_file() and p not in roots):
            _place(file, found, own=_has_sidecar(file, root) or found.run_of(file) is not None)
    for root in roots:
        if root.is_file():
            _place(root, found, own=True)
    return found


def _check_whole(folder: Path) -> None:
    if folder.name.endswith(".parts") and folder.is_dir():
        raise InputError(
            f"The folders must be of runs that have ended, {os.fspath(folder)!r} is of one that was"
            " interrupted.",
            hint="nothing was changed; finish that run, or remove what it left",
        )


def _has_sidecar(file: Path, root: Path) -> bool:
    """Whether a file is of a run: it, what it is a part of (labels.parquet.templates.csv), or a
    folder around it has a sidecar."""
    stems = file.name.split(".")
    whole = [file.with_name(".".join(stems[:count])) for count in range(2, len(stems))]
    for each in (*whole, file, *file.parents):
        known = read_sidecar(each)
        if known is not None and "fingerprint" in known:
            return True
        if each == root:
            return False
    return False


def _place(file: Path, found: Files, *, own: bool) -> None:
    """Puts a file into the list that it belongs to; sidecars are nobody's."""
    suffix = file.suffix.lower()
    if suffix == ".json" and file.with_suffix("").exists() and read_sidecar(file.with_suffix("")):
        return
    if suffix in (".html", ".htm"):
        own = _PAGE in file.read_text(encoding="utf-8", errors="replace")[:4000]
    if not own:
        found.foreign.append(file)
        if suffix in READABLE and "identity" in _columns(file):
            found.told.append(file)
    elif suffix in READABLE and (suffix == ".parquet" or _columns(file)):
        found.tables.append(file)
    elif suffix in (".npz", ".npy") and not file.name.endswith(".meta.npz"):
        found.vectors.append(file)
    elif suffix in (".html", ".htm"):
        found.pages.append(file)
    else:
        found.others.append(file)


def _columns(file: Path) -> list[str]:
    """The columns of a table, none where it is not one that is read as a table."""
    try:
        return read_table(file).columns
    except (ReadError, InputError):
        return []


def named(name: str) -> re.Pattern[str]:
    """Returns a pattern that finds a name where it stands as a word.

    Args:
        name: of a person.

    >>> bool(named("Al").search("best/Al/1.png")), bool(named("Al").search("Alarm"))
    (True, False)
    """
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


@dataclass
class Person:
    """What is known of the one who is looked for.

    Attributes:
        name: who.
        tracks: names of tracks, of every folder of `select`.
        by_run: (run, track) of the galleries.
        ids: of rows.
        paths: of crops, absolute.
    """

    name: str
    tracks: set[str]
    by_run: set[tuple[str, str]] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def size(self) -> int:
        """Returns how much is known."""
        return len(self.tracks) + len(self.by_run) + len(self.ids) + len(self.paths)

    def learn(self, files: Files) -> None:
        """Learns of the person from galleries and tables until nothing new comes.

        Args:
            files: where to look.
        """
        for artifact in files.artifacts():
            for driver in (read_sidecar(artifact) or {}).get("people", ()):
                if driver.get("identity") == self.name:
                    self.by_run |= {(run, track) for run, track in driver["tracks"]}
        before = -1
        while before != self.size():
            before = self.size()
            for path in (*files.tables, *files.told):
                self._learn(path, read_table(path), files)

    def _learn(self, path: Path, table: pl.DataFrame, files: Files) -> None:
        run = files.run_of(path)
        for row in table.filter(self.rows(path, table, files)).iter_rows(named=True):
            if row.get("id") is not None:
                self.ids.add(decode_text(str(row["id"])))
            place = row.get("path")
            # the rows of a video all have its path: it is not the person's
            if place is not None and not (run is not None and row.get("status") != "ok"):
                self.paths.add(_absolute(path, decode_text(str(place))))
            track = row.get("track")
            if run is None and track is not None and row.get("identity") is not None:
                self._learn_track(decode_text(str(track)), files)
            if run is not None and track is not None and row.get("status") == "ok":
                # the ids of best/ as a folder of crops
                self.ids.add(str(place).removeprefix("best/"))

    def _learn_track(self, track: str, files: Files) -> None:
        """Takes the name of a track that a table tells, TRACK or FOLDER/TRACK."""
        folder, _, name = track.rpartition("/")
        runs = [run for run in files.runs if run.name == folder or not folder]
        runs = [run for run in runs if name in files.tracks(run)]
        if len(runs) > 1:
            raise InputError(
                f"The name of a track must be of one track, {len(runs)} folders have {track!r}.",
                hint="nothing was changed; say FOLDER/TRACK in the table, or name one folder alone",
            )
        for run in runs:
            self.by_run.add((files.marks[run], name))

    def tracks_in(self, run: Path, files: Files) -> set[str]:
        """Returns the names of the person's tracks in a folder of `select`.

        Args:
            run: the folder.
            files: among which it is.
        """
        mark = files.marks[run]
        return self.tracks | {track for known, track in self.by_run if known == mark}

    def rows(self, path: Path, table: pl.DataFrame, files: Files) -> pl.Series:
        """Returns which rows of a table are the person's, as a mask.

        Args:
            path: of the table.
            table: as it was read.
            files: among which it is.
        """
        mask = pl.repeat(False, len(table), eager=True)
        run = files.run_of(path)
        for name in table.columns:
            if table[name].dtype not in (pl.String(), pl.Categorical()):
                continue
            cells = [None if cell is None else decode_text(str(cell)) for cell in table[name]]
            tests = []
            if name == "identity":
                tests.append([cell == self.name for cell in cells])
            if name in _WHO:
                tests.append([cell in self.ids for cell in cells])
            if name in _WHERE:
                tests.append([self.is_in(cell) for cell in cells])
            if name in ("path", "source"):
                tests.append(
                    [cell is not None and _absolute(path, cell) in self.paths for cell in cells]
                )
            if name == "track" and run is not None:
                own = self.tracks_in(run, files)
                tests.append([cell in own for cell in cells])
            for test in tests:
                mask = mask | pl.Series(test, dtype=pl.Boolean)
        return mask

    def is_in(self, text: str | None) -> bool:
        """Tells whether the name is a whole part of a path or an id.

        Args:
            text: the path or id.
        """
        return text is not None and self.name in text.replace("\\", "/").split("/")

    def words(self) -> set[str]:
        """Returns what names the person in pages and reports; a number alone names nobody."""
        words = {self.name, *self.ids, *(track for _, track in self.by_run), *self.tracks}
        return {word for word in words if not word.isdigit()}


def _absolute(table: Path, place: str) -> str:
    return os.path.normpath(os.path.join(table.parent, place))


def plain(value: Any, pattern: re.Pattern[str]) -> Any:
    """Returns JSON data without what names a person: entries and items are left out, and a text is
    cut down to what does not.

    Args:
        value: plain data.
        pattern: finds the name.
    """
    if isinstance(value, dict):
        if pattern.fullmatch(str(value.get("identity", ""))):
            return None
        kept = {k: plain(v, pattern) for k, v in value.items() if not pattern.search(str(k))}
        return {k: v for k, v in kept.items() if v is not None or value[k] is None}
    if isinstance(value, list):
        cleaned = [(item, plain(item, pattern)) for item in value]
        return [after for item, after in cleaned if after is not None or item is None]
    if isinstance(value, str) and pattern.search(value):
        return None
    return value
