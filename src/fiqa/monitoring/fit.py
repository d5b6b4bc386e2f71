"""Making a reference from a table of scores."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from fiqa import checks
from fiqa.data.frames import Frame
from fiqa.data.guard import guard_outputs
from fiqa.data.store import hash_inputs, make_record, write_sidecar
from fiqa.errors import InputError
from fiqa.monitoring.drives import drive_paths, read_frames
from fiqa.monitoring.reference import Reference, made, write_reference
from fiqa.types import PathLike

__all__ = ["UNIT", "fit_reference"]

UNIT = "drive"
"""The column that says which drive a frame is of, where nobody says another."""


def fit_reference(
    scores: PathLike | Frame,
    *,
    by: Sequence[str] | None = None,
    unit: str = UNIT,
    floor: float | None = None,
    out: PathLike | None = None,
) -> Reference:
    """Returns the reference of a table of scores, made when all is well.

    Args:
        scores: a table with `raw`, the drive of each frame, and the columns of `by`; `state` or
            `status` where frames without a score are in it.
        by: the columns that make the cells that are compared with themselves only; None takes those
            of camera and regime that are there.
        unit: the column that says which drive (or track) a frame is of.
        floor: the raw score below which a frame counts as below the floor; None does not count.
        out: write it there as JSON, with its sidecar.

    Raises:
        InputError: a frame without a drive, a cell column of fractions, far too many cells.
        UnknownNameError: no such column.
        EvidenceError: no score, or scores that do not differ.
        ReadError: the file cannot be read.
        WriteError: the disk refused.
    """
    files = [scores] if isinstance(scores, str | os.PathLike) else []
    guard_outputs([out], files)
    if floor is not None:
        checks.in_range(floor, "floor", -math.inf, math.inf, open_low=True, open_high=True)
    if drive_paths(scores):
        raise InputError(
            "A reference must be made from a table of scores, got files of drives.",
            hint="a device counts between the ends of a reference, so the reference comes first",
        )
    reference = made(read_frames(scores, by, unit), unit, floor)
    if out is not None:
        write_reference(reference, out)
        settings = {"by": list(reference.by), "unit": unit, "floor": floor}
        record = make_record("monitor fit", arguments=settings, inputs=hash_inputs(files))
        write_sidecar(out, record)
    return reference
