"""Finding our ids under the names that other tools gave the same images."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.folders import IMAGE_SUFFIXES
from fiqa.errors import InputError

__all__ = ["Match", "better_match", "find_ids", "strangers"]

Match = Literal["id", "name", "stem"]
"""How a name finds its id. `id`: they are equal, an image's suffix aside (our ids have none).

`name`: the last parts of both paths are equal. `stem`: these are equal, an image's suffix aside.
Text that looks the same is the same: accents composed (NFC) and apart (NFD) are one.
"""


def find_ids(names: Iterable[str], ids: Iterable[str], *, match: Match = "id") -> NDArray[np.int64]:
    r"""Returns the place in `ids` of each name, -1 where there is none.

    A name that equals an id always finds it; either kind of slash will do.

    Args:
        names: (N,) names; one may occur more than once.
        ids: (M,) unique ids.
        match: the rule, never guessed.

    Raises:
        UnknownNameError: another `match`.
        InputError: a name that fits two ids.

    >>> find_ids(["p\\a.png", "p/c.png"], ["p/a", "p/b"]).tolist()
    [0, -1]
    >>> find_ids(["x/b.png"], ["p/a", "p/b"], match="stem").tolist()
    [1]
    """
    checks.choice(match, "match", get_args(Match))
    ours = checks.ids(ids, "ids").tolist()
    exact = {name: row for row, name in enumerate(ours)}
    keys = [_key(name, match) for name in ours]
    loose = {key: row for row, key in enumerate(keys)}
    times = Counter(keys)
    result = []
    for name in map(str, names):
        row = exact.get(name)
        if row is None:
            key = _key(name, match)
            row = loose.get(key, -1)
            if times[key] > 1:
                raise InputError(
                    f"match={match!r} must find one id for each name, {name!r} fits {times[key]}.",
                    hint="give the images the same names as the ids, or match by the whole id",
                )
        result.append(row)
    return np.array(result, dtype=np.int64)


def strangers(names: Iterable[str], ids: Iterable[str], *, what: str, match: Match = "id") -> str:
    """Returns what to say where names do not find ids: two of each side, and what would help.

    Args:
        names: (N,) names of one file.
        ids: (M,) unique ids.
        what: whose names they are, for the text.
        match: the rule that has been tried.

    >>> strangers(["x/a.png", "x/b.png"], ["p/a", "p/b"], what="scores.csv")
    "scores.csv has 'x/a.png', 'x/b.png'; the images are 'p/a', 'p/b'; --match stem finds 2 of 2"
    """
    theirs, ours = list(map(str, names)), list(map(str, ids))
    remedy = better_match(theirs, ours, match=match) or "no --match finds more"
    return f"{what} has {_two(theirs)}; the images are {_two(ours)}; {remedy}"


def better_match(names: Iterable[str], ids: Iterable[str], *, match: Match = "id") -> str:
    """Returns the `match` that finds more ids than the one tried, in words, "" where none does.

    Args:
        names: (N,) names of one file.
        ids: (M,) unique ids.
        match: the rule that has been tried.

    >>> better_match(["x/a.png"], ["p/a"])
    '--match stem finds 1 of 1'
    """
    theirs, ours = list(map(str, names)), list(map(str, ids))
    counts = {rule: _count(theirs, ours, rule) for rule in get_args(Match)}
    best = max(counts, key=counts.__getitem__)
    return (
        f"--match {best} finds {counts[best]} of {len(theirs)}"
        if counts[best] > counts[match]
        else ""
    )


def _two(names: list[str]) -> str:
    return ", ".join(map(repr, names[:2])) or "none"


def _count(names: list[str], ids: list[str], rule: Match) -> int:
    try:
        place = find_ids(names, ids, match=rule)
    except InputError:  # a name that fits two ids
        return 0
    rows = place[place >= 0]
    return len(rows) if len(np.unique(rows)) == len(rows) else 0


def _key(name: str, match: Match) -> str:
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    last = path if match == "id" else path.rsplit("/", 1)[-1]
    # Only an image's suffix is one: in `ann.smith` the last part is a name.
    stem, suffix = os.path.splitext(last)
    return stem if match != "name" and suffix.lower() in IMAGE_SUFFIXES else last
