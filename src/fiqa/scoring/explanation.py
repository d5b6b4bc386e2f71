"""Why a face has its score: whose factors and reasons stand in its row, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from fiqa.faces.crops import ALIGNED_SIZE
from fiqa.languages import advice
from fiqa.scoring.row import Row
from fiqa.stages import stage
from fiqa.types import Faces, Factors, FloatArray, Scorer

__all__ = [
    "EXPLAINERS",
    "Explain",
    "assessed",
    "by_method",
    "explained",
    "explanation",
    "reasons",
    "unexplained",
]

Explain = bool | Literal["model", "measures", "both"]
EXPLAINERS = ("model", "measures", "both")
"""Who gives the factors and reasons of a row: the method that scores, or the analytic measures; or
the method, with all the measures beside its own."""


def explanation(scorer: Scorer, explain: str) -> dict[str, Any]:
    """Returns what the sidecar of a table says of its factors, measures and reasons: whose they
    are, `explained_by` one of EXPLAINERS or None, and which measures were taken: `measured` is
    "all", or "bad_factors" (those behind a factor that is bad; the others are null). A note where
    they were asked of a method that has none.

    Args:
        scorer: the method.
        explain: as FaceScoring has it.
    """
    nobody = Faces(np.empty((0, ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8))
    if by_method(explain) and scorer.explain(nobody) is None:
        return {"explained_by": None, "notes": [unexplained(scorer.name)]}
    told: dict[str, Any] = {"explained_by": explain or None}
    if explain:
        told["measured"] = getattr(scorer, "measured", "all") if explain == "model" else "all"
    return told


def by_method(explain: str) -> bool:
    """Returns whether factors and reasons are the method's own.

    Args:
        explain: as FaceScoring has it.
    """
    return explain in ("model", "both")


def assessed(scorer: Scorer, explain: str, faces: Faces) -> tuple[FloatArray, Factors | None]:
    """Returns the raw scores of the faces (N,), and their factors as `explained`, in one pass.

    Args:
        scorer: the method.
        explain: as FaceScoring has it.
        faces: any number.
    """
    if not by_method(explain):
        with stage("network"):
            raw = scorer.score(faces)
        with stage("explain"):
            return raw, explained(scorer, explain, faces)
    with stage("network"):
        raw, why = scorer.assess(faces)
    with stage("explain"):
        return raw, _filled(why, explain, faces)


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
        return _measured(faces)
    return _filled(scorer.explain(faces), explain, faces) if explain else None


def _filled(why: Factors | None, explain: str, faces: Faces) -> Factors | None:
    """The factors with all measures where they are asked for."""
    if why is None or explain != "both":
        return why
    return replace(why, measures={**why.measures, **_measured(faces).measures})


def _measured(faces: Faces) -> Factors:
    from fiqa.faces.factors import measure
    from fiqa.faces.points import pointed

    return measure(pointed(faces))


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
