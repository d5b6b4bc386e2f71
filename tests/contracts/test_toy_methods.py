"""CONTRIBUTING's "how to add a method" is enough: two methods added by that page alone."""

from __future__ import annotations

import sys
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa import methods
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.images import write_image
from fiqa.errors import UnknownNameError
from fiqa.functional.calibration import Calibration
from fiqa.methods.labeler import Job, Labeler, Labels, Work, needs_of, options_of
from fiqa.types import Embeddings, Faces, MethodCard, Scorer

TOY_LABEL = MethodCard(
    name="toy_label",
    paper="none",
    year=2026,
    family="label",
    needs=("embeddings", "identities"),
    gives=("label",),
)
TOY_SCORE = MethodCard(
    name="toy_score",
    paper="none",
    year=2026,
    family="score",
    needs=("crops",),
    gives=("score", "label"),
)


def first_number(
    *, embeddings: np.ndarray, identities: np.ndarray, power: float = 1.0
) -> np.ndarray:
    """The first number of each vector, to a power."""
    return np.abs(embeddings[:, 0]) ** power


def labeler() -> Labeler:
    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        vectors = job.needed_vectors()
        return Labels(first_number(embeddings=vectors, identities=job.identities, **options))

    return Labeler(run, options_of(first_number), needs_of(TOY_LABEL))


class ToyScorer(Scorer):
    """Mean brightness."""

    name, version, preprocess = "toy_score", "1", "none"

    def __init__(self, width: float) -> None:
        self.calibration = Calibration(0.5, width)

    def score(self, crops):
        images = crops.crops if isinstance(crops, Faces) else crops
        return images.mean(axis=(1, 2, 3)).astype(np.float32) / 255


def scorer(*, width: float = 0.1) -> ToyScorer:
    return ToyScorer(width)


@pytest.fixture
def added(monkeypatch):
    """The two lines in the table, and the two modules."""
    for name, parts in {
        "toy_label": {"CARD": TOY_LABEL, "labeler": labeler},
        "toy_score": {"CARD": TOY_SCORE, "scorer": scorer},
    }.items():
        module = ModuleType(f"fiqa.methods.{name}")
        for key, value in parts.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    table = {
        **methods.TABLE,
        "toy_label": "fiqa.methods.toy_label",
        "toy_score": "fiqa.methods.toy_score",
    }
    monkeypatch.setattr(methods, "TABLE", MappingProxyType(table))


@pytest.fixture
def data(tmp_path, rng):
    ids = [f"p{i % 2}/{i}" for i in range(6)]
    for i, name in enumerate(ids):
        (tmp_path / "crops" / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "crops" / f"{name}.png", np.full((112, 112, 3), 40 * i, np.uint8))
    vectors = rng.normal(size=(6, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_embeddings(Embeddings(np.array(ids), vectors.astype(np.float32)), tmp_path / "e.npz")
    return tmp_path, vectors


def test_a_label_method_works_in_the_api_and_on_the_command_line(added, data):
    folder, vectors = data
    got = fiqa.label("toy_label", embeddings=folder / "e.npz", power=2.0)
    np.testing.assert_allclose(got.value, vectors[:, 0] ** 2, rtol=1e-5)
    words = ["label", "toy_label", "--embeddings", str(folder / "e.npz"), "--set", "power=2"]
    done = CliRunner().invoke(build(), [*words, "-o", str(folder / "l.parquet")])
    assert done.exit_code == 0, done.output
    table = pl.read_parquet(folder / "l.parquet")
    np.testing.assert_allclose(table["value"], vectors[:, 0] ** 2, rtol=1e-5)
    with pytest.raises(UnknownNameError, match="power"):
        fiqa.label("toy_label", embeddings=folder / "e.npz", pwoer=2.0)


def test_a_score_method_works_in_the_api_and_on_the_command_line(added, data):
    folder, _ = data
    assert repr(fiqa.load("toy_score", width=0.2)).startswith("<ToyScorer toy_score")
    words = ["score", str(folder / "crops"), "--aligned", "--model", "toy_score", "--workers", "1"]
    done = CliRunner().invoke(build(), [*words, "-o", str(folder / "s.parquet"), "--quiet"])
    assert done.exit_code == 0, done.output
    table = pl.read_parquet(folder / "s.parquet").sort("path")
    order = [f"p{i % 2}/{i}" for i in (0, 2, 4, 1, 3, 5)]
    assert table["id"].to_list() == order
    np.testing.assert_allclose(table["raw"], [40 * i / 255 for i in (0, 2, 4, 1, 3, 5)], atol=1e-6)


def test_a_score_that_gives_labels_labels_too_and_both_are_listed(added, data):
    folder, _ = data
    got = fiqa.label("toy_score", faces=folder / "crops", workers=1)
    assert sorted(got.value.tolist()) == pytest.approx([40 * i / 255 for i in range(6)], abs=1e-6)
    listing = CliRunner().invoke(build(), ["methods"]).output
    assert "toy_label" in listing
    assert "toy_score" in listing
