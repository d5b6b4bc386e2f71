"""Simulated fleets: frames inside a drive are alike, as those of a film are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

Change = Callable[[NDArray[np.float64]], NDArray[np.float64]]
LAG = 0.8
CELLS = (("front", "nir"), ("front", "rgb"), ("rear", "nir"), ("rear", "rgb"))


@pytest.fixture(scope="session")
def fleet() -> Callable[..., pl.DataFrame]:
    """Makes a table of scores of drives: neighbors correlate with .8, drives differ by .4 of the
    deviation inside them, and the two regimes have other means. `change` is of the raw scores
    (drives, frames) around .5 with deviation .1."""
    from scipy.signal import lfilter

    def make(
        rng: np.random.Generator, drives: int = 30, frames: int = 60, *,
        cells: Any = CELLS, change: Change | None = None, name: str = "d",
    ) -> pl.DataFrame:  # fmt: skip
        parts = []
        for number, (camera, regime) in enumerate(cells):
            noise = rng.normal(size=(drives, frames)) * np.sqrt(1 - LAG**2)
            noise[:, 0] = rng.normal(size=drives)
            inside = lfilter([1.0], [1.0, -LAG], noise, axis=1)
            raw = 0.5 + 0.1 * (inside + 0.4 * rng.normal(size=(drives, 1)))
            raw = raw if change is None else change(raw)
            raw = raw + (0.05 if regime == "rgb" else 0.0)
            units = np.repeat([f"{name}{number}-{k}" for k in range(drives)], frames)
            columns = {"drive": units, "camera": camera, "regime": regime, "raw": raw.ravel()}
            parts.append(pl.DataFrame(columns))
        return pl.concat(parts)

    return make
