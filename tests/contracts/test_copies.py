"""Every scorer can be pickled and copied, and the copy gives the same scores to the bit."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import fiqa
from fiqa import methods
from fiqa.types import Faces, Scorer

SCORERS = [
    name
    for name in methods.names()
    if "score" in methods.card(name).gives and methods.card(name).status == "ready"
]
WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda scorer: pickle.loads(pickle.dumps(scorer)),
    "deepcopy": copy.deepcopy,
}


def faces(count: int = 3) -> Faces:
    """Textures that differ."""
    rng = np.random.default_rng(2)
    crops = [
        cv2.GaussianBlur(rng.integers(0, 256, (112, 112, 3), np.uint8), (0, 0), 0.5 + 0.4 * i)
        for i in range(count)
    ]
    return Faces(np.stack(crops))


@pytest.fixture(scope="module")
def recognizer() -> Any:
    """A MobileFaceNet that was never trained, with dropout."""
    torch = pytest.importorskip("torch")
    from fiqa.nets.catalog import backbone
    from fiqa.nets.recognizer import TorchRecognizer
    from fiqa.runtime.cards import ModelInput

    spec = ModelInput(
        size=112, color="RGB", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return TorchRecognizer(backbone("mobilefacenet", 16)[0], spec, dropout=0.4)


@pytest.fixture
def load(recognizer: Any) -> Callable[[str], Scorer]:
    """fiqa.load with what each method needs."""

    def make(name: str) -> Scorer:
        settings: dict[str, Any] = {}
        if "recognizer" in methods.card(name).needs:
            settings["recognizer"] = recognizer
        if name == "froq":
            crops = faces(20).crops
            settings["reference"] = (crops, fiqa.load("laplacian").score(crops))
        if name == "faceqan":
            settings |= {"copies": 1, "steps": 2}
        if name == "ser_fiq":
            settings["passes"] = 5
        return fiqa.load(name, **settings)

    return make


def alike(one: Scorer, other: Scorer, what: Faces) -> None:
    """The same scores, factors and facts."""
    raw = one.score(what)
    assert np.ptp(raw) > 0
    np.testing.assert_array_equal(raw, other.score(what))
    for name in ("name", "version", "sha256", "preprocess", "calibration", "raw_range"):
        assert getattr(one, name) == getattr(other, name)
    why, same = one.explain(what), other.explain(what)
    assert (why is None) == (same is None)
    if why is not None and same is not None:
        np.testing.assert_array_equal(why.matrix, same.matrix)
        assert why.reasons == same.reasons


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SCORERS)
def test_a_copy_of_a_scorer_is_the_same(name: str, way: str, load: Callable[[str], Scorer]) -> None:
    scorer = load(name)
    alike(scorer, WAYS[way](scorer), faces())


def test_a_pickled_scorer_works_in_another_process(tmp_path: Path) -> None:
    packed, crops = tmp_path / "scorer", tmp_path / "crops.npy"
    packed.write_bytes(pickle.dumps(fiqa.load()))
    np.save(crops, faces().crops)
    code = (
        "import pickle, sys, numpy as np; scorer = pickle.load(open(sys.argv[1], 'rb'));"
        " print(scorer.score(np.load(sys.argv[2])).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, packed, crops],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = np.frombuffer(bytes.fromhex(done.stdout), np.float32)
    np.testing.assert_allclose(found, fiqa.load().score(faces()), rtol=1e-6)


@pytest.mark.realdata
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("width", ["dm025", "dm100"])
def test_a_copy_of_a_published_graph_is_the_same(data: Path, way: str, width: str) -> None:
    scorer = fiqa.load(data / "models" / f"lightqnet-{width}.pb")
    alike(scorer, WAYS[way](scorer), faces())
