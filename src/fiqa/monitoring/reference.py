"""The reference of a monitor: drives of a time when all was well, in one JSON file without ids."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fiqa.data.formats.drive_file import COUNTERS
from fiqa.data.formats.source import read_text
from fiqa.data.reading import reader
from fiqa.data.texts import write_text
from fiqa.errors import EvidenceError, InputError
from fiqa.functional.drift import BINS
from fiqa.monitoring.drives import SHARES, Drives, Frames
from fiqa.types import PathLike

__all__ = ["ENDS", "ENOUGH", "Reference", "made", "read_reference", "write_reference"]

ENOUGH = 20
"""Drives that a cell must have on either side to be judged."""
ENDS = (0.01, 0.99)
"""Quantiles of the reference between which scores are counted; the ends of the histogram."""
_BYTES = 1 << 28
_FORM = "fiqa monitor reference 1"


@dataclass(frozen=True, eq=False)
class Reference:
    """The drives that others are compared with.

    Attributes:
        drives: of all cells; the units are numbers, not the ids of the table.
        low, high: the ends of the histograms, each a float32.
        floor: the raw score below which a frame counts as below the floor, None without.
        unit: the column that said which drive a frame was of.
        models: that made the scores, where the table said so.
        id: 64 hex digits, the sha256 of all of it.
    """

    drives: Drives
    low: float
    high: float
    floor: float | None
    unit: str
    models: tuple[str, ...]
    id: str = field(default="")

    @property
    def by(self) -> tuple[str, ...]:
        """The columns of its cells."""
        return self.drives.by

    @property
    def key(self) -> bytes:
        """The 8 bytes that files of devices carry."""
        return bytes.fromhex(self.id[:16])

    def text(self) -> str:
        """Returns what it holds, and what a device needs, as lines."""
        drives = self.drives
        lines = [
            f"{len(set(drives.unit.tolist())):,} drives, {int(drives.counts.sum()):,} scored"
            f" frames, raw {self.low:.6g} to {self.high:.6g} in {BINS} bins"
        ]
        for cell in dict.fromkeys(drives.cell):
            scored = int(np.count_nonzero(drives.of(cell).scored()))
            few = f"  (needs {ENOUGH}: it will say not enough)" if scored < ENOUGH else ""
            name = ", ".join(f"{c}={v}" for c, v in zip(self.by, cell, strict=True))
            lines.append(f"  {name or 'all'}: {scored:,} drives with scores{few}")
        lines.append(
            f"for devices: id {self.id[:16]}, low {self.low!r}, high {self.high!r}"
            + ("" if self.floor is None else f", floor {self.floor!r}")
        )
        return "\n".join(lines)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    drive: int = Field(ge=0)
    cell: list[str]
    counts: list[int] = Field(min_length=BINS, max_length=BINS)
    counters: list[int] = Field(min_length=len(COUNTERS), max_length=len(COUNTERS))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    form: Literal["fiqa monitor reference 1"]
    id: str = Field(pattern="^[0-9a-f]{64}$")
    unit: str
    by: list[str]
    low: float
    high: float
    floor: float | None
    models: list[str]
    known: list[Literal[SHARES]]  # type: ignore[valid-type]
    rows: list[_Row]


def made(frames: Frames, unit: str, floor: float | None) -> Reference:
    """Returns the reference of the frames of a table.

    Args:
        frames: of drives when all was well.
        unit: the column that says which drive a frame is of.
        floor: the raw score below which a frame counts as below the floor, None without.

    Raises:
        EvidenceError: no score, or scores that do not differ.
    """
    scores = frames.raw[np.isfinite(frames.raw)]
    if not len(scores):
        raise EvidenceError("A reference must have frames with a score, got none.")
    # a float of 32 bits, so that a device counts between exactly the same ends
    low, high = (float(np.float32(end)) for end in np.quantile(scores, ENDS))
    if not low < high:
        raise EvidenceError(
            f"The scores of a reference must differ, from the 1st to the 99th percentile all are"
            f" {low:g}.",
            hint="this model has collapsed already, or the column is not its raw score",
        )
    drives = frames.drives(low, high, floor)
    numbers = {name: str(k) for k, name in enumerate(dict.fromkeys(drives.unit.tolist()))}
    anonymous = np.array([numbers[name] for name in drives.unit.tolist()], np.str_)
    drives = Drives(drives.by, drives.cell, anonymous, drives.counts, drives.counters, drives.known)
    draft = Reference(drives, low, high, floor, unit, frames.models)
    return Reference(drives, low, high, floor, unit, frames.models, _digest(_content(draft)))


def _content(reference: Reference) -> dict[str, Any]:
    drives = reference.drives
    rows = [
        {"drive": int(unit), "cell": list(cell), "counts": counts, "counters": counters}
        for unit, cell, counts, counters in zip(
            drives.unit.tolist(), drives.cell, drives.counts.tolist(), drives.counters.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return {
        "form": _FORM, "unit": reference.unit, "by": list(drives.by), "low": reference.low,
        "high": reference.high, "floor": reference.floor, "models": list(reference.models),
        "known": list(drives.known), "rows": rows,
    }  # fmt: skip


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_reference(reference: Reference, out: PathLike) -> None:
    """Writes a reference as JSON, whole or not at all.

    Args:
        reference: what is written.
        out: the file.

    Raises:
        WriteError: the disk refused.
    """
    content = {"id": reference.id, **_content(reference)}
    write_text(out, json.dumps(content, separators=(",", ":")) + "\n")


@reader
def read_reference(path: PathLike) -> Reference:
    """Returns the reference in a file of `fiqa monitor fit`.

    Args:
        path: the file.

    Raises:
        ReadError: no such file, or not such a file, or one that was changed by hand.
    """
    file = _File.model_validate_json(read_text(path, limit=_BYTES))
    if any(len(row.cell) != len(file.by) for row in file.rows):
        raise InputError(f"Each row must have a cell of {len(file.by)} values.")
    drives = Drives(
        tuple(file.by),
        tuple(tuple(row.cell) for row in file.rows),
        np.array([str(row.drive) for row in file.rows], np.str_),
        np.array([row.counts for row in file.rows], np.int64).reshape(-1, BINS),
        np.array([row.counters for row in file.rows], np.int64).reshape(-1, len(COUNTERS)),
        tuple(file.known),
    )
    reference = Reference(
        drives, file.low, file.high, file.floor, file.unit, tuple(file.models), file.id
    )
    if _digest(_content(reference)) != file.id:
        raise InputError(
            "A reference must be as it was written, this one was changed.",
            hint="make it again with `fiqa monitor fit`",
        )
    return reference
