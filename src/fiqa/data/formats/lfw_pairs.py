"""Pair lists of LFW and its relatives: pairs.txt (10 folds), pairsDev*.txt, XQLFW, the flat lists
of CALFW and CPLFW, and lists of three columns.

LFW and XQLFW: line 1 is `folds<TAB>n` (Dev files: `n`, one fold); each fold has n lines `name a b`
(the same person) and n lines `name1 a name2 b`; image `name/name_%04d.jpg`. CALFW and CPLFW have no
first line: two lines `file number` make a pair, and the number, the same on both, is 0 when it is
non-mated.

A list of three columns has `file file label` in a line, with tabs, commas, `;` or spaces between
them; the label is 1 or true, or 0, -1 or false.

Pairs that cannot be (fiqa.data.sound) are left out and counted.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqa.data.formats.source import read_text
from fiqa.data.reading import reading
from fiqa.data.sound import sound, warn
from fiqa.data.store import open_regular
from fiqa.errors import ReadError
from fiqa.types import Pairs, PathLike

__all__ = ["FALSE", "TRUE", "FoldedPairs", "collect", "folded", "is_header", "parse", "read"]

_HEAD = re.compile(r"\s*(\d{1,9})(?:\s+(\d{1,9}))?\s*$")
TRUE, FALSE = frozenset(("1", "true", "1.0")), frozenset(("0", "false", "0.0", "-1", "-1.0"))
"""How lists and tables write that a pair is mated, and that it is not."""

_LOOK = 20
"""Lines that decide whether a list has three columns: more than half of them must."""
_FILE = re.compile(r".+_\d+\.(?:jpg|jpeg|png)$", re.IGNORECASE)


class FoldedPairs(NamedTuple):
    """The pairs of a list, with their folds.

    Attributes:
        pairs: those that can be.
        fold: (P,) int64 from 0, or None when the file has none.
        skipped: malformed pairs left out.
        left_out: reason -> how many pairs that cannot be (fiqa.data.sound).
    """

    pairs: Pairs
    fold: NDArray[np.int64] | None
    skipped: int
    left_out: Mapping[str, int] = MappingProxyType({})


def read(path: PathLike) -> FoldedPairs:
    """Returns the pairs of a list file; see `parse`.

    Args:
        path: the file.

    Raises:
        ReadError: as `parse`, or the file cannot be read.
    """
    text = read_text(path)
    with reading(path):
        content = parse(text)
    warn(content.left_out, os.fspath(path))
    return content


def is_header(path: PathLike) -> bool:
    """Tells whether a file starts as the lists of LFW and XQLFW do: whole numbers alone on line 1.

    Args:
        path: the file.

    Raises:
        ReadError: it cannot be read.
    """
    with open_regular(path) as file:
        return _HEAD.match(file.readline(64).decode("latin-1")) is not None


def parse(text: str) -> FoldedPairs:
    r"""Returns the pairs of the text of a list file.

    Ids are `name/name_0001.jpg`; file names of CALFW and CPLFW stand as they are.

    A malformed line is skipped with a warning and counted; a file with another number of pairs than
    its first line says is an error.

    Args:
        text: of the whole file.

    Raises:
        ReadError: not a pair list, or fewer or more pairs than its first line says.

    >>> folded = parse("1\nAnna\t1\t2\nAnna\t1\tBo\t3\n")
    >>> folded.pairs.ids.tolist(), folded.pairs.mated.tolist()
    (['Anna/Anna_0001.jpg', 'Anna/Anna_0002.jpg', 'Bo/Bo_0003.jpg'], [True, False])
    """
    lines = text.splitlines()
    head = _HEAD.match(lines[0]) if lines else None
    rows, fold, skipped = (
        _named(lines, head) if head else _labeled(lines) if _has_labels(lines) else _flat(lines)
    )
    if not rows:
        raise ReadError(
            "A pair list must hold pairs; none could be read.", status="unsupported_format"
        )
    if skipped:
        warnings.warn(
            f"{skipped} malformed pairs were skipped, {len(rows)} were read.", stacklevel=2
        )
    pairs = collect([row[:2] for row in rows], [row[2] for row in rows])
    people = None
    if not _has_labels(lines):  # the names of images hold those of people
        people = np.array([name.rpartition("_")[0] for name in pairs.ids.tolist()], dtype=np.str_)
    return folded(pairs, fold, skipped, people)


def folded(
    pairs: Pairs,
    fold: NDArray[np.int64] | None,
    skipped: int = 0,
    identity: NDArray[np.str_] | None = None,
) -> FoldedPairs:
    """Returns the pairs that can be, with their folds, and what was left out; see fiqa.data.sound.

    Args:
        pairs: all that the file names.
        fold: (P,) of each, or None.
        skipped: malformed pairs that are not among them.
        identity: (N,) who is on each of their ids, or None.
    """
    result = sound(pairs, identity=identity)
    kept = Pairs(pairs.ids, pairs.index[result.kept], pairs.mated[result.kept])
    return FoldedPairs(kept, None if fold is None else fold[result.kept], skipped, result.left_out)


def collect(named: list[tuple[str, str]], mated: list[bool]) -> Pairs:
    """Returns Pairs of (id, id) tuples; ids in the order in which they first occur.

    Args:
        named: P pairs of ids.
        mated: P times True or False.

    >>> collect([("a", "b"), ("a", "c")], [True, False]).index.tolist()
    [[0, 1], [0, 2]]
    """
    place: dict[str, int] = {}
    index = [[place.setdefault(name, len(place)) for name in pair] for pair in named]
    return Pairs(
        np.array(list(place), dtype=np.str_),
        np.array(index, np.int64).reshape(-1, 2),
        np.array(mated, bool),
    )


_Rows = list[tuple[str, str, bool]]


def _named(lines: list[str], head: re.Match[str]) -> tuple[_Rows, NDArray[np.int64], int]:
    folds, size = (int(head[1]), int(head[2])) if head[2] else (1, int(head[1]))
    body = [(line_number, line) for line_number, line in enumerate(lines[1:], 2) if line.strip()]
    if len(body) != 2 * folds * size:
        raise ReadError(
            f"The list must hold {folds} x {2 * size} pairs as its first line says, got"
            f" {len(body)}.",
            status="truncated" if len(body) < 2 * folds * size else "corrupt",
        )
    rows: _Rows = []
    fold = []
    for number, (line_number, line) in enumerate(body):
        parts = line.split("\t") if "\t" in line else line.split()
        # Each fold has its mated pairs first, then as many non-mated ones.
        mated = number % (2 * size) < size
        if len(parts) != (3 if mated else 4) or not (parts[1] + parts[-1].strip()).isdecimal():
            continue
        names = (
            _image(parts[0], parts[1], line_number),
            _image(parts[0 if mated else 2], parts[-1], line_number),
        )
        rows.append((*names, mated))
        fold.append(number // (2 * size))
    return rows, np.array(fold, np.int64), len(body) - len(rows)


def _image(name: str, number: str, line: int) -> str:
    try:
        return f"{name}/{name}_{int(number):04d}.jpg"
    except ValueError as error:  # digits without end
        raise ReadError(
            f"Line {line} must number an image, got {number[:40]!r}.", status="corrupt"
        ) from error


def _labels(line: str) -> tuple[str, str, bool] | None:
    """The two names and the label of a line of three columns, None for another line."""
    for apart in ("\t", ",", ";", None):
        cells = [cell.strip(' "') for cell in line.strip().split(apart)]
        if len(cells) == 3 and cells[0] and cells[1] and cells[2].lower() in TRUE | FALSE:
            return cells[0], cells[1], cells[2].lower() in TRUE
    return None


def _has_labels(lines: list[str]) -> bool:
    body = [line for line in lines if line.strip()][:_LOOK]
    return sum(_labels(line) is not None for line in body) * 2 > len(body)


def _labeled(lines: list[str]) -> tuple[_Rows, None, int]:
    body = [line for line in lines if line.strip()]
    rows = [row for row in map(_labels, body) if row is not None]
    return rows, None, len(body) - len(rows)


def _flat(lines: list[str]) -> tuple[_Rows, None, int]:
    body = [line for line in lines if line.strip()]
    rows: _Rows = []
    for start in range(0, len(body) - 1, 2):
        (first, label), (second, other) = (_flat_line(line) for line in body[start : start + 2])
        # The number stands on both lines; a pair whose lines disagree is malformed.
        if label is not None and label == other:
            rows.append((first, second, label > 0))
    skipped = (len(body) + 1) // 2 - len(rows)
    if skipped > len(rows):
        raise ReadError(
            "This is no pair list: most of its lines are not `file number`.",
            status="unsupported_format",
        )
    return rows, None, skipped


def _flat_line(line: str) -> tuple[str, int | None]:
    name, _, number = line.strip().replace("\t", " ").rpartition(" ")
    fits = number.isdecimal() and len(number) < 4 and _FILE.match(name.strip())
    return name.strip(), int(number) if fits else None
