"""What holds for every method of the table, whoever adds one."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

import fiqa
from fiqa import methods
from fiqa.errors import InputError, ShapeError, UnknownNameError, WeightsError
from fiqa.faces.degrade import degrade
from fiqa.faces.factors.structure import drawing
from fiqa.types import Faces, Factors, MethodCard, Scorer

SCORERS = [name for name in methods.names() if "score" in methods.card(name).gives]
LABELERS = [name for name in methods.names() if "score" not in methods.card(name).gives]
TRAINED = [name for name in methods.names() if methods.card(name).gives == ("train",)]


def faces(count: int) -> Faces:
    """Drawn faces that differ."""
    rng = np.random.default_rng(5)
    crops = np.zeros((count, 112, 112, 3), np.uint8)
    for i in range(count):
        texture = cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.9 + 0.1 * i)
        luma = 150 + 4 * i + 100 * drawing() + 14 * texture
        crops[i] = np.clip(np.stack([luma + 15, luma, luma - 10], axis=-1), 0, 255)
    return Faces(crops)


@pytest.mark.parametrize("name", methods.names())
def test_the_card_is_complete(name):
    card = methods.card(name)
    assert isinstance(card, MethodCard)
    assert card.name == name
    assert 1990 <= card.year <= 2030
    assert all((card.paper, card.family, card.summary, card.limits, card.needs, card.gives))
    assert set(card.needs) <= {
        "crops", "landmarks", "embeddings", "identities", "prior", "templates", "recognizer", "factors",
    }  # fmt: skip
    assert set(card.gives) <= {"score", "label", "train", "probe"}
    assert card.status in ("ready", "external", "planned")
    assert ("score" in card.gives) == hasattr(methods._module(name), "scorer")
    assert "score" not in card.gives or card.preprocess


def test_listing_needs_no_heavy_package():
    code = (
        "import sys; from fiqa import methods; cards = [methods.card(n) for n in methods.names()]; "
        "heavy = {'torch', 'scipy', 'sklearn', 'cv2', 'onnxruntime', 'polars', 'matplotlib', 'transformers'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SCORERS)
class TestScorers:
    def test_it_is_a_scorer(self, name):
        scorer = fiqa.load(name)
        assert isinstance(scorer, Scorer)
        assert scorer.name == name
        assert scorer.version == f"fiqa {fiqa.__version__}"
        assert scorer.preprocess
        assert list(scorer.level_cuts) == sorted(scorer.level_cuts)

    @pytest.mark.parametrize("count", [0, 1, 2, 7])
    def test_shapes(self, name, count):
        scorer = fiqa.load(name)
        raw = scorer.score(faces(count))
        assert raw.shape == (count,)
        assert raw.dtype == np.float32
        assert np.isfinite(raw).all()
        unified = scorer.unified(raw)
        assert unified.shape == (count,)
        assert ((unified >= 0) & (unified <= 100)).all()

    def test_a_face_scores_the_same_in_any_batch_and_every_time(self, name):
        scorer, batch = fiqa.load(name), faces(7)
        raw = scorer.score(batch)
        assert len(set(raw.tolist())) == 7
        np.testing.assert_array_equal(raw, fiqa.load(name).score(batch))
        np.testing.assert_array_equal(raw, [scorer.score(batch.take(slice(i, i + 1)))[0] for i in range(7)])
        np.testing.assert_array_equal(raw[::-1], scorer.score(np.ascontiguousarray(batch.crops[::-1])))

    def test_the_input_is_left_alone(self, name):
        batch = faces(2)
        before = batch.crops.copy()
        scorer = fiqa.load(name)
        scorer.score(batch)
        scorer.explain(batch)
        np.testing.assert_array_equal(before, batch.crops)

    def test_a_clean_face_beats_a_blurred_one(self, name):
        scorer, clean = fiqa.load(name), faces(3)
        assert (scorer.score(clean) > scorer.score(degrade(clean, "blur", 1.0))).all()

    def test_a_blank_crop_does_not_win(self, name):
        scorer = fiqa.load(name)
        blank = np.stack([np.full((112, 112, 3), v, np.uint8) for v in (0, 127, 255)])
        assert scorer.score(blank).max() < scorer.score(faces(3)).min()

    def test_noise_does_not_win(self, name):
        if name == "laplacian":
            pytest.skip("the classic measure takes noise for sharpness; its card says so")
        scorer = fiqa.load(name)
        noise = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)
        assert scorer.score(noise).max() < scorer.score(faces(3)).min()
        assert scorer.unified(scorer.score(noise)).max() < 20

    def test_explain_gives_factors_or_says_that_there_are_none(self, name):
        why = fiqa.load(name).explain(faces(2))
        assert why is None or (isinstance(why, Factors) and len(why) == 2)

    @pytest.mark.parametrize("wrong", [np.zeros((112, 112, 3), np.uint8), np.zeros((1, 112, 112, 3), np.float32)])
    def test_anything_but_crops_is_refused(self, name, wrong):
        with pytest.raises(ShapeError, match=r"crops must"):
            fiqa.load(name).score(wrong)


@pytest.mark.parametrize("name", LABELERS)
def test_a_label_method_is_no_scorer(name):
    what = "is trained" if name in TRAINED else "makes labels"
    with pytest.raises(InputError, match=f"needs a method that scores images; {name} {what} from"):
        fiqa.load(name)


def test_the_default_is_analytic():
    assert fiqa.load().name == fiqa.load(methods.DEFAULT).name == "analytic"


def test_an_unknown_name_gets_the_closest_one():
    with pytest.raises(UnknownNameError, match="Unknown method 'analitic'") as caught:
        fiqa.load("analitic")
    assert caught.value.closest == "analytic"
    with pytest.raises(UnknownNameError, match="did you mean 'laplacian'"):
        methods.card("laplace")


def test_an_onnx_path_goes_to_the_runtime(tmp_path):
    with pytest.raises(WeightsError, match=r"missing\.onnx"):
        fiqa.load(tmp_path / "missing.onnx")
