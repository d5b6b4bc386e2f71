"""Run times: a table with a row for each image that a scorer was timed on."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame, is_frame
from fiqa.data.reading import reader
from fiqa.data.tables import decode_text, read_table
from fiqa.errors import InputError
from fiqa.types import PathLike

__all__ = ["Times", "read_times"]

Times = Mapping[str, tuple[NDArray[np.str_], NDArray[np.float64]]]
"""What was timed -> (N,) image and (N,) milliseconds of each call, rounds one after the other."""

_COLUMNS = ("method", "id", "ms")


@reader
def read_times(table: PathLike | Frame) -> Times:
    """Returns the run times in a table, by what was timed.

    Args:
        table: with the columns `method`, `id` (of the image; again for each round) and `ms`.

    Raises:
        ReadError: the table cannot be read.
        InputError: it lacks a column or a row, or has a time that is no number above 0.
    """
    frame = read_table(table)
    where = "The table of run times" if is_frame(table) else repr(os.fspath(table))  # type: ignore[arg-type]
    if not set(_COLUMNS) <= set(frame.columns) or not len(frame):
        raise InputError(
            f"{where} must have the columns {', '.join(_COLUMNS)} and at least one row, it has"
            f" {', '.join(frame.columns)} and {len(frame)} rows."
        )
    took = frame["ms"].to_list()
    for place, value in enumerate(took):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not np.isfinite(value) or value <= 0:
            raise InputError(
                f"ms of {where} must be a number above 0, got {value!r} in row {place + 1}."
            )
    ms = np.array(took, np.float64)
    method = np.array([decode_text(str(name)) for name in frame["method"].to_list()])
    image = np.array([decode_text(str(name)) for name in frame["id"].to_list()])
    return {
        name: (image[method == name], ms[method == name]) for name in dict.fromkeys(method.tolist())
    }
