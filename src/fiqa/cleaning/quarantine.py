"""Putting images aside: copied or moved to a quarantine, never deleted, never over another file.

A journal in the quarantine says of every file what is going to happen before it happens, and that
it has happened after it has, so that it is true whenever the work is cut off. `undo` reads it and
brings moved files back to where they were.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from fiqa import checks
from fiqa.cleaning.findings import Finding
from fiqa.data.reading import reader
from fiqa.data.store import open_regular, sha256_file
from fiqa.data.tables import decode_text, encode_text
from fiqa.errors import InputError, ReadError, WriteError
from fiqa.types import PathLike
from fiqa.vocabulary import ISSUES

__all__ = ["KEPT", "Moved", "check_quarantine", "quarantine", "undo"]

How = Literal["copy", "move"]
KEPT = ("two_names", "leak_person")
"""Issues of whole people: no single image is to be put aside for them."""
_NOT_LINKED = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


@dataclass(frozen=True)
class Moved:
    """What became of the files.

    Attributes:
        done: (from, to) of each that was copied, moved or brought back.
        left: (path, why) of each that was left where it is.
        journal: the file that says so.
    """

    done: Sequence[tuple[str, str]]
    left: Sequence[tuple[str, str]] = ()
    journal: str = ""

    def lines(self) -> list[str]:
        """Returns the outcome as lines of text."""
        text = [f"{len(self.done):,} files; the journal is {self.journal}"]
        return text + [f"left: {path!r}: {why}" for path, why in self.left]


@dataclass
class _Journal:
    """The open journal of one run."""

    file: TextIO
    written: int = field(default=0)

    def say(self, **entry: Any) -> None:
        """Adds a line and waits until the disk has it."""
        known = {k: encode_text(v) if isinstance(v, str) else v for k, v in entry.items()}
        self.file.write(json.dumps(known) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.written += 1


def check_quarantine(to: PathLike, paths: Sequence[str], roots: Sequence[str]) -> None:
    """Refuses a quarantine in which images lie, or that lies among them.

    Args:
        to: the folder.
        paths: of the images.
        roots: folders that were looked through.

    Raises:
        InputError: it is a file, holds an image that was looked at, or lies in a folder that was.
    """
    folder = Path(os.path.realpath(to))
    if folder.exists() and not folder.is_dir():
        raise InputError(f"A quarantine must be a folder, {os.fspath(to)!r} is a file.")
    inside = next((p for p in paths if folder in Path(os.path.realpath(p)).parents), None)
    if inside is not None:
        raise InputError(
            f"A quarantine must not hold images that are looked at, {os.fspath(to)!r} holds"
            f" {inside!r}.",
            hint="choose a new folder beside your images",
        )
    for root in roots:
        place = Path(os.path.realpath(root))
        if place.is_dir() and (place == folder or place in folder.parents):
            raise InputError(
                f"A quarantine must lie outside of the images, {os.fspath(to)!r} lies in {root!r}:"
                " the next look would find them again.",
                hint="choose a new folder beside your images",
            )


def quarantine(
    findings: Sequence[Finding], to: PathLike, *, how: How = "copy", only: Sequence[str] = ()
) -> Moved:
    """Puts the images of findings aside, `to/ISSUE/PERSON/NAME`, each once, by its gravest issue.

    Findings of KEPT are passed over: they are of people, and no image of theirs is wrong. A name
    that is taken gets a number.

    Args:
        findings: as fiqa.clean returns them, the gravest first.
        to: the quarantine; it is made where it is not there.
        how: "copy" leaves the originals, "move" takes them away.
        only: the issues for which images are put aside; none for all.

    Returns:
        What was done; the journal is `to/journal-N.jsonl`, a new one each time.

    Raises:
        UnknownNameError: another `how`, or no such issue in `only`.
        WriteError: the disk refused. What was done before is in the journal.
    """
    checks.choice(how, "apply", ("copy", "move"))
    for issue in only:
        checks.choice(issue, "issue", ISSUES)
    wanted = set(only or ISSUES) - set(KEPT)
    chosen: dict[str, str] = {}
    for finding in findings:
        if finding.issue in wanted:
            chosen.setdefault(finding.path, finding.issue)
    done: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    with _journal(Path(to)) as (journal, name):
        for path, issue in chosen.items():
            source = os.path.abspath(path)
            if not os.path.lexists(source) or os.path.isdir(source):
                left.append((path, "there is no such file"))
                continue
            target = _free(Path(to) / issue, source)
            journal.say(state="begun", how=how, issue=issue, **{"from": source, "to": str(target)})
            _put(source, target, how)
            journal.say(state="done", **{"from": source, "to": str(target)})
            done.append((path, str(target)))
    return Moved(done, left, name)


@contextmanager
def _journal(folder: Path) -> Iterator[tuple[_Journal, str]]:
    """Yields a new journal in a folder, and its path. Raises WriteError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            name = folder / f"journal-{number}.jsonl"
            try:
                file = open(name, "x", encoding="ascii")  # noqa: SIM115 - closed below
                break
            except FileExistsError:
                number += 1
        with file:
            yield _Journal(file), str(name)
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise WriteError(
            f"The quarantine {str(folder)!r} could not be filled: {error}.",
            hint="its journal says what was done until then; fiqa clean --undo brings it back",
        ) from error


