"""Where the file is that a table or list names: from the file's own folder, and never another one
in silence."""

from __future__ import annotations

import filecmp
import logging
import os
from collections.abc import Sequence

from fiqa.data.store import sha256_file
from fiqa.errors import InputError, ReadError

__all__ = ["placed"]

_log = logging.getLogger(__name__)


def placed(names: Sequence[str], listing: str, *, sha256: Sequence[str] = ()) -> list[str]:
    r"""Returns the path to open for each name in a list or table.

    A relative name is taken from the folder of the list; where that leads nowhere, from the working
    directory (a warning says how many, unless their sha256 is known and will be compared). Where
    both lead to files that differ, the one of the known sha256 is meant. A name with backslashes
    that leads nowhere is tried with slashes.

    Args:
        names: as the list has them.
        listing: the path of the list; "" for one in memory, whose names are of the working
            directory.
        sha256: of each file, "" where it is not known; or nothing at all.

    Raises:
        InputError: two different files are possible, and nothing says which.
    """
    folder = os.path.dirname(listing)
    hashes = list(sha256) if len(sha256) else [""] * len(names)
    elsewhere: list[str] = []
    paths = []
    for name, sha in zip(names, hashes, strict=True):
        path, away = _place(name, folder, listing, sha)
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


def _place(name: str, folder: str, listing: str, sha: str) -> tuple[str, bool]:
    """Returns the path, and whether it is in the working directory instead of the list's folder."""
    if not folder or os.path.isabs(name):
        return _turned(name), False
    here, there = _turned(name), _turned(os.path.join(folder, name))
    if not os.path.lexists(there):
        return here, os.path.lexists(here)
    if not os.path.lexists(here):
        return there, False
    # One file by two ways, or two copies: either will do.
    if _same(here, there):
        return here, False
    # A table that knows the content of its files leaves no doubt which is meant.
    if sha:
        fits = [path for path in (there, here) if _sha256(path) == sha.lower()]
        if fits:
            return fits[0], False
    raise InputError(
        f"{name!r} in {listing!r} must lead to one file, there are two that differ: {there!r} and "
        f"{os.path.abspath(here)!r}.",
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
