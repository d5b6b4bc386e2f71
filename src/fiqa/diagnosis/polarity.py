"""Whether higher is better in a table of scores, by a second opinion on the same faces."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa import methods
from fiqa.data.names import find_ids
from fiqa.data.quality import read_quality
from fiqa.data.tables import decode_text
from fiqa.diagnosis.model import Check, probe_faces
from fiqa.errors import InputError
from fiqa.functional.agreement import spearman
from fiqa.types import FloatArray, PathLike
from fiqa.vocabulary import FACTORS

__all__ = ["polarity"]

_LEAST = 16
"""Rows below which a rank correlation says nothing."""
_CLEARLY = 3.0
"""Standard deviations of the rank correlation of unrelated numbers, 1 / sqrt(N - 1)."""


def polarity(
    path: PathLike, table: pl.DataFrame, column: str, *, faces: PathLike | None, most: int
) -> list[Check]:
    """Returns what a second opinion says of the order of a column, none for one without numbers.

    The opinion is the shipped model's score of crops, else the mean of the table's own factors; a
    table with neither gets a note that says how to ask.

    Args:
        path: of the table.
        table: itself.
        column: of scores or labels.
        faces: aligned crops with its ids, or None.
        most: of these crops.

    Raises: as fiqa.scan.
    """
    try:
        quality = read_quality(path, column=column)
    except InputError:  # the column's own finding says so
        return []
    if not len(quality):
        return []
    if faces is not None:
        probes = probe_faces(faces, most, known=set(quality.id.tolist()))
        notes = [Check("size of the faces", "note", probes.resized)] if probes.resized else []
        value = quality.at(probes.ids) if len(probes.ids) else np.empty(0)
        opinion = methods.load(None).score(probes.faces)
        return [*notes, _judged(value, opinion, "the shipped model's scores")]
    opinion = _factors(table, quality.id.tolist())
    known = np.isfinite(opinion)
    return [_judged(quality.value[known], opinion[known], "the factors beside it")]


def _factors(table: pl.DataFrame, ids: list[str]) -> FloatArray:
    """(N,) the mean of the known factors of each id, NaN where none is known."""
    if "factors" not in table.columns:
        return np.full(len(ids), np.nan, np.float32)
    names = [decode_text(str(name)) for name in table["id"].to_list()]
    place = find_ids(ids, names)
    means = np.full(len(ids), np.nan, np.float32)
    factors = table["factors"].to_list()
    for row, at in enumerate(place.tolist()):
        values = (factors[at] or {}) if at >= 0 else {}
        known = [values[name] for name in FACTORS if values.get(name) is not None]
        if known:
            means[row] = np.mean(known)
    return means


def _judged(value: NDArray[np.float64], opinion: FloatArray, whose: str) -> Check:
    """What the rank correlation of a column and an opinion says of the column's polarity."""
    hint = "fiqa doctor TABLE --faces CROPS compares with the shipped model"
    if len(value) < _LEAST:
        return Check("polarity", "note", f"not judged, {len(value)} faces to compare with: {hint}")
    if np.ptp(value) == 0 or np.ptp(opinion) == 0:
        return Check("polarity", "note", "not judged, all numbers are the same")
    agreement = spearman(value, opinion)
    detail = f"rank correlation {agreement:.2f} with {whose}, {len(value)} faces"
    deviations = agreement * np.sqrt(len(value) - 1)
    if deviations < -_CLEARLY:
        return Check("polarity", "problem", f"{detail}: is lower better here? Then turn its sign")
    if deviations > _CLEARLY:
        return Check("polarity", "ok", detail)
    return Check("polarity", "note", f"{detail}: too little to tell")
