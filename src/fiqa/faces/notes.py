"""What the notes of aligned crops tell: of one crop in its row, of all of them in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from fiqa.faces.crops import resizing
from fiqa.types import Faces

__all__ = ["note_of_points", "notices"]

_SEEN, _NONE = "points_seen", "points_none"


def note_of_points(face: Faces) -> str:
    """Returns the note (fiqa.vocabulary.NOTES) on a crop whose landmarks were not known, "" where
    they were known or nobody looked for them.

    Args:
        face: one, as fiqa.faces.crops.aligned_face returns it.
    """
    if face.seen is None or face.landmarks is None:
        return ""
    if face.seen[0]:
        return _SEEN
    return "" if np.isfinite(face.landmarks[0]).all() else _NONE


def notices(notes: Mapping[str, int]) -> list[str]:
    """Returns the sentences that tell of a table what its notes tell of each crop, none where there
    is nothing to tell.

    Args:
        notes: of the rows (codes of fiqa.vocabulary.NOTES, `;` between them) -> how many rows have
            them.

    >>> notices({"points_seen": 7, "": 3})
    ["The pose of 7 crops is from five points that the package's network sees: no landmarks were \
known."]
    """
    found: Counter[str] = Counter()
    for note, count in notes.items():
        for code in note.split(";"):
            found[code] += count
    told = [resizing(notes)]
    if count := found[_SEEN]:
        told.append(
            f"The pose of {_crops(count)} is from five points that the package's network sees: no"
            " landmarks were known."
        )
    if count := found[_NONE]:
        told.append(
            f"The pose of {_crops(count)} is unknown: no landmarks were known, and the network sees"
            " no face there."
        )
    return [sentence for sentence in told if sentence]


def _crops(count: int) -> str:
    return "1 crop" if count == 1 else f"{count:,} crops"
