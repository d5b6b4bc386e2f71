"""Finding our ids under the names that other tools gave the same images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.manifest import IMAGE_SUFFIXES
from fiqa.errors import InputError

__all__ = ["Match", "find_ids"]

Match = Literal["id", "name", "stem"]
"""How a name finds its id. `id`: they are equal, an image's suffix aside (our ids have none). `name`: the last parts of both paths are equal. `stem`: these are
equal, an image's suffix aside."""


def find_ids(names: Iterable[str], ids: Iterable[str], *, match: Match = "id") -> NDArray[np.int64]:
    r"""Returns the place in `ids` of each name, -1 where there is none. A name that equals an id always finds it; either kind of slash will do.

    Args:
        names: (N,) names; one may occur more than once.
        ids: (M,) unique ids.
        match: the rule, never guessed.

    Raises:
        UnknownNameError: another `match`. InputError: a name that fits two ids.

    >>> find_ids(["p\\a.png", "p/c.png"], ["p/a", "p/b"]).tolist(), find_ids(["x/b.png"], ["p/a", "p/b"], match="stem").tolist()
    ([0, -1], [1])
    """
    checks.choice(match, "match", get_args(Match))
    known = checks.ids(ids, "ids").tolist()
    exact = {name: row for row, name in enumerate(known)}
    keys = [_key(name, match) for name in known]
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


def _key(name: str, match: Match) -> str:
    path = name.replace("\\", "/")
    last = path if match == "id" else path.rsplit("/", 1)[-1]
    stem, suffix = os.path.splitext(last)
    return stem if match != "name" and suffix.lower() in IMAGE_SUFFIXES else last
