"""A quality on the scale of 0..100, where that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame, is_frame
from fiqa.data.names import Match
from fiqa.data.quality import join_quality, read_quality
from fiqa.errors import InputError
from fiqa.evaluation.evidence import Evidence
from fiqa.evaluation.sources import inputs
from fiqa.functional.calibration import Calibration
from fiqa.types import PathLike, Quality

__all__ = ["on_100"]


def on_100(
    quality: Quality | PathLike | Frame, evidence: Evidence, match: Match
) -> tuple[NDArray[np.float64] | None, str]:
    """Returns the images' numbers in 0..100 (N,) and where they are from, (None, "") without any.

    They are the score itself where it has that range, else the column `uqs` of its file, else by
    the calibration of the method.

    Args:
        quality: what was given as the first quality of the evidence.
        evidence: the images.
        match: how the names of the file find the ids.
    """
    scores = evidence.scores[0]
    if ", 0..100 " in scores.scale:  # the range that its file declares
        return scores.value, "the score itself"
    column = None if isinstance(quality, Quality) else _uqs_column(quality, evidence, match)
    if column is not None:
        return column, "the column uqs"
    calibration = _calibration(scores.name)
    if calibration is None:
        return None, ""
    return calibration.unified(scores.value).astype(np.float64), f"the calibration of {scores.name}"


def _uqs_column(
    quality: PathLike | Frame, evidence: Evidence, match: Match
) -> NDArray[np.float64] | None:
    """The column uqs of a table for the images at hand, None where it lacks one of them."""
    sources: list[Any] = [quality] if is_frame(quality) else list(inputs(quality, ()))
    for file in sources:
        # Of several sources the first that has the column counts.
        try:
            read = read_quality(file, column="uqs")
        except InputError:  # the table has no such column
            continue
        joined = join_quality(read, evidence.ids, match=match)
        if not joined.missing:
            return joined.quality.at(evidence.ids).astype(np.float64)
    return None


def _calibration(method: str) -> Calibration | None:
    from fiqa.methods import TABLE, load

    if method not in TABLE:
        return None
    try:
        return load(method).calibration
    except InputError:  # a method that makes labels has none
        return None
