"""Spread by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fiqa.errors import EvidenceError, InputError, ShapeError
from fiqa.functional.spread import Spread, spread


def test_by_hand() -> None:
    score = np.arange(11) / 10
    result = spread(score)
    assert result.q90_q10 == pytest.approx(0.8)
    assert result.std == pytest.approx(math.sqrt(0.1))
    assert result.entropy == pytest.approx(math.log(11))
    assert result.count == 11


def test_entropy_runs_from_none_to_the_log_of_the_bins() -> None:
    assert spread([0.4] * 5) == Spread(0.0, 0.0, 0.0, 5)
    even = (np.arange(2000) + 0.5) / 2000
    assert spread(even).entropy == pytest.approx(math.log(20))
    assert spread([0.01, 0.04, 0.99, 0.96]).entropy == pytest.approx(math.log(2))  # nats, bins of .05
    assert spread([0.0, 1.0]).entropy == pytest.approx(math.log(2))


def test_one_score() -> None:
    assert spread([1.0]) == Spread(0.0, 0.0, 0.0, 1)


def test_refuses() -> None:
    with pytest.raises(EvidenceError, match="at least one score, got 0"):
        spread([])
    with pytest.raises(InputError, match=r"(?s)score must lie in \[0, 1\], got 0.5..17.0.*calibrate raw scores"):
        spread([0.5, 17.0])
    with pytest.raises(InputError, match="score must be finite"):
        spread([np.nan])
    with pytest.raises(ShapeError, match="score must have shape"):
        spread([[0.5]])
