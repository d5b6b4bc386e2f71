"""Variance of the Laplacian against a slow loop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqa.methods.laplacian import Laplacian
from fiqa.types import Faces

pytestmark = pytest.mark.numeric


def test_it_is_the_logarithm_of_the_variance(rng):
    crop = rng.integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    luma = cv2.cvtColor(crop[0], cv2.COLOR_RGB2GRAY).astype(float)
    p = np.pad(luma, 1, mode="reflect")
    slow = [
        p[y, x + 1] + p[y + 2, x + 1] + p[y + 1, x] + p[y + 1, x + 2] - 4 * luma[y, x]
        for y in range(112)
        for x in range(112)
    ]
    assert Laplacian().score(crop)[0] == pytest.approx(np.log1p(np.var(slow)), rel=1e-6)
    assert Laplacian().score(Faces(crop))[0] == Laplacian().score(crop)[0]


def test_it_has_no_factors(rng):
    assert (
        Laplacian().explain(Faces(rng.integers(0, 256, (1, 112, 112, 3), dtype=np.uint8))) is None
    )


def test_fifty_is_where_its_card_says():
    assert Laplacian().unified(np.float32([0.0, 5.0, 8.0])).tolist() == [0, 50, 97]
