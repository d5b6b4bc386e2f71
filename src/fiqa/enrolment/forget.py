"""Forgetting a person: no row, crop, vector or page of theirs stays in what fiqa has written."""

from __future__ import annotations

import html
import json
import mmap
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.data.reading import reading
from fiqa.data.store import atomic_path, read_sidecar, sidecar_path, write_sidecar
from fiqa.data.tables import read_table, write_table
from fiqa.enrolment.traces import Files, Person, files_of, named, plain
from fiqa.errors import InputError
from fiqa.types import PathLike

__all__ = ["Forgotten", "forgotten"]

_RECORD = ("verb", "arguments", "inputs", "seed", "protocol", "versions")
_REPORTS = (".json", ".txt", ".md", ".csv", ".svg")
"""Files of reports, which may name people and are no tables."""
_CACHE = re.compile(r"(crops|features)-[0-9a-f]{16,}\.npy")
"""What a training keeps to be read fast: nobody can tell whose rows are in it."""
_CROPS = ("select", "align")
"""Verbs whose tables list crops that they wrote themselves."""


@dataclass
class Forgotten:
    """What was done.

    Attributes:
        rows: how many rows and vectors were left out.
        rewritten: the files they were in.
        removed: files that are gone: crops, pages, files that named the person.
        left: files that are not of fiqa's making and still name the person.
    """

    rows: int = 0
    rewritten: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns the outcome as lines of text, without the name."""
        text = [
            f"{self.rows:,} rows and vectors left out of {len(self.rewritten):,} files,"
            f" {len(self.removed):,} files removed"
        ]
        text += [f"rewritten: {path}" for path in self.rewritten]
        pages = [
            path for path in self.removed if path.endswith((".html", ".htm", ".npy", *_REPORTS))
        ]
        text += [f"removed: {path}; make it again if you need it" for path in pages]
        return text + [
            f"left: {path} names the person and is not of fiqa's making" for path in self.left
        ]


def forgotten(identity: str, paths: Sequence[PathLike], tracks: Sequence[str] = ()) -> Forgotten:
    """Removes a person from folders and files, and returns what was done.

    Args:
        identity: who.
        paths: folders and files; in them files of fiqa's own making are changed, others never.
        tracks: names of tracks of folders of `select` that no gallery among `paths` tells.

    Raises:
        InputError: no name, no path, or a run that was interrupted.
        ReadError: there is no such file, or one cannot be read.
        WriteError: the disk refused.
    """
    if not identity.strip() or "/" in identity:
        raise InputError(f"The identity must be a name without a slash, got {identity!r}.")
    files = files_of(paths)
    person = Person(identity, set(tracks))
    person.learn(files)
    done = Forgotten()
    # Vectors are known by the tables, so these are changed last.
    touched = [run for run in files.runs if person.tracks_in(run, files) & files.tracks(run)]
    for path in files.vectors:
        _leave_vectors(path, person, files, done)
    _remove_crops(person, files, touched, done)
    for path in files.pages:
        _remove_page(path, person, touched, done)
    for path in sorted(files.tables, key=lambda path: _tells(path, files)):
        _leave_rows(path, person, files, done)
    for path in (*files.vectors, *files.others, *files.foreign):
        if _CACHE.fullmatch(path.name):
            _remove(path, done)
    for path in files.others:
        if path.exists() and path.suffix.lower() in _REPORTS and _mentions(path, person):
            _remove(path, done)
    for artifact in list(files.artifacts()):
        _clean_sidecar(artifact, person, done)
    done.left = [os.fspath(path) for path in files.foreign if _left(path, person, files)]
    return done


def _tells(path: Path, files: Files) -> bool:
    """Whether a table tells what the person is called in others: it is changed after those, so that
    a run that is killed can be run again."""
    return files.run_of(path) is not None or "identity" in read_table(path).columns


def _mentions(path: Path, person: Person) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(html.escape(word) in text or word in text for word in person.words())


def _left(path: Path, person: Person, files: Files) -> bool:
    """Whether a file of somebody else is there and names the person."""
    if not path.exists():
        return False
    if path in files.told and person.rows(path, read_table(path), files).any():
        return True
    if person.is_in(os.fspath(path)):
        return True
    if not path.stat().st_size:
        return False
    # arrays of text are UTF-32; a video is not read into memory
    coded = [person.name.encode(code, "surrogatepass") for code in ("utf-8", "utf-32-le")]
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name) >= 0 for name in coded)


def _remove(path: Path, done: Forgotten) -> None:
    path.unlink(missing_ok=True)
    done.removed.append(os.fspath(path))


def _leave_rows(path: Path, person: Person, files: Files, done: Forgotten) -> None:
    table = read_table(path)
    mask = person.rows(path, table, files)
    if not mask.any():
        return
    if path.suffix.lower() == ".tsv":
        raise InputError(
            f"A table must be .parquet, .csv or .jsonl to be changed, {os.fspath(path)!r} is not.",
            hint="fiqa writes no .tsv; change it by hand, or leave it out",
        )
    write_table(table.filter(~mask), path)
    done.rows += int(mask.sum())
    done.rewritten.append(os.fspath(path))


def _leave_vectors(path: Path, person: Person, files: Files, done: Forgotten) -> None:
    run = files.run_of(path)
    own = person.ids | (person.tracks_in(run, files) if run is not None else set())

    def mine(name: str) -> bool:
        return name in own or person.is_in(name)

    if path.suffix.lower() == ".npy":
        if not path.with_suffix(".ids.txt").is_file():
            return
        known = read_embeddings(path)
        keep = np.array([not mine(str(name)) for name in known.id], bool)
        if not keep.all():
            write_embeddings(known.take(keep), path)
    else:
        with reading(path), np.load(path, allow_pickle=False) as members:
            arrays = {key: members[key] for key in members.files}
        if "id" not in arrays or arrays["id"].ndim != 1:
            return
        keep = np.array([not mine(str(name)) for name in arrays["id"]], bool)
        if not keep.all():
            kept: dict[str, Any] = {
                key: value[keep] if value.shape[:1] == keep.shape else value
                for key, value in arrays.items()
            }
            # a shorter type of text: the longest id may have been the person's
            kept["id"] = np.array(kept["id"].tolist(), np.str_)
            with atomic_path(path) as aside:
                np.savez(aside, **kept)
    if not keep.all():
        done.rows += int((~keep).sum())
        done.rewritten.append(os.fspath(path))


def _remove_crops(person: Person, files: Files, touched: Sequence[Path], done: Forgotten) -> None:
    """Removes crops that fiqa wrote: those of its tables, and the best shots of the tracks."""
    for run in touched:
        for track in sorted(person.tracks_in(run, files)):
            for crop in sorted((run / "best" / track).glob("*")):
                _remove(crop, done)
    for path in files.tables:
        inside = files.run_of(path) is not None
        made = "select" if inside else (read_sidecar(path) or {}).get("verb")
        if made not in _CROPS:
            continue
        table = read_table(path)
        if "path" not in table.columns:
            continue
        for row in table.filter(person.rows(path, table, files)).iter_rows(named=True):
            place = Path(os.path.normpath(path.parent / str(row["path"])))
            if path.parent in place.parents and place.is_file() and row.get("status") == "ok":
                _remove(place, done)
    for folder in {Path(file).parent for file in done.removed}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _remove_page(path: Path, person: Person, touched: Sequence[Path], done: Forgotten) -> None:
    """Removes a page that shows or names the person: pictures are inside it, and cannot be told
    apart."""
    if any(run in path.parents for run in touched) or _mentions(path, person):
        _remove(path, done)


def _clean_sidecar(artifact: Path, person: Person, done: Forgotten) -> None:
    """Leaves the person out of a sidecar, and seals what the artifact is now."""
    known = read_sidecar(artifact)
    if known is None:
        return
    file = sidecar_path(artifact)
    if not artifact.exists():
        _remove(file, done)
        return
    changed = os.fspath(artifact) in done.rewritten or artifact.is_dir()
    pattern = named(person.name)
    if not changed and not pattern.search(json.dumps(known, ensure_ascii=False)):
        return
    clean = plain(known, pattern)
    if "found" in clean and (artifact / "tracks.parquet").is_file():
        tracks = pl.read_parquet(artifact / "tracks.parquet")
        clean["found"] |= {"tracks": len(tracks), "shots": int(tracks["shots"].sum())}
    record = {key: clean[key] for key in _RECORD if key in clean}
    sealed = (*_RECORD, "fingerprint", "output")
    write_sidecar(artifact, record, learned={k: v for k, v in clean.items() if k not in sealed})