def _free(folder: Path, source: str) -> Path:
    """A path in a folder that nothing has, as near to the source's own name as can be."""
    person, name = os.path.split(source)
    place = folder / (os.path.basename(person) or "-")
    place.mkdir(parents=True, exist_ok=True)
    stem, suffix = os.path.splitext(name)
    number, target = 1, place / name
    while os.path.lexists(target):
        number += 1
        # a name may be as long as the file system allows, and the number must still fit
        target = place / f"{stem[: max(1, 200 - len(suffix))]}~{number}{suffix}"
    return target


def _put(source: str, target: Path, how: str) -> None:
    """Copies or moves a file to a path that nothing has."""
    if how == "copy":
        _copy(source, target)
        return
    try:
        # A second name for the same file, then the first one goes: nothing is ever without a name.
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NOT_LINKED:
            raise
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        else:
            _copy(source, target)
            if sha256_file(source) != sha256_file(target):
                raise WriteError(f"{source!r} was not copied whole; it is left there.") from error
    os.unlink(source)


def _copy(source: str, target: Path) -> None:
    """Copies the bytes and times of a file; a target that is there is an error."""
    with open_regular(source) as file, open(target, "xb") as out:
        try:
            shutil.copyfileobj(file, out)
            out.flush()
            os.fsync(out.fileno())
        except BaseException:
            os.unlink(target)  # it is ours: "x" has just made it
            raise
    with suppress(OSError):
        shutil.copystat(source, target)


def undo(journal: PathLike) -> Moved:
    """Brings the files of a journal back to where they were, the last one first.

    Nothing is written over: where something else has taken the old place, the file stays in the
    quarantine. Copies stay too, as their originals never left. A journal that was cut off is
    carried out as far as it goes, and a second `undo` finds nothing left to do.

    Args:
        journal: the file in the quarantine.

    Raises:
        ReadError: it cannot be read, or is no journal.
        WriteError: the disk refused.
    """
    done: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    entries = _entries(journal)
    try:
        with open(journal, "a", encoding="ascii") as file:
            book = _Journal(file)
            for entry in reversed(entries):
                source, target = entry["from"], entry["to"]
                why = _back(source, target, entry["how"])
                if why == "done":
                    book.say(state="undone", **{"from": source, "to": target})
                    done.append((target, source))
                elif why:
                    left.append((target, why))
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise WriteError(f"{os.fspath(journal)!r} could not be undone: {error}.") from error
    return Moved(done, left, os.fspath(journal))


def _back(source: str, target: str, how: str) -> str:
    """Brings one file back; returns "done", "" where there is nothing to do, or why not."""
    if how == "copy":
        return "it is a copy, the original never left" if os.path.lexists(target) else ""
    if not os.path.lexists(target):
        return "" if os.path.lexists(source) else "it is neither here nor there"
    if os.path.lexists(source):
        # Cut off between the second name and the first: one file, two names.
        if os.path.samestat(os.lstat(source), os.lstat(target)):
            os.unlink(target)
            return "done"
        return f"something else is at {source!r}"
    os.makedirs(os.path.dirname(source), exist_ok=True)
    _put(target, Path(source), "move")
    return "done"


@reader
def _entries(path: PathLike) -> list[Mapping[str, str]]:
    """The files of a journal that were begun, each once; the last line may be cut off."""
    with open_regular(path) as file:
        lines = file.read().split(b"\n")
    entries: dict[str, Mapping[str, str]] = {}
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            entry = {key: decode_text(content[key]) for key in ("state", "from", "to")}
            entry["how"] = content.get("how", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Only the last line can be cut off, and what it tells had not begun.
            if number == len(lines) - 1:
                continue
            raise ReadError(
                f"{os.fspath(path)!r} must be a journal of fiqa clean; line {number + 1} is none.",
                status="corrupt",
            ) from error
        if entry["state"] == "begun":
            entries[entry["to"]] = entry
    return list(entries.values())
