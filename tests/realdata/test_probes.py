"""The training-free probes ask a trained recognizer about real faces."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.diagnosis.model import probe_faces
from fiqa.faces.degrade import degrade
from fiqa.nets.recognizer import TorchRecognizer, describe_weights, open_recognizer
from fiqa.runtime.describe import Described
from fiqa.runtime.onnx import OnnxEmbedder
from fiqa.runtime.weights import REGISTRY
from fiqa.types import Faces

pytestmark = pytest.mark.numeric

GIVEN = Described(
    kind="recognizer",
    color="RGB",
    mean=".485,.456,.406",
    std=".229,.224,.225",
    backbone="mobilefacenet",
    embedding=128,
    texts={
        "license": "Apache-2.0",
        "source": "foamliu/MobileFaceNet",
        "training_data": "MS1M",
        "objective": "arcface",
    },
)

PROBES = {
    "norm": {},
    "grafiqs": {},
    "ser_fiq": {"dropout": 0.4, "passes": 50},
    "faceqan": {"copies": 1, "steps": 2},
}


@pytest.fixture(scope="module")
def weights(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recognizer A's state dict with its card."""
    path = tmp_path_factory.mktemp("a") / "recognizer_a.pt"
    shutil.copyfile(data / "models" / path.name, path)
    describe_weights(path, GIVEN)
    return path


@pytest.fixture(scope="module")
def recognizer(weights: Path) -> TorchRecognizer:
    return open_recognizer(weights)


@pytest.fixture(scope="module")
def clean(data: Path) -> Faces:
    return Faces(probe_faces(data / "lfw" / "aligned" / "George_W_Bush", 5).faces.crops)


def test_the_state_dict_and_the_onnx_file_are_one_recognizer(
    recognizer, clean, data: Path, tmp_path: Path
) -> None:
    from fiqa.runtime.describe import describe

    path = tmp_path / "recognizer_a.onnx"
    shutil.copyfile(data / "models" / path.name, path)
    describe(path, GIVEN)
    np.testing.assert_allclose(
        recognizer.embed(clean.crops), OnnxEmbedder(path).embed(clean.crops), atol=2e-3
    )
    both = [fiqa.load("norm", recognizer=r).score(clean) for r in (path, recognizer)]
    np.testing.assert_allclose(*both, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["norm", "ser_fiq", *(pytest.param(n, marks=pytest.mark.slow) for n in ("grafiqs", "faceqan"))],
)
def test_a_clean_face_beats_its_blurred_copy_and_what_is_no_face(name, recognizer, clean) -> None:
    scorer = fiqa.load(name, recognizer=recognizer, **PROBES[name])
    raw = scorer.score(clean)
    assert (raw > scorer.score(degrade(clean, "blur", 0.8))).all()
    if name == "faceqan":
        assert "blank crop may keep a stable, symmetric vector" in fiqa.methods.card(name).limits
        return
    blank = np.stack([np.full((112, 112, 3), v, np.uint8) for v in (0, 127, 255)])
    assert scorer.score(blank).max() < raw.min()
    noise = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    assert name == "grafiqs" or scorer.score(noise).max() < raw.min()


@pytest.mark.slow
def test_froq_carries_its_reference_to_other_faces(recognizer, data: Path, clean) -> None:
    """Layers chosen on ten photographs, clean and blurred, by the norm; seen on a face of none of
    them."""
    faces = Faces(
        np.concatenate([probe_faces(data / "lfw" / "aligned" / "Colin_Powell", 10).faces.crops])
    )
    reference = np.concatenate([faces.crops, degrade(faces, "blur", 0.6).crops])
    scores = fiqa.load("norm", recognizer=recognizer).score(reference)
    scorer = fiqa.load("froq", recognizer=recognizer, reference=(reference, scores))
    assert (scorer.score(clean) > scorer.score(degrade(clean, "blur", 0.8))).all()


def test_grafiqs_at_a_block_agrees_in_any_batch(recognizer, clean) -> None:
    scorer = fiqa.load("grafiqs", recognizer=recognizer, at="features.3")
    raw = scorer.score(clean)
    alone = np.concatenate([scorer.score(clean.crops[i : i + 1]) for i in range(len(clean))])
    np.testing.assert_allclose(raw, alone, rtol=1e-5)


def test_the_registry_describes_the_published_graphs(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clean
) -> None:
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    shutil.copy(data / "models" / "lightqnet-dm050.pb", tmp_path)
    assert REGISTRY["lightqnet-dm050"].size == (tmp_path / "lightqnet-dm050.pb").stat().st_size
    by_name = fiqa.load("lightqnet", width="dm050")
    by_path = fiqa.load(data / "models" / "lightqnet-dm050.pb")
    np.testing.assert_array_equal(by_name.score(clean), by_path.score(clean))
    assert (by_name.score(clean) > by_name.score(degrade(clean, "blur", 1.0))).all()
