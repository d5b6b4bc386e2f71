"""Which scale a quality is on: the method's own, never one that was fitted on the scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqa.evaluation.result import Scores
from fiqa.functional.collapse import on_scale
from fiqa.types import Quality

__all__ = ["own_scale", "scales_note"]


def own_scale(
    quality: Quality, value: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, str]:
    """Returns the values on the method's own scale brought to 0..1, and which that is in words.

    A calibration to 0..1 is fitted on scores: it gives a collapsed score the spread of a good one.
    So it is never the own scale; the values are None where the own scale is open.

    Args:
        quality: where the values come from; its provenance and range say what is known of the
            scale.
        value: (N,) those that count, finite.
    """
    entry = quality.provenance.get("scale") or {}
    column = quality.provenance.get("column")
    source = f"column {column}" if column else "as given"
    if entry.get("of") == "calibration":
        return None, f"open: {source} is calibrated, not the model's own scale"
    ends, why = entry.get("range"), "by its sidecar"
    if ends is None:
        ends, why = quality.range, "as declared"
    if ends is None:
        if len(value) and value.min() >= 0 and value.max() <= 1:
            return value, f"{source}, lies in 0..1"
        return None, f"open: {source} leaves 0..1 and nothing says its ends"
    low, high = float(ends[0]), float(ends[1])
    inside = low >= 0 and high <= 1
    beyond = int(np.count_nonzero((value < low) | (value > high)))
    clipped = f", {beyond} beyond its ends" if beyond else ""
    # Ends inside 0..1 are those of a score that is on 0..1 already: stretching them would widen it.
    unit = on_scale(value, (0.0, 1.0) if inside else (low, high))
    return unit, f"{source}, {low:g}..{high:g} {why}{clipped}"


def scales_note(scores: Sequence[Scores]) -> str:
    """Returns one sentence: which column of each quality was used, and which scale it is on."""
    return f"Scales: {'; '.join(f'{quality.name}: {quality.scale}' for quality in scores)}."
