"""Why a face has its score: whose factors and reasons stand in its row, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from fiqa.faces.crops import ALIGNED_SIZE
from fiqa.languages import advice
from fiqa.scoring.row import Row
from fiqa.types import Faces, Factors, FloatArray, Scorer

__all__ = ["EXPLAINERS", "Explain", "explained", "explanation", "reasons", "unexplained"]

Explain = bool | Literal["model", "measures"]
EXPLAINERS = ("model", "measures")
"""Who gives the factors and reasons of a row: the method that scores, or the analytic measures."""


def explanation(scorer: Scorer, explain: str) -> dict[str, Any]:
    """Returns what the sidecar of a table says of its factors, measures and reasons: whose they
    are, `explained_by` one of EXPLAINERS or None, and a note where they were asked of a method that
    has none.

    Args:
        scorer: the method.
        explain: as FaceScoring has it.
    """
    nobody = Faces(np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8))
    if explain == "model" and scorer.explain(nobody) is None:
        return {"explained_by": None, "notes": [unexplained(scorer.name)]}
    return {"explained_by": explain or None}


def unexplained(model: str) -> str:
    """Returns the sentence that says that a method cannot explain, and what can."""
    return (
        f"{model} has no factors of its own: factors, measures and reasons are empty. --explain-by"
        ' measures (explain="measures") takes those of the analytic measures.'
    )


def explained(scorer: Scorer, explain: str, faces: Faces) -> Factors | None:
    """Returns the factors of the faces; None where none are asked for, or the method has none.

    Args:
        scorer: the method.
        explain: as FaceScoring has it.
        faces: any number.
    """
    if explain == "measures":
        from fiqa.faces.factors import measure

        return measure(faces)
    return scorer.explain(faces) if explain else None


def reasons(why: Factors | None, i: int, faces: Faces, language: str) -> Row:
    """Returns the factors, measures, reasons and advice of a face; what cannot be measured is null.

    Args:
        why: of all the faces; None gives no columns.
        i: which of them.
        faces: all of them.
        language: of the advice.
    """
    if why is None:
        return {}
    from fiqa.faces.factors.pose import cause_first

    roll = float("nan") if faces.roll is None else float(faces.roll[i])
    codes = list(cause_first(why.reasons[i], roll))
    return {
        "reasons": codes,
        "advice": list(advice(codes, language)),
        "factors": _known(why.quality, i),
        "measures": _known(why.measures, i),
    }


def _known(columns: Mapping[str, FloatArray], i: int) -> dict[str, Any] | None:
    values = {name: float(column[i]) for name, column in columns.items()}
    return {name: value if np.isfinite(value) else None for name, value in values.items()} or None
