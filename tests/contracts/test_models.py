"""What holds for every quality model that is a file: a CLIB-FIQA one, tiny and untrained, stands
for them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import fiqa
from fiqa.errors import ShapeError, UnknownNameError
from fiqa.runtime.cards import card_path
from fiqa.types import Faces, Factors, Scorer
from fiqa.vocabulary import FACTORS

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from fiqa.methods.clib_fiqa.convert import write_model  # noqa: E402
from fiqa.methods.clib_fiqa.towers import Towers  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file: two convolutions, the mean and the deviation of their places, 360 random
    prompts."""

    class Image(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, 2)
            )

        def forward(self, x):
            return self.layers(x).square().mean(dim=(2, 3))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        found = Towers(Image(), torch.randn(360, 16), 100.0, 32)
    path = tmp_path_factory.mktemp("model") / "clib.onnx"
    write_model(found, path, origin="a test")
    return path


@pytest.fixture
def faces(rng):
    """Seven crops of noise, coarse to fine, that no score is the same of."""
    crops = [
        np.kron(rng.integers(0, 256, (k, k, 3)), np.ones((112 // k, 112 // k, 1)))
        for k in (4, 7, 8, 14, 16, 28, 56)
    ]
    return Faces(np.stack(crops).astype(np.uint8))


def test_it_is_a_scorer(model):
    scorer = fiqa.load(model)
    assert isinstance(scorer, Scorer)
    assert scorer.name == "clib"
    assert len(scorer.version) == 64
    assert scorer.preprocess.startswith("RGB 32x32")
    assert list(scorer.calibration.level_cuts) == sorted(scorer.calibration.level_cuts)


def test_a_model_in_fiqa_home_is_found_by_its_name(model, tmp_path, monkeypatch):
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    with pytest.raises(UnknownNameError, match="Unknown method 'clib-fiqa'"):
        fiqa.load("clib-fiqa")
    for file in (model, card_path(model)):
        shutil.copy(file, tmp_path / f"clib-fiqa{file.suffix}")
    assert fiqa.load("clib-fiqa").version == fiqa.load(model).version
    with pytest.raises(UnknownNameError, match=r"Unknown method '\.\./clib-fiqa'"):
        fiqa.load("../clib-fiqa")


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_shapes_and_ranges(model, faces, count):
    scorer, part = fiqa.load(model), faces.take(slice(count))
    raw = scorer.score(part)
    assert raw.shape == (count,)
    assert raw.dtype == np.float32
    assert ((raw >= 0.1) & (raw <= 0.9)).all()
    unified = scorer.unified(raw)
    assert unified.shape == (count,)
    assert ((unified >= 0) & (unified <= 100)).all()
    why = scorer.explain(part)
    assert isinstance(why, Factors)
    assert len(why) == count
    for name in FACTORS:
        known = why.quality[name][np.isfinite(why.quality[name])]
        assert len(known) == (0 if name in ("visibility", "crop") else count)
        assert ((known >= 0) & (known <= 1)).all()
    for axis in ("blur", "occlusion", "pose", "expression", "illumination", "quality"):
        levels = [value for name, value in why.measures.items() if name.startswith(f"p_{axis}_")]
        np.testing.assert_allclose(np.sum(levels, axis=0), np.ones(count), atol=1e-5)


def test_a_face_scores_and_is_explained_the_same_in_any_batch(model, faces):
    scorer = fiqa.load(model)
    raw, why = scorer.score(faces), scorer.explain(faces)
    assert len(set(raw.tolist())) == 7
    np.testing.assert_array_equal(raw, fiqa.load(model).score(faces))
    ones = [faces.take(slice(i, i + 1)) for i in range(7)]
    np.testing.assert_allclose(raw, [scorer.score(one)[0] for one in ones], rtol=1e-5)
    np.testing.assert_allclose(
        raw[::-1], scorer.score(np.ascontiguousarray(faces.crops[::-1])), rtol=1e-5
    )
    alone = [scorer.explain(one) for one in ones]
    for name, value in (why.quality | why.measures).items():
        each = [(one.quality | one.measures)[name][0] for one in alone]
        np.testing.assert_allclose(value, each, rtol=1e-4, atol=1e-6)


def test_the_input_is_left_alone_and_anything_but_crops_is_refused(model, faces):
    scorer, before = fiqa.load(model), faces.crops.copy()
    scorer.score(faces)
    scorer.explain(faces)
    np.testing.assert_array_equal(before, faces.crops)
    for wrong in (np.zeros((112, 112, 3), np.uint8), np.zeros((1, 112, 112, 3), np.float32)):
        with pytest.raises(ShapeError, match="crops must"):
            scorer.score(wrong)
