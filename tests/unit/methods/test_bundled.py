"""The bundled model: what the package carries, and how its factors and the measures become
reasons."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.faces.align import faces_from
from fiqa.faces.crops import joined
from fiqa.faces.degrade import degrade
from fiqa.faces.detection import choose
from fiqa.faces.detectors import detector
from fiqa.faces.factors import REASON_BELOW, measure
from fiqa.methods.bundled import WEIGHTS
from fiqa.methods.bundled.model import _reasons
from fiqa.runtime.cards import ModelOutput, card_path, read_card
from fiqa.types import Faces
from fiqa.vocabulary import ADVICE, FACTORS

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    """(112,112,3) of a real portrait."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    write_image(path, astronaut())
    image = read_image(path)
    chosen, _ = choose(detector("dlib").detect(image.pixels))
    return faces_from(image, chosen).crops[0]


GOOD = dict.fromkeys(FACTORS, 0.9)


def test_what_is_in_the_package():
    card = read_card(card_path(WEIGHTS))
    assert WEIGHTS.stat().st_size <= 8_000_000
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == card.sha256
    assert card.output("factors").factors == FACTORS
    assert all((card.license, card.training_data, card.limits, card.numbers, card.source))


def output(below: float = 0.5, **reasons: str) -> ModelOutput:
    """The card's entry of the factors."""
    return ModelOutput(
        name="factors", role="factors", factors=FACTORS, reasons=reasons, reason_below=below
    )


def test_the_card_says_below_what_a_factor_is_bad():
    quality = {**GOOD, "blur": 0.3}
    assert _reasons(quality, ("blurry",), output(below=0.2)) == ()
    assert _reasons(quality, ("blurry",), output(below=0.31)) == ("blurry",)
    assert _reasons(quality, ("blurry",), None) == ()
    assert read_card(card_path(WEIGHTS)).output("factors").reason_below == REASON_BELOW


def test_a_good_factor_has_no_reason_whatever_was_measured():
    assert _reasons(GOOD, ("glare", "blurry"), output(blur="blurry")) == ()


def test_the_lowest_factor_comes_first_with_its_own_measured_reasons():
    quality = {**GOOD, "blur": 0.3, "illumination": 0.1}
    assert _reasons(quality, ("motion_blur", "extreme_yaw", "glare"), output()) == (
        "glare",
        "motion_blur",
    )


def test_a_factor_without_a_conspicuous_measure_has_the_general_reason():
    assert _reasons({**GOOD, "blur": 0.3, "crop": 0.2}, ("glare",), output(blur="blurry")) == (
        "blurry",
    )


def test_an_unknown_factor_is_no_reason():
    assert (
        _reasons({**GOOD, "pose": float("nan")}, ("extreme_yaw",), output(pose="extreme_yaw")) == ()
    )


def test_explaining_gives_the_networks_factors_and_the_measures_of_those_that_are_bad(face):
    scorer = fiqa.load("fiqa")
    faces = degrade(Faces(face[None].repeat(3, 0)), "low_light", 1.0)
    raw, why = scorer.score(faces), scorer.explain(faces)
    assert raw.shape == (3,)
    assert set(why.quality) == set(FACTORS)
    assert all(np.isfinite(why.quality[name]).all() for name in FACTORS)
    assert (why.quality["illumination"] < REASON_BELOW).all()
    assert np.isfinite(why.measures["luminance_mean"]).all()
    assert all(code in ADVICE for row in why.reasons for code in row)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_measured_explains_as_if_all_had_been(face, known):
    one = Faces(face[None], inside=np.ones((1, 112, 112), bool) if known else None)
    batch = joined([one] + [degrade(one, kind, 0.9, seed=1) for kind in ("blur", "jpeg", "mask")])
    scorer = fiqa.load("fiqa")
    why, whole = scorer.explain(batch), measure(batch)
    assert why.reasons[0] == ()
    assert all(why.reasons[1:])
    for i, told in enumerate(why.reasons):
        quality = {name: float(values[i]) for name, values in why.quality.items()}
        assert told == _reasons(quality, whole.reasons[i], scorer.model.card.output("factors"))
        taken = {name for name, values in why.measures.items() if np.isfinite(values[i])}
        assert ("cpbd" in taken) == (quality["blur"] < REASON_BELOW)
        assert ("blockiness" in taken) == (quality["visibility"] < REASON_BELOW)
        assert ("outside_share" in taken) == (known or quality["crop"] < REASON_BELOW)
        assert all(why.measures[name][i] == whole.measures[name][i] for name in taken)


@pytest.mark.parametrize("name", ["pose", "crop"])
def test_what_the_detection_knows_counts_more_than_the_network(face, name):
    faces = Faces(face[None])
    inside = np.ones((1, 112, 112), bool)
    inside[:, :, :50] = False
    turned = np.array([[[48, 52], [60, 52], [40, 72], [46, 92], [56, 92]]], np.float32)
    known = Faces(face[None], landmarks=turned, inside=inside)
    scorer = fiqa.load("fiqa")
    assert scorer.explain(known).quality[name] < 0.5 * scorer.explain(faces).quality[name]


def test_a_mask_is_named(face):
    covered = degrade(Faces(face[None]), "mask", 1.0)
    assert "occluded_mouth" in fiqa.load("fiqa").explain(covered).reasons[0]
