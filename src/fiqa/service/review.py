"""The review of an image: accepted or not, and for which reasons.

standard asks for one face with the least score; strict, for a picture that others will be compared
with, also for a single face and for no reason against it. The cuts are those between levels, words
and no error rates: `fiqa threshold` finds the one that keeps a promise, and `min_score` sets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fiqa import checks
from fiqa.functional.calibration import LEVEL_CUTS
from fiqa.service.settings import REVIEWS

__all__ = ["BELOW", "CUTS", "TOO_MANY", "verdict"]

BELOW = "score_below_minimum"
"""The reason of a face whose score is under the cut."""
TOO_MANY = "multiple_faces"
"""The reason of an image with more than one face, where one is wanted."""
CUTS = {"off": 0.0, "standard": LEVEL_CUTS[1] / 100, "strict": LEVEL_CUTS[2] / 100}
"""The least score of each review, in 0..1."""


def verdict(
    review: str, status: str, faces: Sequence[dict[str, Any]], *, min_score: float | None = None
) -> tuple[bool | None, list[str]]:
    """Returns (accepted, reasons); accepted is None where there is no review.

    Every face that was scored must pass. A reason is a status, a reason code of fiqa.vocabulary,
    BELOW or TOO_MANY.

    Args:
        review: one of fiqa.service.settings.REVIEWS.
        status: of the image.
        faces: those that were scored, with `score` and `reasons`.
        min_score: the least score in 0..1, instead of the review's own.

    Raises:
        UnknownNameError: no such review.

    >>> verdict("standard", "ok", [{"score": 0.3, "reasons": ["blurry"]}])
    (False, ['score_below_minimum', 'blurry'])
    >>> verdict("off", "no_face", []), verdict("strict", "no_face", [])
    ((None, []), (False, ['no_face']))
    """
    checks.choice(review, "review", REVIEWS)
    if review == "off" and min_score is None:
        return None, []
    if status != "ok":
        return False, [status]
    least = CUTS[review] if min_score is None else min_score
    reasons = [TOO_MANY] if review == "strict" and len(faces) > 1 else []
    for face in faces:
        low = face["score"] < least
        reasons += [BELOW] if low else []
        reasons += face["reasons"] if low or review == "strict" else []
    return not reasons, list(dict.fromkeys(reasons))
