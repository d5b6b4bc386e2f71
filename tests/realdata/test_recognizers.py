"""The recognizers of the measuring data run from cards written as their terms say, and verify LFW
as they should."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.formats import lfw_pairs
from fiqa.diagnosis.model import model_report, probe_faces
from fiqa.functional.verification import lfw_accuracy
from fiqa.runtime.describe import Described, describe
from fiqa.runtime.onnx import OnnxEmbedder
from fiqa.types import Manifest
from fiqa.verbs.embed import embed

pytestmark = pytest.mark.numeric

A = Described(
    kind="recognizer",
    color="RGB",
    mean=".485,.456,.406",
    std=".229,.224,.225",
    texts={"license": "Apache-2.0", "source": "foamliu/MobileFaceNet", "training_data": "MS1M"},
)
B = replace(
    A,
    mean=".5",
    std=".5",
    texts={
        "license": "MIT",
        "source": "bubbliiiing/arcface-pytorch",
        "training_data": "CASIA-WebFace",
    },
)


@pytest.fixture
def recognizer(data: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Recognizer a or b with its card, in a folder of its own."""

    def make(name: str) -> Path:
        path = tmp_path / f"recognizer_{name}.onnx"
        shutil.copyfile(data / "models" / path.name, path)
        describe(path, {"a": A, "b": B}[name])
        return path

    return make


@pytest.mark.parametrize("name", ["a", pytest.param("b", marks=pytest.mark.slow)])
def test_any_batch_gives_the_same_values(
    data: Path, recognizer: Callable[[str], Path], name: str
) -> None:
    crops = probe_faces(data / "lfw" / "aligned" / "George_W_Bush", 35).faces.crops
    embedder = OnnxEmbedder(recognizer(name))
    whole = embedder.embed(crops)
    assert whole.shape == (35, 128)
    assert whole.std(axis=0).min() > 0.01
    for size in (1, 2, 7):
        parts = np.concatenate([embedder.embed(crops[i : i + size]) for i in range(0, 35, size)])
        np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)


def test_the_order_of_colors_is_the_cards(data: Path, recognizer: Callable[[str], Path]) -> None:
    """BGR by mistake costs recognizer A accuracy on mated pairs: the card decides, and it shows."""
    path = recognizer("a")
    crops = probe_faces(data / "lfw" / "aligned" / "George_W_Bush", 20).faces.crops
    right = OnnxEmbedder(path).embed(crops)
    describe(path, replace(A, color="BGR"), replace=True)
    wrong = OnnxEmbedder(path).embed(crops)
    assert _mated(right) > _mated(wrong) + 0.005


def _mated(raw: np.ndarray) -> float:
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    cosine = unit @ unit.T
    return float(cosine[np.triu_indices(len(unit), 1)].mean())


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_with_a_recognizer(
    data: Path, recognizer: Callable[[str], Path]
) -> None:
    report = model_report(recognizer("b"), faces=probe_faces(data / "lfw" / "aligned", 6).faces)
    assert report.healthy, report.lines()


def _accuracy(data: Path, recognizer: Path | str, folds: int, **options: bool) -> float:
    """Accuracy over the first `folds` folds of pairs.txt, each at the threshold best on the others;
    only the images that they name are embedded."""
    folded = lfw_pairs.read(data / "lfw" / "pairs.txt")
    index, mated = folded.pairs.index[: 600 * folds], folded.pairs.mated[: 600 * folds]
    names = folded.pairs.ids[np.unique(index)]
    found = embed(
        Manifest(names, np.array([str(data / "lfw" / "aligned" / name) for name in names])),
        recognizer=recognizer,
        **options,
    )
    place = {name: row for row, name in enumerate(found.id.tolist())}
    rows = np.array([[place[str(folded.pairs.ids[i])] for i in pair] for pair in index])
    return lfw_accuracy(
        np.einsum("pd,pd->p", found.vector[rows[:, 0]], found.vector[rows[:, 1]]), mated, folds
    ).mean


@pytest.mark.slow
@pytest.mark.parametrize(("name", "printed", "folds"), [("a", 0.993, 2), ("b", 0.984, 2)])
def test_lfw_accuracy(
    data: Path, recognizer: Callable[[str], Path], name: str, printed: float, folds: int
) -> None:
    """A few of the ten folds keep the suite short, and scatter by half a percent;
    FIQA_TEST_FOLDS=10 takes all, to within 0.3 %."""
    wanted = int(os.environ.get("FIQA_TEST_FOLDS", folds))
    assert _accuracy(data, recognizer(name), wanted) == pytest.approx(
        printed, abs=0.003 if wanted == 10 else 0.006
    )


@pytest.mark.slow
def test_dlib_verifies_lfw(data: Path) -> None:
    pytest.importorskip("dlib")
    accuracy = _accuracy(data, "dlib", int(os.environ.get("FIQA_TEST_FOLDS", 2)))
    print(f"dlib on LFW: {accuracy:.4f}")
    assert accuracy >= 0.985
