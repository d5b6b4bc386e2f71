"""Scores that must not change unnoticed: one portrait, degraded in three ways, by the methods that
need nothing but the package.

`python tests/golden/test_scores.py` writes scores.json anew, after a change that was meant to
change them.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.faces.align import align
from fiqa.faces.degrade import degrade
from fiqa.types import Faces

pytestmark = pytest.mark.numeric

GOLDEN = Path(__file__).with_name("scores.json")
LANDMARKS = [[204.2, 100.3], [247.1, 102.3], [224.5, 125.8], [205.6, 150.1], [241.2, 151.7]]
"""Eyes, nose and corners of the mouth in scikit-image's portrait, as the dlib detector finds
them."""
METHODS = ("fiqa", "fiqa-large", "analytic", "laplacian")
DEGRADED = {"clean": 0.0, "blur": 0.6, "low_light": 0.6, "jpeg": 0.8}


def computed() -> dict[str, dict[str, dict[str, float]]]:
    """Method -> picture -> what it says: the score, and those of the six factors that it knows."""
    image = pytest.importorskip("skimage.data").astronaut()
    clean = Faces(align(image, np.array(LANDMARKS, np.float32)).crop[None])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for method in METHODS:
        scorer = fiqa.load(method)
        found[method] = {}
        for kind, strength in DEGRADED.items():
            face = degrade(clean, kind, strength, seed=0) if strength else clean
            numbers = {"score": float(scorer.score(face)[0])}
            if method != "laplacian":
                numbers |= {
                    name: float(value[0]) for name, value in scorer.explain(face).quality.items()
                }
            found[method][kind] = {
                name: round(number, 5) for name, number in numbers.items() if np.isfinite(number)
            }
    return found


def test_scores_are_those_that_were_written() -> None:
    wanted, found = json.loads(GOLDEN.read_text()), computed()
    assert found.keys() == wanted.keys() == set(METHODS)
    for method, kind in product(METHODS, DEGRADED):
        # Prescott, Haswell and SkylakeX kernels with 1 and 4 threads gave the same numbers; the
        # room is for another build of OpenCV, which may round a pixel otherwise
        assert found[method][kind] == pytest.approx(wanted[method][kind], rel=0.01, abs=0.005), (
            method,
            kind,
        )


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(computed(), indent=1) + "\n")
