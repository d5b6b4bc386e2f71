"""The Python parts of the comparison: who the slow method scores, which numbers are in the
tables."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import entropy

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import read_quality, write_quality
from fiqa.types import Embeddings, Quality

pytest.importorskip("torch")

pytestmark = pytest.mark.numeric


@pytest.fixture
def compare(root, monkeypatch) -> Any:
    """recipes/compare.py."""
    monkeypatch.syspath_prepend(str(root / "recipes"))
    yield importlib.import_module("compare")
    for name in (
        "compare",
        "compare_labels",
        "curves",
        "bundled",
        "bundled_peers",
        "splits",
        "labels",
    ):
        sys.modules.pop(name, None)


@pytest.fixture
def run(tmp_path: Path, rng) -> Path:
    """Both sets with vectors of two recognizers, two whole scores and one of a few images."""
    ids = np.array([f"p{person}/{k}" for person in range(20) for k in range(5)])
    for name in ("clean", "degraded"):
        folder = tmp_path / f"scores_{name}"
        folder.mkdir()
        for r in "ab":
            raw = np.repeat(rng.normal(size=(20, 16)), 5, axis=0) + 0.6 * rng.normal(size=(100, 16))
            norm = np.linalg.norm(raw, axis=1)
            write_embeddings(Embeddings(ids, raw / norm[:, None], norm, r), folder / f"{r}.npz")
        for method in ("fiqa", "lightqnet-dm100"):
            write_quality(
                Quality(ids, rng.random(100).astype(np.float32), method),
                folder / f"{method}.parquet",
            )
        write_quality(
            Quality(ids[:50], rng.random(50).astype(np.float32), "slow"), folder / "slow.parquet"
        )
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("figures")
def test_the_table_has_the_areas_of_evaluate(compare, run, capsys):
    compare.tables(run / "nowhere", run)
    printed = capsys.readouterr().out
    for name in ("clean", "degraded"):
        folder = run / f"scores_{name}"
        found = fiqa.evaluate(
            folder / "fiqa.parquet", [folder / "a.npz", folder / "b.npz"], draws=0, fmr=1e-3
        )
        for r in "ab":
            assert f"{found.curve('fiqa', r).areas[0.3, 'start'].value:.3f} [" in printed
        assert (run / f"report_{name}/index.html").is_file()
        assert f"**{name}, 50 images that slow has (50 images; " in printed
    assert printed.count("norm of B") == 2, "what lacks images is judged beside two others alone"


@pytest.mark.slow
@pytest.mark.usefixtures("figures")
def test_a_score_without_a_scale_has_the_spread_of_its_own_percentiles(compare, run, capsys):
    folder = run / "scores_clean"
    ids = read_quality(folder / "fiqa.parquet").id
    ramp = np.arange(100.0)
    pl.DataFrame({"id": ids, "raw": ramp - 500}).write_parquet(folder / "open.parquet")
    pl.DataFrame({"id": ids, "raw": ramp / 198, "score": ramp / 99}).write_parquet(
        folder / "half.parquet"
    )
    compare.tables(run / "nowhere", run)
    lines = capsys.readouterr().out.splitlines()
    ends = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[5:]
        for line in lines
        if line.startswith("| ")
    }
    assert ends["half"] == ["0.40", f"{entropy([10] * 9 + [9, 1]):.2f} |"]
    assert ends["open"] == [f"{0.8 * 99 / 97.02:.2f}*", f"{entropy([6] + [5] * 18 + [4]):.2f}* |"]


def test_trainings_are_shown_seed_by_seed(compare, run):
    folder = run / "scores_clean"
    (folder / "seeds").mkdir()
    ids = read_quality(folder / "fiqa.parquet").id
    values = {
        "pfe": ids,
        "seeds/pfe.1": ids[::-1],
        "seeds/pfe.2": np.sort(ids)[np.arange(100) % 7 * 10 + 3],
    }
    for name, order in values.items():
        number = np.unique(order, return_inverse=True)[1].astype(np.float32)
        pl.DataFrame({"id": ids, "raw": number}).write_parquet(folder / f"{name}.parquet")
    table = compare.trainings(run, "clean")
    (row,) = table.rows
    found = fiqa.evaluate(folder / "seeds/pfe.2.parquet", [folder / "a.npz"], draws=0, fmr=1e-3)
    assert row[0] == "pfe"
    assert [len(cell.split(" / ")) for cell in row[1:]] == [3] * 4
    assert row[2].split(" / ")[2] == f"{found.curve('pfe.2', 'a').areas[0.95, 'start'].value:.3f}"
    assert compare.trainings(run, "degraded").rows == []


@pytest.mark.slow
def test_optimized_labels_of_every_prior_are_learned_by_heads(compare, run, capsys):
    labels = importlib.import_module("compare_labels")
    (run / "labels").mkdir()
    for name in ("a.npz", "fiqa.parquet"):
        shutil.copy(run / "scores_clean" / name, run / "labels" / name)
    labels.tables(run / "nowhere", run)
    printed = capsys.readouterr().out
    assert printed.count("of 5 seeds") == 4 * 2, "four tests, two steps"
    folder = run / "scores_degraded"
    found = fiqa.evaluate(folder / "fiqa.parquet", folder / "b.npz", draws=200, fmr=1e-3).curve(
        "fiqa"
    )
    area = found.areas[0.95, "start"]
    assert f"| fiqa | {area.value:.3f} [{area.low:.3f}, {area.high:.3f}] |" in printed


def test_the_slow_method_scores_people_with_two_to_six_images(compare):
    paths = [Path(f"p{person:03}/{k}.jpg") for person in range(180) for k in range(person % 9)]
    chosen = compare.few(paths)
    assert chosen == compare.few(reversed(paths))
    assert compare.FEW <= len(chosen) < compare.FEW + 6
    people = {path.parent.name for path in chosen}
    assert all(2 <= sum(path.parent.name == name for path in paths) <= 6 for name in people)
    assert sorted(chosen) == sorted(path for path in paths if path.parent.name in people)


def test_models_that_are_there_are_compared(compare, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/seeds").mkdir()
    for name in ("pfe", "seeds/pfe.1"):
        (tmp_path / f"models/{name}.onnx").touch()
    assert list(compare.models(tmp_path, tmp_path)) == [
        "lightqnet-dm100",
        "fiqa",
        "fiqa-large",
        "analytic",
        "laplacian",
        "pfe",
    ]
    (tmp_path / "recognizer_a.pt").touch()
    assert list(compare.models(tmp_path, tmp_path))[-5:] == [
        "norm",
        "grafiqs",
        "ser_fiq",
        "froq",
        "faceqan",
    ]


@pytest.mark.slow
def test_the_peak_of_a_method_is_that_of_its_own_process(compare, tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((112, 112, 3), 90, np.uint8))
    assert 20 < compare.memory({"model": "laplacian"}, tmp_path / "a.png") < 4000
