"""The table of templates that a person has edited: which lines are chosen, and of whom."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.reading import reader
from fiqa.data.tables import read_table
from fiqa.errors import InputError, UnknownNameError
from fiqa.types import PathLike

__all__ = ["Choice", "chosen_rows", "read_choice", "refuse_failed"]

_MARKS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False,
          "none": False, "": False}  # fmt: skip
_LEFT_OUT = "write chosen = 0 there to leave it out"


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen lines of a table of templates: M of them.

    Attributes:
        ids: (M,) of the images, as tables spell them.
        people: (M,) who the line says that is, "" where it does not.
        lines: (M,) number of the line in the file, of a Parquet file that of the row.
        table: the file, for messages.
    """

    ids: list[str]
    people: list[str]
    lines: list[int]
    table: str = "templates"

    def where(self, place: int) -> str:
        """Returns file and line of one of them, in words.

        Args:
            place: 0..M-1.
        """
        word = "row" if self.table.lower().endswith(".parquet") else "line"
        return f"{self.table}, {word} {self.lines[place]}"


@reader
def read_choice(path: PathLike) -> Choice:
    """Returns the chosen lines of a table of templates; without a column `chosen` every line is
    one.

    Args:
        path: a table with a column `id`, and perhaps `identity` and `chosen`.

    Raises:
        ReadError: the file cannot be read.
        UnknownNameError: no column `id`.
        InputError: a mark in `chosen` that is neither 1 nor 0.
    """
    where = os.fspath(path)
    frame = read_table(path)
    if "id" not in frame.columns:
        raise UnknownNameError(f"column in {where} instead of 'id'", "id", frame.columns)
    marks = _texts(frame, "chosen") if "chosen" in frame.columns else ["1"] * len(frame)
    plain = [mark.strip().lower() for mark in marks]
    bad = next((mark for mark in plain if mark not in _MARKS), None)
    if bad is not None:
        raise InputError(f"chosen in {where} must be 1 or 0, got {bad!r}.")
    people = _texts(frame, "identity") if "identity" in frame.columns else [""] * len(frame)
    ids = _texts(frame, "id")
    kept = [k for k, mark in enumerate(plain) if _MARKS[mark]]
    # A person counts lines from 1, and the header of a text table is the first.
    first = 2 if os.path.splitext(where)[1].lower() in (".csv", ".tsv") else 1
    return Choice(
        [ids[k] for k in kept], [people[k] for k in kept], [k + first for k in kept], where
    )


def chosen_rows(
    choice: Choice,
    ids: Iterable[str],
    identities: NDArray[np.int64],
    names: Iterable[str],
    *,
    segments: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Returns the row of each chosen line, (M,) int64.

    Args:
        choice: the lines; a person may be in none of them.
        ids: (N,) unique.
        identities: (N,) code of who is on each image.
        names: (K,) of the identities.
        segments: (N,) code of the segment of each image: each segment of a person may have a
            template; None: each person may have one.

    Raises:
        InputError: a line whose person is nobody here, whose id is nobody's or another person's,
            or that is one more template of the same person (and segment); the message names file,
            line and person, the hint the closest id.

    >>> rows = chosen_rows(Choice(["a/2"], ["a"], [2]), ["a/1", "a/2"], np.array([0, 0]), ["a"])
    >>> rows.tolist()
    [1]
    """
    ours, people = list(ids), list(names)
    wanted = set(choice.ids)
    row = {name: k for k, name in enumerate(ours) if name in wanted}
    code = {name: k for k, name in enumerate(people)}
    first: dict[tuple[int, int], int] = {}
    result = []
    for k, (name, person) in enumerate(zip(choice.ids, choice.people, strict=True)):
        at = row.get(name)
        if person and person not in code:
            raise _unknown(choice, k, people, ours, identities)
        if at is None or (person and identities[at] != code[person]):
            other = None if at is None else people[identities[at]]
            own = identities == code[person] if person else np.ones(len(ours), bool)
            raise _wrong(choice, k, other, [ours[i] for i in np.flatnonzero(own)])
        key = (int(identities[at]), 0 if segments is None else int(segments[at]))
        if key in first:
            raise _twice(choice, first[key], k, people[identities[at]], segments is not None)
        first[key] = k
        result.append(at)
    return np.array(result, np.int64)


def refuse_failed(choice: Choice, statuses: NDArray[np.str_]) -> None:
    """Raises InputError where a template is an image that could not be judged.

    Args:
        choice: the lines.
        statuses: (M,) of their images.

    Raises:
        InputError: one is not "ok".
    """
    for k in np.flatnonzero(statuses != "ok")[:1].tolist():
        raise InputError(
            f"{choice.where(k)}: a template must be an image that can be read and judged,"
            f" {choice.ids[k]!r} is {statuses[k]}.",
            hint="choose another image of the person",
        )


def _unknown(
    choice: Choice, place: int, people: list[str], ids: list[str], identities: NDArray[np.int64]
) -> InputError:
    person, name = choice.people[place], choice.ids[place]
    closest = _closest(person, people)
    own = [] if closest is None else np.flatnonzero(identities == people.index(closest)).tolist()
    image = _closest(name, [ids[row] for row in own] or ids)
    meant = ", ".join(repr(one) for one in (closest, image) if one is not None)
    return InputError(
        f"{choice.where(place)}: the person must be on one of the faces, got {person!r} (id"
        f" {name!r}), of whom no face can be labeled.",
        hint=f"did you mean {meant}?" if meant else _LEFT_OUT,
    )


def _wrong(choice: Choice, place: int, other: str | None, ids: list[str]) -> InputError:
    person, name = choice.people[place], choice.ids[place]
    owner = f" of {person!r}" if person else ""
    found = "no such face can be labeled" if other is None else f"that is an image of {other!r}"
    closest = _closest(name, ids)
    return InputError(
        f"{choice.where(place)}: the template must be the id of an image{owner}, got {name!r};"
        f" {found}.",
        hint=f"did you mean {closest!r}?" if closest else _LEFT_OUT,
    )


def _twice(choice: Choice, one: int, two: int, person: str, segments: bool) -> InputError:
    each = "identity and segment" if segments else "identity"
    return InputError(
        f"{choice.where(two)}: {choice.table} must choose one image per {each}, got"
        f" {choice.ids[one]!r} in {choice.where(one).rsplit(', ', 1)[-1]} and {choice.ids[two]!r},"
        f" both of {person!r}.",
        hint="keep chosen = 1 in one of the lines",
    )


def _closest(name: str, names: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.5)), None)


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    values: list[Any] = frame[column].to_list()
    return ["" if value is None else str(value) for value in values]
