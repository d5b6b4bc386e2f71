"""Which part of a face costs its score most, where no factor is bad.

Every part is exchanged for that of an ordinary face, and all of these crops are scored in one
batch. What a part usually wins on faces of a low score is taken off: the part that wins most beyond
that is named. The ordinary face and what is usual are beside the weights (ordinary.png,
ordinary.json, for each model; recipes/reasons.py makes them).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqa.data.images import read_image
from fiqa.errors import WeightsError
from fiqa.faces.what_if import REGIONS, replaced
from fiqa.types import FloatArray

__all__ = ["ORDINARY", "gains", "unusual"]

ORDINARY = Path(__file__).parents[2] / "weights" / "ordinary.png"
"""The ordinary face; what a part usually wins is in the .json beside it, by model."""

Crops = NDArray[np.uint8]
Score = Callable[[Crops], FloatArray]


def gains(crops: Crops, raw: FloatArray, score: Score, face: Crops) -> NDArray[np.float64]:
    """Returns what the raw score wins when each of REGIONS is exchanged, (N,6).

    Args:
        crops: (N,112,112,3) uint8 RGB.
        raw: (N,) their raw scores.
        score: of crops, one batch.
        face: (112,112,3) the ordinary face.
    """
    if not len(crops):
        return np.empty((0, len(REGIONS)))
    made = np.concatenate([replaced(crop, face) for crop in crops])
    found = np.asarray(score(made), np.float64).reshape(len(crops), len(REGIONS))
    return found - raw[:, None]


def unusual(
    crops: Crops, raw: FloatArray, score: Score, *, model: str = "fiqa"
) -> list[tuple[str, float]]:
    """Returns the reason code of the region that costs each face most, and what its raw score wins
    by an ordinary one there, N.

    Args:
        crops, raw, score: as in `gains`.
        model: whose usual gains count.
    """
    face, mean, deviation = _ordinary(model)
    won = gains(crops, raw, score, face)
    places = np.argmax((won - mean) / deviation, axis=1).tolist()
    return [(f"unusual_{REGIONS[at]}", float(won[i, at])) for i, at in enumerate(places)]


@cache
def _ordinary(model: str) -> tuple[Crops, NDArray[np.float64], NDArray[np.float64]]:
    """The ordinary face, and mean and deviation of what each region usually wins."""
    told = json.loads(ORDINARY.with_suffix(".json").read_text(encoding="utf-8"))
    regions = told.get(model, {}).get("regions", {})
    if tuple(regions) != REGIONS:
        raise WeightsError(
            f"{ORDINARY.with_suffix('.json')} must tell of {', '.join(REGIONS)} for {model}."
        )
    usual = np.array([regions[name] for name in REGIONS], np.float64)
    return read_image(ORDINARY).pixels, usual[:, 0], usual[:, 1]
