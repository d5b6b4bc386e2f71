"""The factors of faces, from a table that `fiqa score --explain` wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame, is_frame
from fiqa.data.names import find_ids
from fiqa.data.tables import decode_text, read_table
from fiqa.errors import InputError
from fiqa.types import FloatArray, PathLike

__all__ = ["factors_of"]


def factors_of(table: PathLike | Frame, ids: NDArray[np.str_], names: Sequence[str]) -> FloatArray:
    """Returns the factors (N,F) of some faces, NaN where one is not known.

    Args:
        table: with the columns `id` and `factors`.
        ids: (N,) of the faces.
        names: (F,) of fiqa.vocabulary.FACTORS.

    Raises:
        ReadError: the table cannot be read.
        InputError: it lacks a column, or has no such factor of any of the faces.
    """
    frame = read_table(table)
    where = "The table of factors" if is_frame(table) else repr(os.fspath(table))  # type: ignore[arg-type]
    if "id" not in frame.columns or "factors" not in frame.columns:
        raise InputError(
            f"{where} must have the columns id and factors, it has {', '.join(frame.columns)}.",
            hint="fiqa score crops/ --aligned --explain -o factors.parquet",
        )
    result = np.full((len(ids), len(names)), np.nan, np.float32)
    place = find_ids([decode_text(str(name)) for name in frame["id"].to_list()], ids)
    for row, values in zip(place, frame["factors"].to_list(), strict=True):
        if row < 0 or values is None:
            continue
        result[row] = [np.nan if values.get(factor) is None else values[factor] for factor in names]
    if not np.isfinite(result).any():
        raise InputError(
            f"{where} must hold a factor of at least one image, it holds none of"
            f" {', '.join(names)}."
        )
    return result
