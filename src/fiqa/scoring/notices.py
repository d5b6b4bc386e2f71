"""What a run tells beside its rows: warnings, and the notes of its sidecar."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from fiqa.faces.notes import notices
from fiqa.scoring.explanation import unexplained
from fiqa.scoring.row import Row

__all__ = ["noted", "tell_notices", "tell_unexplained"]

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


def tell_notices(made: Generator[list[Row], None, None]) -> Generator[list[Row], None, None]:
    """Yields the rows; after the last, warnings tell what their notes do.

    Args:
        made: the rows of each image.
    """
    notes: Counter[str] = Counter()
    with closing(made):
        for rows in made:
            notes.update(row["notes"] for row in rows if row["notes"])
            yield rows
    for sentence in notices(notes):
        _log.warning("%s", sentence)


def noted(learned: Mapping[str, Any], *sentences: str) -> dict[str, Any]:
    """Returns what a sidecar says, with further notes.

    Args:
        learned: what it says.
        sentences: the notes; an empty one is none.
    """
    notes = [*learned.get("notes", ()), *filter(None, sentences)]
    return {**learned, "notes": notes} if notes else dict(learned)
