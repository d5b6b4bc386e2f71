"""What a run tells beside its rows: warnings, and the notes of its sidecar."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from fiqa.errors import FiqaError
from fiqa.faces.crops import resizing
from fiqa.runtime.describe import batch_told
from fiqa.runtime.onnx import OnnxScorer
from fiqa.scoring.explanation import unexplained
from fiqa.scoring.row import Row
from fiqa.scoring.rows import FaceScoring

__all__ = ["noted", "tell_resized", "tell_unexplained", "warn_of_batches"]

_log = logging.getLogger(__name__)


def tell_unexplained(made: Generator[list[Row], None, None]) -> Generator[list[Row], None, None]:
    """Yields the rows, with a warning before the first that its method cannot explain.

    Args:
        made: the rows of each image.
    """
    told = False
    with closing(made):
        for rows in made:
            silent = [r["model"] for r in rows if r["status"] == "ok" and r["factors"] is None]
            if silent and not told:
                _log.warning("%s", unexplained(str(silent[0])))
                told = True
            yield rows


def tell_resized(made: Generator[list[Row], None, None]) -> Generator[list[Row], None, None]:
    """Yields the rows; after the last a warning says how many crops were resized.

    Args:
        made: the rows of each image.
    """
    notes: Counter[str] = Counter()
    with closing(made):
        for rows in made:
            notes.update(row["notes"] for row in rows if row["notes"])
            yield rows
    if sentence := resizing(notes):
        _log.warning("%s", sentence)


def warn_of_batches(how: FaceScoring) -> None:
    """Warns of a model file whose score of a face hangs on the faces beside it: `weights card`
    refuses such a file a card, but a card may be written by hand.

    Args:
        how: faces are scored.
    """
    if how.model is not None and isinstance(how.scorer, OnnxScorer):
        try:
            told = batch_told(how.scorer.model)
        except FiqaError:  # a model that cannot run is a status of its rows
            return
        if told:
            _log.warning("%s The scores of this run depend on how the images are batched.", told)


def noted(learned: Mapping[str, Any], *sentences: str) -> dict[str, Any]:
    """Returns what a sidecar says, with further notes.

    Args:
        learned: what it says.
        sentences: the notes; an empty one is none.
    """
    notes = [*learned.get("notes", ()), *filter(None, sentences)]
    return {**learned, "notes": notes} if notes else dict(learned)
