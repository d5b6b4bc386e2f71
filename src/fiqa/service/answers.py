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
from fiqa.service.plain import Arrays, PlainForm
from fiqa.service.schemas import Followed
from fiqa.service.selection import Step
from fiqa.service.stages import Found
from fiqa.types import Faces
from fiqa.vocabulary import STATUSES

__all__ = ["FOUND", "ROWS", "STEPS", "UNSEEN"]

UNSEEN = Source("image", "image")
"""What stands for an image in its rows: nothing of its name is known here."""
_SIDE = ALIGNED_SIZE
_FIELDS = {
    "crops": (np.uint8, (1, _SIDE, _SIDE, 3)),
    "landmarks": (np.float32, (1, 5, 2)),
    "inside": (np.bool_, (1, _SIDE, _SIDE)),
    "eye_distance": (np.float32, (1,)),
    "grey": (np.bool_, (1,)),
    "roll": (np.float32, (1,)),
}
"""Of one face: what its arrays are."""


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


def _write_found(found: Found, arrays: Arrays) -> Any:
    rows = [{k: v for k, v in row.items() if k in _SAID and v is not None} for row in found.rows]
    faces = []
    for face in found.faces:
        values = {name: getattr(face, name) for name in _FIELDS}
        known = {name: value for name, value in values.items() if value is not None}
        faces.append({name: len(arrays) + i for i, name in enumerate(known)})
        arrays += known.values()
    return [rows, faces]


def _read_found(told: Any, arrays: Arrays) -> Found:
    said, places = told
    rows = [_row(row) for row in _rows.validate_python(said)]
    faces = [Faces(**{n: _checked(n, arrays[at]) for n, at in one.items()}) for one in places]
    good = [row["status"] == "ok" for row in rows]
    if good != ([True] * len(faces) or [False]):
        raise ValueError("every face must have a row, and an image without one a status")
    return Found(rows, faces)


def _row(said: _FoundRow) -> Row:
    if said.status not in STATUSES:
        raise ValueError("a status must be of the vocabulary")
    return cast("Row", blank_row(UNSEEN, said.status) | said.model_dump())


def _checked(name: str, array: np.ndarray) -> np.ndarray:
    kind, shape = _FIELDS[name]
    if array.dtype != kind or array.shape != shape:
        raise ValueError("an array of a face must be of its kind and shape")
    return array


def _write_rows(rows: Any, arrays: Arrays) -> Any:
    return rows


def _read_rows(told: Any, arrays: Arrays) -> Any:
    """Rows, or what is loaded (a dict): the process that scores opens no stranger's bytes."""
    if not isinstance(told, dict) and not all(row["status"] in STATUSES for row in told):
        raise ValueError("a status must be of the vocabulary")
    return told


def _write_step(step: Step, arrays: Arrays) -> Any:
    return asdict(step)


def _read_step(told: Any, arrays: Arrays) -> Step:
    step = Step(**told)
    if not all(type(n) is int and 0 <= n < 2**53 for n in (step.done, step.total)):
        raise ValueError("frames must be counted")
    if step.status and step.status not in STATUSES:
        raise ValueError("a status must be of the vocabulary")
    _tracks.validate_python(step.tracks)
    return step


FOUND = PlainForm(_write_found, _read_found, values=2**20, most=256 * 2**20)
"""Of the processes that decode pictures."""
ROWS = PlainForm(_write_rows, _read_rows, values=2**24, most=512 * 2**20)
"""Of the processes that score."""
STEPS = PlainForm(_write_step, _read_step, values=2**21, most=256 * 2**20)
"""Of the processes of videos, which decode too."""
