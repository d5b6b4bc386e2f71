"""Scripts of recipes/ as modules, and a small copy of the two sets that they read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest


@pytest.fixture
def part(root, monkeypatch) -> Any:
    """Imports a script of recipes/."""
    monkeypatch.syspath_prepend(str(root / "recipes"))
    yield importlib.import_module
    for name in [name for name, module in sys.modules.items() if _of(module, root / "recipes")]:
        sys.modules.pop(name)


def _of(module: object, folder: Path) -> bool:
    return Path(getattr(module, "__file__", None) or "/").parent == folder


def people(folder: Path, **counts: int) -> None:
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for k in range(count):
            crop = np.random.default_rng(k).integers(0, 256, (112, 112, 3), np.uint8)
            cv2.imwrite(str(folder / name / f"{name}_{k:04}.jpg"), crop)


@pytest.fixture
def two_sets(tmp_path: Path) -> Path:
    """Two people to train on, one to test on, and pins, one of whom is the test's."""
    people(tmp_path / "lfw/aligned", Ada=1, Bob=3, Cy=2)
    people(tmp_path / "pins/aligned", cy=4, Di=5)
    (tmp_path / "lfw/peopleDevTrain.txt").write_text("2\nAda\t1\nBob\t3\n")
    (tmp_path / "lfw/peopleDevTest.txt").write_text("1\nCy\t2\n")
    return tmp_path
