"""The answers of each process of a service, as its form writes and checks them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, TypeAdapter

from fiqa.faces.crops import Source
from fiqa.functional.crops import ALIGNED_SIZE
from fiqa.scoring.row import Row
from fiqa.scoring.rows import blank_row
from fiqa.service.plain import PlainForm
from fiqa.service.schemas import Followed
from fiqa.service.selection import Step
from fiqa.service.stages import Found
from fiqa.types import Faces
from fiqa.vocabulary import STATUSES

__all__ = ["FOUND", "ROWS", "STEPS", "UNSEEN"]

UNSEEN = Source("image", "image")
"""What stands for an image in its rows: nothing of its name is known here."""
_PIXELS = (ALIGNED_SIZE, ALIGNED_SIZE)
_FACE = np.dtype(
    [
        ("crops", "u1", (*_PIXELS, 3)),
        ("landmarks", "<f4", (5, 2)),
        ("inside", "u1", _PIXELS),
        ("eye_distance", "<f4"),
        ("grey", "u1"),
        ("roll", "<f4"),
        ("seen", "u1"),
        ("known", "u1", 7),
    ],
    align=True,
)
"""A face as bytes: the fields of Faces, and for each whether it is there."""
_FIELDS = tuple(name for name in _FACE.fields or () if name != "known")
_BOOLS = ("inside", "grey", "seen")


class _FoundRow(BaseModel):
    """What the process that decodes can say of a face, or of an image without one; all else of the
    row is not its own to say."""

    model_config = ConfigDict(extra="forbid", strict=True)
    status: str
    face_index: Annotated[int, Field(ge=0, lt=2**31)] = 0
    sha256: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")] | None = None
    bbox: Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)] | None = None
    landmarks: Annotated[list[FiniteFloat], Field(min_length=10, max_length=10)] | None = None
    detector: Annotated[str, StringConstraints(max_length=64)] | None = None
    turn: Annotated[int, Field(ge=0, lt=360)] | None = None
    notes: Annotated[str, StringConstraints(max_length=1000)] | None = None
    frame: Annotated[int, Field(ge=0, lt=2**31)] | None = None


_SAID = frozenset(_FoundRow.model_fields)
_rows: TypeAdapter[list[_FoundRow]] = TypeAdapter(list[_FoundRow])
_tracks: TypeAdapter[list[Followed]] = TypeAdapter(list[Followed])


def _write_found(every: list[Found]) -> tuple[Any, bytes]:
    faces = [face for found in every for face in found.faces]
    table = np.zeros(len(faces), _FACE)
    for place, face in enumerate(faces):
        for number, name in enumerate(_FIELDS):
            if (value := getattr(face, name)) is not None:
                table[name][place] = value[0]
                table["known"][place, number] = 1
    told = [
        [
            [{k: v for k, v in row.items() if k in _SAID and v is not None} for row in found.rows],
            len(found.faces),
        ]
        for found in every
    ]
    return told, table.tobytes()


def _read_found(told: Any, tail: memoryview) -> list[Found]:
    table, every, begin = np.frombuffer(tail, _FACE), [], 0
    for said, count in told:
        rows = [_row(row) for row in _rows.validate_python(said)]
        good = [row["status"] == "ok" for row in rows]
        whole = good == ([True] * len(rows) if count else [False])
        if type(count) is not int or count not in (0, len(rows)) or not whole:
            raise ValueError("every face must have a row, and an image without one a status")
        places = range(begin, begin := begin + count)
        every.append(Found(rows, [_face(table[place : place + 1]) for place in places]))
    if begin != len(table):
        raise ValueError("every face must be somebody's")
    return every


def _face(one: np.ndarray) -> Faces:
    """The face of a table of one; where it has less than that, Faces says so."""
    known = one["known"][0].tolist()
    values: dict[str, Any] = {
        # a bool that is neither 0 nor 1 is none
        name: one[name] != 0 if name in _BOOLS else one[name]
        for name, there in zip(_FIELDS, known, strict=True)
        if there
    }
    return Faces(**values)


def _row(said: _FoundRow) -> Row:
    if said.status not in STATUSES:
        raise ValueError("a status must be of the vocabulary")
    return cast("Row", blank_row(UNSEEN, said.status) | said.model_dump())


def _write_rows(every: list[Any]) -> tuple[Any, bytes]:
    return every, b""


def _read_rows(told: Any, tail: memoryview) -> list[Any]:
    """Of each work its rows, or what is loaded (a dict): the process that scores opens no
    stranger's bytes."""
    every: list[Any] = told
    for rows in every:
        if not isinstance(rows, dict) and not all(row["status"] in STATUSES for row in rows):
            raise ValueError("a status must be of the vocabulary")
    return every


def _write_steps(steps: list[Step]) -> tuple[Any, bytes]:
    return [asdict(step) for step in steps], b""


def _read_steps(told: Any, tail: memoryview) -> list[Step]:
    steps = [Step(**one) for one in told]
    for step in steps:
        if not all(type(n) is int and 0 <= n < 2**53 for n in (step.done, step.total)):
            raise ValueError("frames must be counted")
        if step.status and step.status not in STATUSES:
            raise ValueError("a status must be of the vocabulary")
        _tracks.validate_python(step.tracks)
    return steps


FOUND = PlainForm(_write_found, _read_found, values=2**20, text=2**24, most=2**28)
"""Of the processes that decode pictures."""
ROWS = PlainForm(_write_rows, _read_rows, values=2**24, text=2**29, most=2**29)
"""Of the processes that score."""
STEPS = PlainForm(_write_steps, _read_steps, values=2**21, text=2**28, most=2**28)
"""Of the processes of videos, which decode too."""
