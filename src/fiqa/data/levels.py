"""The levels that a table of labels states beside its values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from fiqa.data.reading import reader
from fiqa.data.tables import SUFFIXES, decode_text, read_table
from fiqa.errors import InputError
from fiqa.types import PathLike
from fiqa.vocabulary import LEVELS

__all__ = ["label_table", "stated_levels"]

_SCORED = ("uqs", "raw")
_CODE: Mapping[str, int] = {word: number for number, word in enumerate(LEVELS)} | {
    str(number): number for number in range(len(LEVELS))
}


@reader
def label_table(path: PathLike) -> pl.DataFrame | None:
    """Returns a file of labels as a table of ours; None where it has another form.

    A table of scores is none either: its `level` is that of the calibrated score, and no label was
    made from it.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        return None
    frame = read_table(path)
    scored = any(name in frame.columns for name in _SCORED)
    return frame if "id" in frame.columns and not scored else None


def stated_levels(frame: pl.DataFrame | None, path: PathLike) -> dict[str, int]:
    """Returns id -> level 0..4 of the rows with a value; empty where the table states none.

    DmsFIQA's labels were made from these levels. Jitter and other intervals move labels over any
    fixed cuts, so the levels of such a table are known from this column alone.

    Args:
        frame: as `label_table` gives it.
        path: of the file, for messages.

    Raises:
        InputError: a level that is neither a word of fiqa.vocabulary.LEVELS nor 0..4.
    """
    if frame is None or "level" not in frame.columns:
        return {}
    levels = {}
    values = frame["value"].to_list() if "value" in frame.columns else [0.0] * len(frame)
    for name, word, value in zip(frame["id"], frame["level"], values, strict=True):
        if value is None:
            continue
        if str(word) not in _CODE:
            raise InputError(
                f"level in {os.fspath(path)!r} must be one of {', '.join(LEVELS)} or 0..4,"
                f" got {word!r}."
            )
        levels[decode_text(str(name))] = _CODE[str(word)]
    return levels
