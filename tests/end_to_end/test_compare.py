"""The Python parts of the comparison: who the slow method scores, which numbers are in the tables."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.types import Embeddings, Quality

pytest.importorskip("torch")


@pytest.fixture
def compare(root, monkeypatch) -> Any:
    """recipes/compare.py."""
    monkeypatch.syspath_prepend(str(root / "recipes"))
    yield importlib.import_module("compare")
    for name in ("compare", "bundled", "bundled_peers", "splits", "labels"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(tmp_path: Path, rng) -> Path:
    """Both sets with vectors of two recognizers, two whole scores and one of a few images."""
    ids = np.array([f"p{person}/{k}" for person in range(20) for k in range(5)])
    for name in ("clean", "spoiled"):
        folder = tmp_path / f"scores_{name}"
        folder.mkdir()
        for r in "ab":
            raw = np.repeat(rng.normal(size=(20, 16)), 5, axis=0) + 0.6 * rng.normal(size=(100, 16))
            norm = np.linalg.norm(raw, axis=1)
            write_embeddings(Embeddings(ids, raw / norm[:, None], norm, r), folder / f"{r}.npz")
        for method in ("fiqa", "lightqnet-dm100"):
            write_quality(Quality(ids, rng.random(100).astype(np.float32), method), folder / f"{method}.parquet")
        write_quality(Quality(ids[:50], rng.random(50).astype(np.float32), "slow"), folder / "slow.parquet")
    return tmp_path


def test_the_table_has_the_areas_of_evaluate(compare, run, capsys):
    compare.tables(run / "nowhere", run)
    printed = capsys.readouterr().out
    for name in ("clean", "spoiled"):
        folder = run / f"scores_{name}"
        found = fiqa.evaluate(folder / "fiqa.parquet", [folder / "a.npz", folder / "b.npz"], draws=0, fmr=1e-3)
        for r in "ab":
            assert f"{found.curve('fiqa', r).areas[0.3, 'start'].value:.3f} [" in printed
        assert (run / f"report_{name}/index.html").is_file()
        assert f"**{name}, 50 images that slow has (50 images; " in printed
    assert printed.count("norm of A") == 2, "what lacks images is judged beside two others alone"


def test_the_slow_method_scores_people_with_two_to_six_images(compare):
    paths = [Path(f"p{person:03}/{k}.jpg") for person in range(120) for k in range(person % 9)]
    chosen = compare.few(paths)
    assert chosen == compare.few(reversed(paths))
    assert compare.FEW <= len(chosen) < compare.FEW + 6
    people = {path.parent.name for path in chosen}
    assert all(2 <= sum(path.parent.name == name for path in paths) <= 6 for name in people)
    assert sorted(chosen) == sorted(path for path in paths if path.parent.name in people)


def test_models_that_are_there_are_compared(compare, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/pfe.onnx").touch()
    assert list(compare.models(tmp_path, tmp_path)) == ["lightqnet-dm100", "fiqa", "analytic", "laplacian", "pfe"]
    (tmp_path / "recognizer_a.pt").touch()
    assert list(compare.models(tmp_path, tmp_path))[-4:] == ["grafiqs", "ser_fiq", "froq", "faceqan"]


def test_the_peak_of_a_method_is_that_of_its_own_process(compare, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((112, 112, 3), 90, np.uint8))
    (tmp_path / "clean.txt").write_text(f"{tmp_path / 'a.png'}\n")
    assert 20 < compare.memory({"model": "laplacian"}, tmp_path) < 4000
