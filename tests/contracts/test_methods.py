"""What holds for every method of the table, whoever adds one."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest

import fiqa
from fiqa import methods
from fiqa.errors import InputError, MissingExtraError, ShapeError, UnknownNameError, WeightsError
from fiqa.faces.degrade import degrade
from fiqa.faces.factors.structure import drawing
from fiqa.types import Faces, Factors, MethodCard, Scorer

pytestmark = pytest.mark.numeric

SCORERS = [
    name
    for name in methods.names()
    if "score" in methods.card(name).gives and methods.card(name).status == "ready"
]
"""Those that need no file which cannot be made here; what is external is measured in
tests/realdata."""
PROBES = [name for name in SCORERS if "recognizer" in methods.card(name).needs]
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


@pytest.fixture
def load(torch_recognizer):
    """fiqa.load, with a tiny recognizer for the methods that ask one, and a reference for the one
    that wants that."""
    clean = faces(7)
    crops = np.concatenate(
        [clean.crops, *(degrade(clean, "blur", amount).crops for amount in (0.3, 0.6, 1.0))]
    )

    def make(name, **settings):
        if "recognizer" in methods.card(name).needs:
            settings["recognizer"] = torch_recognizer
        if name == "froq":
            settings.setdefault("reference", (crops, fiqa.load("laplacian").score(crops)))
        if name == "faceqan":
            settings = {"copies": 3, "steps": 2} | settings
        return fiqa.load(name, **settings)

    return make


@pytest.mark.parametrize("name", methods.names())
def test_the_card_is_complete(name):
    card = methods.card(name)
    assert isinstance(card, MethodCard)
    assert card.name == name
    assert 1990 <= card.year <= 2030
    texts = (
        card.paper,
        card.family,
        card.summary,
        card.limits,
        card.equation,
        card.use,
        card.cost,
        card.weights,
    )
    assert all((*texts, card.preprocess, card.needs, card.gives))
    assert set(card.needs) <= {
        "crops",
        "landmarks",
        "embeddings",
        "identities",
        "prior",
        "templates",
        "recognizer",
        "factors",
    }
    assert set(card.gives) <= {"score", "label", "train", "probe"}
    assert card.status in ("ready", "external", "planned")
    assert ("score" in card.gives) == hasattr(methods.module(name), "scorer")


def test_listing_needs_no_heavy_package():
    code = (
        "import sys; from fiqa import methods; cards = [methods.card(n) for n in methods.names()];"
        " heavy = {'torch', 'scipy', 'sklearn', 'cv2', 'onnxruntime', 'polars', 'matplotlib',"
        " 'transformers'}; sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def same(one, other, name):
    """Equal to the bit; to 1e-5 of its size where a network sees batches of another size."""
    np.testing.assert_allclose(one, other, rtol=1e-5 if name in PROBES else 0, atol=0)


@pytest.mark.parametrize("name", SCORERS)
class TestScorers:
    def test_it_is_a_scorer(self, name, load):
        scorer = load(name)
        assert isinstance(scorer, Scorer)
        assert scorer.name == name
        assert (
            re.split("[;,]", scorer.version)[0] == f"fiqa {fiqa.__version__}"
            or len(scorer.version) == 64
        )
        assert scorer.preprocess
        assert list(scorer.calibration.level_cuts) == sorted(scorer.calibration.level_cuts)

    @pytest.mark.parametrize("count", [0, 1, 2, 7])
    def test_shapes(self, name, count, load):
        scorer = load(name)
        raw = scorer.score(faces(count))
        assert raw.shape == (count,)
        assert raw.dtype == np.float32
        assert np.isfinite(raw).all()
        unified = scorer.unified(raw)
        assert unified.shape == (count,)
        assert ((unified >= 0) & (unified <= 100)).all()

    def test_a_face_scores_the_same_in_any_batch_and_every_time(self, name, load):
        scorer, batch = load(name), faces(7)
        raw = scorer.score(batch)
        assert len(set(raw.tolist())) == 7
        np.testing.assert_array_equal(raw, load(name).score(batch))
        same(raw, [scorer.score(batch.take(slice(i, i + 1)))[0] for i in range(7)], name)
        same(raw[::-1], scorer.score(np.ascontiguousarray(batch.crops[::-1])), name)

    def test_the_input_is_left_alone(self, name, load):
        batch = faces(2)
        before = batch.crops.copy()
        scorer = load(name)
        scorer.score(batch)
        scorer.explain(batch)
        np.testing.assert_array_equal(before, batch.crops)

    def test_a_clean_face_beats_a_blurred_one(self, name, load):
        scorer, clean = load(name), faces(3)
        if name in PROBES and name != "froq":
            pytest.skip(
                "a recognizer that was never trained prefers nothing: tests/realdata/test_probes.py"
                " asks one that was"
            )
        assert (scorer.score(clean) > scorer.score(degrade(clean, "blur", 1.0))).all()

    def test_a_blank_crop_does_not_win(self, name, load):
        if name in PROBES:
            assert "blank" in methods.card(name).limits or "reference" in methods.card(name).limits
            pytest.skip("a probe knows what its recognizer saw; its card says so")
        scorer = load(name)
        blank = np.stack([np.full((112, 112, 3), v, np.uint8) for v in (0, 127, 255)])
        assert scorer.score(blank).max() < scorer.score(faces(3)).min()

    def test_noise_does_not_win(self, name, load):
        if name == "laplacian":
            assert "noise counts as sharpness" in methods.card(name).limits
            pytest.skip("the classic measure takes noise for sharpness; its card says so")
        if name in PROBES:
            pytest.skip(
                "a recognizer that was never trained prefers nothing: tests/realdata/test_probes.py"
                " asks one that was"
            )
        scorer = load(name)
        noise = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)
        assert scorer.score(noise).max() < scorer.score(faces(3)).min()
        assert scorer.unified(scorer.score(noise)).max() < 20

    def test_every_setting_changes_something(self, name, load):
        """Of the score, of its calibration, or of what is refused: a batch of 0."""
        changed = {
            "at": "first",
            "passes": 20,
            "dropout": 0.5,
            "seed": 1,
            "copies": 4,
            "steps": 3,
            "epsilon": 0.01,
            "count": 1,
        }
        crops = faces(2)
        for key in methods.settings_of(name):
            if key in ("x0", "w"):
                raw = np.linspace(-3, 12, 50, dtype=np.float32)
                assert (load(name).unified(raw) != load(name, **{key: 7.5}).unified(raw)).any(), key
            elif key == "batch":
                with pytest.raises(InputError, match="batch must be in"):
                    load(name, batch=0)
            elif key not in ("recognizer", "reference"):
                assert (
                    load(name).score(crops) != load(name, **{key: changed[key]}).score(crops)
                ).all(), key

    def test_explain_gives_factors_or_says_that_there_are_none(self, name, load):
        why = load(name).explain(faces(2))
        assert why is None or (isinstance(why, Factors) and len(why) == 2)

    @pytest.mark.parametrize(
        "wrong", [np.zeros((112, 112, 3), np.uint8), np.zeros((1, 112, 112, 3), np.float32)]
    )
    def test_anything_but_crops_is_refused(self, name, wrong, load):
        with pytest.raises(ShapeError, match=r"crops must"):
            load(name).score(wrong)


@pytest.mark.parametrize("name", [name for name in methods.names() if methods.card(name).extras])
def test_a_missing_extra_gives_the_install_line(name, monkeypatch):
    """Of a method that scores; those that are trained or make labels say so where they begin
    (fiqa.train, the judges)."""
    if name not in SCORERS:
        pytest.skip("asks for its extra when it trains or labels")
    for package in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    settings = {
        key: "x.pt"
        for key, default in methods.settings_of(name).items()
        if default is inspect.Parameter.empty
    }
    with pytest.raises(MissingExtraError) as caught:
        fiqa.load(name, **settings)
    assert caught.value.hint == f"pip install 'fiqa[{methods.card(name).extras[0]}]'"


@pytest.mark.parametrize(
    "name", [n for n in methods.names() if methods.card(n).status == "external"]
)
def test_an_external_method_says_what_to_fetch_and_fetches_nothing(name, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    with pytest.raises(WeightsError) as caught:
        fiqa.load(name)
    assert caught.value.hint.startswith("fiqa weights pull ")


@pytest.mark.parametrize("name", LABELERS)
def test_a_label_method_is_no_scorer(name):
    what = "is trained" if name in TRAINED else "makes labels"
    with pytest.raises(InputError, match=f"needs a method that scores images; {name} {what} from"):
        fiqa.load(name)


def test_the_default_is_the_bundled_model():
    assert fiqa.load().name == fiqa.load(methods.DEFAULT).name == "fiqa"


def test_an_unknown_name_gets_the_closest_one():
    with pytest.raises(UnknownNameError, match="Unknown method 'analitic'") as caught:
        fiqa.load("analitic")
    assert caught.value.closest == "analytic"
    with pytest.raises(UnknownNameError, match="did you mean 'laplacian'"):
        methods.card("laplace")


def test_an_onnx_path_goes_to_the_runtime(tmp_path):
    with pytest.raises(WeightsError, match=r"missing\.onnx"):
        fiqa.load(tmp_path / "missing.onnx")
