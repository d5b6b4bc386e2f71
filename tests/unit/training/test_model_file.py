"""What ONNX and torch may differ by: relative to the spread of the scores, however narrow or large
they are (PFE's are far from 1, a student's may lie close together)."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import EvidenceError
from fiqa.training.model_file import agreement


def outputs(center: float, spread: float) -> np.ndarray:
    """(64,1) scores around `center` with that standard deviation."""
    scores = np.random.default_rng(0).normal(size=(64, 1))
    return (center + spread * (scores - scores.mean()) / scores.std()).astype(np.float64)


@pytest.mark.parametrize(
    ("center", "spread"), [(0.5, 0.2), (-350.0, 4.0), (0.5, 1e-5), (1e-6, 1e-7)]
)
def test_a_hundredth_of_the_spread_is_too_much_at_any_scale(center: float, spread: float) -> None:
    scores = outputs(center, spread)
    allowed = min(1e-4 * max(1.0, np.abs(scores).max()), 1e-2 * scores.std())
    assert agreement(scores, scores + 0.9 * allowed) == pytest.approx(0.9 * allowed)
    with pytest.raises(EvidenceError, match="ONNX must give what torch gives to"):
        agreement(scores, scores + 1.1 * allowed)


def test_other_outputs_are_held_to_their_own_size() -> None:
    scores = np.hstack([outputs(0.5, 1e-5), outputs(0.5, 0.2)])
    moved = scores.copy()
    moved[0, 1] += 9e-5  # far beyond a hundredth of the score's own spread, but no score
    assert agreement(scores, moved) == pytest.approx(9e-5)
    moved[0, 1] += 1e-3
    with pytest.raises(EvidenceError):
        agreement(scores, moved)
