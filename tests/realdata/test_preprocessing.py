"""The preprocessing of the real recognizers is found from people of the measuring data."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fiqa.diagnosis.preprocessing import preprocessing
from fiqa.runtime.describe import Described

pytestmark = pytest.mark.numeric

OPEN = Described(kind="recognizer", color="", mean="", std="", texts={})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scaling"),
    [
        ("recognizer_a", "x / 255, ImageNet's mean and deviation"),
        ("recognizer_b", "(x - 127.5) / 127.5"),
    ],
)
def test_color_and_scaling_of_a_real_recognizer(
    data: Path, tmp_path: Path, name: str, scaling: str
) -> None:
    folder = data / "lfw" / "aligned"
    people = [p for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) >= 3]
    for k in np.random.default_rng(0).choice(len(people), 30, replace=False):
        (tmp_path / "crops" / people[k].name).mkdir(parents=True)
        for file in sorted(people[k].glob("*.jpg"))[:3]:
            shutil.copy(file, tmp_path / "crops" / people[k].name)
    found = preprocessing(data / "models" / f"{name}.onnx", OPEN, tmp_path / "crops")
    best = found.winner()
    assert (best.color, best.scaling) == ("RGB", scaling)
    assert best.separation > 3
