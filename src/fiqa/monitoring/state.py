"""What a monitor keeps between two checks: the sums of its charts and which drives they hold.

Drives are kept as 16 hex digits of the sha256 of their name, so that the same drive counts once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fiqa.data.formats.source import read_text
from fiqa.data.reading import reader
from fiqa.data.texts import write_text
from fiqa.errors import InputError
from fiqa.types import PathLike

__all__ = ["KEPT", "ChartState", "State", "mark", "open_state", "read_state", "write_state"]

KEPT = 1000
"""Last values of a sum that are kept for the plot."""
_BYTES = 1 << 28


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ChartState(_Strict):
    """A one-sided cumulative sum.

    Attributes:
        drives: how many it has seen.
        path: its last values, at most KEPT.
        crossed: the number of the drive at which it first passed the limit, None where it has not.
    """

    drives: int = Field(default=0, ge=0)
    path: list[float] = Field(default_factory=list)
    crossed: int | None = Field(default=None, ge=1)


class State(_Strict):
    """All charts of a monitor.

    Attributes:
        form: of the file.
        reference: the id of the reference that they stand on.
        by: the columns of the cells.
        charts: cell and name of a chart -> its sum.
        seen: cell -> marks of the drives in its charts.
    """

    form: Literal["fiqa monitor state 1"] = "fiqa monitor state 1"
    reference: str
    by: list[str]
    charts: dict[str, ChartState] = Field(default_factory=dict)
    seen: dict[str, list[str]] = Field(default_factory=dict)


def mark(unit: str) -> str:
    """Returns what is kept of a drive's name.

    Args:
        unit: the name.

    >>> mark("drive 1")
    'd332a2c5143a28fa'
    """
    return hashlib.sha256(unit.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@reader
def read_state(path: PathLike) -> State:
    """Returns the state in a file of `fiqa monitor check --state`.

    Args:
        path: the file.

    Raises:
        ReadError: not such a file.
    """
    return State.model_validate_json(read_text(path, limit=_BYTES))


def open_state(path: PathLike | None, reference: str, by: tuple[str, ...]) -> State:
    """Returns the state in a file, or a new one where there is no file yet.

    Args:
        path: the file; None is always new.
        reference: the id that it must stand on.
        by: the columns of the cells that it must have.

    Raises:
        ReadError: a file that is no state.
        InputError: the state of another reference or of other cells.
    """
    if path is None or not Path(path).exists():
        return State(reference=reference, by=list(by))
    state = read_state(path)
    if state.reference != reference or state.by != list(by):
        raise InputError(
            f"A state must be of reference {reference[:16]} by {', '.join(by) or 'nothing'},"
            f" {os.fspath(path)!r} is of {state.reference[:16]} by"
            f" {', '.join(state.by) or 'nothing'}.",
            hint="begin another state file with another reference",
        )
    return state


def write_state(state: State, path: PathLike) -> None:
    """Writes a state aside and renames it: a kill leaves the old one or the new one.

    Args:
        state: what is written.
        path: the file.

    Raises:
        WriteError: the disk refused.
    """
    write_text(path, state.model_dump_json() + "\n")
