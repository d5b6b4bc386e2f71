"""fiqa.clean on real people with planted faults: what docs/guides/clean.md says it finds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fiqa


@pytest.fixture(scope="module")
def recipe(root: Path):
    sys.path.insert(0, str(root / "recipes"))
    import clean

    yield clean
    sys.path.remove(str(root / "recipes"))
    sys.modules.pop("clean", None)


@pytest.mark.slow
def test_planted_faults_are_found_and_right_people_are_let_be(recipe, data, tmp_path):
    recipe.plant(data, tmp_path, 2)
    recipe.write_recognizers(data, tmp_path)
    vectors = fiqa.embed(tmp_path / "faces", recognizer=tmp_path / "recognizer_a.onnx")
    findings = fiqa.clean(tmp_path / "faces", vectors, aligned=True)
    counts = {
        issue: (planted, found, beside)
        for issue, planted, found, beside in recipe.counted(findings, tmp_path / "truth_faces.csv")
    }
    for issue in ("unreadable", "exact_duplicate", "leak_image", "leak_person", "too_small"):
        planted, found, beside = counts[issue]
        assert (found, beside) == (planted, 0), issue
    least = {"near_duplicate": 0.9, "wrong_person": 0.8, "two_names": 0.8, "no_face": 0.9,
             "blurred": 0.9, "dark": 0.9, "covered": 0.6, "border": 0.9}  # fmt: skip
    for issue, share in least.items():
        planted, found, _ = counts[issue]
        assert found >= share * planted, issue
    for issue in ("wrong_person", "two_names", "near_duplicate", "no_face", "dark"):
        assert counts[issue][2] <= 4, issue
