"""Where the file is that a table or list names: from the file's own folder, and never another one
in silence."""

from __future__ import annotations

import filecmp
import logging
import os
from collections.abc import Iterable, Sequence

from fiqa.data.store import read_sidecar, sha256_file
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["origin", "placed", "refuse_changed"]

ORIGIN = "paths_from"
"""What the sidecar of a table calls the folder that its relative paths were given from."""

_SHA256 = 64
"""Hex digits of a sha256; a shorter word in that column is something else and is not compared."""
_log = logging.getLogger(__name__)


def origin(table: PathLike, names: Iterable[str]) -> dict[str, str]:
    """Returns what the sidecar of a table says of its paths: the working directory that the
    relative ones are from, as it is reached from the table's own folder; nothing where all are
    absolute.

    Args:
        table: where the table is written.
        names: its paths, "" for what is no file.
    """
    if all(os.path.isabs(name) for name in names if name):
        return {}
    here, folder = os.path.realpath(os.curdir), os.path.realpath(os.path.dirname(table) or ".")
    try:
        return {ORIGIN: os.path.relpath(here, folder)}
    except ValueError:  # two drives of Windows: no relative path leads from one to the other
        return {ORIGIN: here}


def refuse_changed(path: str, known: str, found: str) -> None:
    """Refuses a file that is not the one which its table names.

    Args:
        path: of the file.
        known: the sha256 in the table, "" where there is none.
        found: the sha256 of the file.

    Raises:
        ReadError: the two differ; its status is "changed".
    """
    if len(known) == _SHA256 and found != known.lower():
        raise ReadError(
            f"{path!r} must have the sha256 that its table names, {known[:12]}..., it has"
            f" {found[:12]}...",
            status="changed",
            hint=(
                "it is another file, or was changed since: fiqa scan of its folder makes a new"
                " table"
            ),
        )


def placed(names: Sequence[str], listing: str, *, sha256: Sequence[str] = ()) -> list[str]:
    r"""Returns the path to open for each name in a list or table.

    A relative name is taken from the folder of the list; where that leads nowhere, from the folder
    that the sidecar of the list names (see `origin`); where that leads nowhere either, from the
    working directory (a warning says how many, unless their sha256 is known and will be compared).
    Where these lead to files that differ, the one of the known sha256 is meant. A name with
    backslashes that leads nowhere is tried with slashes.

    Args:
        names: as the list has them.
        listing: the path of the list; "" for one in memory, whose names are of the working
            directory.
        sha256: of each file, "" where it is not known; or nothing at all.

    Raises:
        InputError: two different files are possible, and nothing says which.
    """
    folders = _folders(listing)
    hashes = list(sha256) if len(sha256) else [""] * len(names)
    elsewhere: list[str] = []
    paths = []
    for name, sha in zip(names, hashes, strict=True):
        path, away = _place(name, folders, listing, sha)
        paths.append(path)
        if away and not sha:
            elsewhere.append(name)
    if elsewhere:
        _log.warning(
            "%s: %d of %d paths lead nowhere from its folder and were taken from the working"
            " directory, the first is %r",
            listing,
            len(elsewhere),
            len(names),
            elsewhere[0],
        )
    return paths


def _folders(listing: str) -> list[str]:
    """The folders that the names of a list may be from, the likeliest first: its own, and the one
    that its sidecar names. None where the list is in memory or in the working directory, and
    nothing else is named."""
    own = os.path.dirname(listing)
    named = (read_sidecar(listing) or {}).get(ORIGIN) if listing else None
    folders = [own] if own else []
    if isinstance(named, str) and named and "\0" not in named:
        # The list's own folder comes first, also where it is the working directory.
        folders = [own, _short(os.path.join(own, named))]
    return folders


def _short(folder: str) -> str:
    """A folder without detours (`other/..`), where that leads to the same one: behind a symbolic
    link it may not."""
    plain = os.path.normpath(folder)
    try:
        same = os.path.samefile(plain, folder)
    except OSError:
        return folder
    return ("" if plain == os.curdir else plain) if same else folder


def _place(name: str, folders: Sequence[str], listing: str, sha: str) -> tuple[str, bool]:
    """Returns the path, and whether it is in the working directory and none of the folders."""
    here = _turned(name)
    if not folders or os.path.isabs(name):
        return here, False
    places = [_turned(os.path.join(folder, name)) for folder in folders]
    there = [path for path in places if os.path.lexists(path)]
    if not there:
        return here, os.path.lexists(here)
    # One file by two ways, or two copies: either will do.
    known = [here, *there] if os.path.lexists(here) else there
    others = [path for path in known[1:] if not _same(known[0], path)]
    if not others:
        return known[0], False
    # A table that knows the content of its files leaves no doubt which is meant.
    if sha:
        fits = [path for path in (*there, here) if _sha256(path) == sha.lower()]
        if fits:
            return fits[0], False
    raise InputError(
        f"{name!r} in {listing!r} must lead to one file, there are two that differ: {others[0]!r}"
        f" and {os.path.abspath(known[0])!r}.",
        hint=(
            "paths are taken from the folder of the list: run it from there, or write absolute"
            " paths"
        ),
    )


def _turned(path: str) -> str:
    """`path`, with slashes for backslashes where only that leads to something."""
    if "\\" in path and not os.path.lexists(path):
        turned = path.replace("\\", "/")
        if os.path.lexists(turned):
            return turned
    return path


def _same(first: str, second: str) -> bool:
    """Whether two paths lead to one file, or to files of equal bytes."""
    try:
        return os.path.samefile(first, second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


def _sha256(path: str) -> str:
    try:
        return sha256_file(path)
    except ReadError:
        return ""
