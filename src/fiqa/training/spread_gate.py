"""What the scores of a trained network must hold: a spread like that of its labels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from fiqa.errors import EvidenceError
from fiqa.functional.collapse import LIMIT, Collapse
from fiqa.runtime.cards import RawScale, SpreadNumbers
from fiqa.types import FloatArray

__all__ = ["raw_scale", "require_spread", "require_variation", "spread_report"]

_VARIES = 1e-5
"""Of the largest score: below it a standard deviation is the rounding of float32 arithmetic, not a
score."""


def require_variation(scores: FloatArray) -> None:
    """Refuses scores (N,) that are one number but for rounding.

    Raises:
        EvidenceError: they are.
    """
    values = np.asarray(scores, np.float64)
    if not float(values.std()) > _VARIES * float(np.abs(values).max()):
        raise EvidenceError(
            f"the scores of a model must vary, they span {float(np.ptp(values)):.2g} on"
            f" {len(values)} validation crops.",
            hint="was the run too short, or the rate too high?",
        )


def require_spread(collapse: Collapse | None, *, allow: bool) -> None:
    """Refuses a collapsed score unless that is allowed.

    Args:
        collapse: None for a score that no labels stand beside.
        allow: let it pass.

    Raises:
        EvidenceError: the score has collapsed.
    """
    if collapse is None or not collapse.collapsed or allow:
        return
    raise EvidenceError(
        f"the scores of a model must be spread at least {LIMIT:g} times as widely as their labels,"
        f" those of {collapse.score.count} held-out crops have collapsed: {collapse.line()}.",
        hint=(
            "train longer or at another rate, or look at the labels: what images do not show cannot"
            " be learned; --allow-collapsed (allow_collapsed=True) writes the model all the same"
        ),
    )


def spread_report(collapse: Collapse | None, scale: tuple[float, float]) -> dict[str, Any]:
    """Returns what an export's report and sidecar say of the spread."""
    if collapse is None:
        return {"judged": False, "why": "the objective's quality is not on the scale of labels"}
    labels = None if collapse.labels is None else asdict(collapse.labels)
    return {
        "judged": True,
        "scale": list(map(float, scale)),
        "score": asdict(collapse.score),
        "labels": labels,
        "ratio": collapse.ratio,
        "least": LIMIT,
        "collapsed": collapse.collapsed,
    }


def raw_scale(collapse: Collapse | None, scale: tuple[float, float]) -> RawScale | None:
    """Returns the own scale of a model for its card, None where no labels are on it."""
    if collapse is None or collapse.labels is None:
        return None
    score, labels = (SpreadNumbers(**asdict(part)) for part in (collapse.score, collapse.labels))
    return RawScale(low=scale[0], high=scale[1], score=score, labels=labels)
