"""The bundled model: what the package carries, and how its factors and the measures become
reasons."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from skimage.data import astronaut

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.faces.align import faces_from
from fiqa.faces.crops import joined
from fiqa.faces.degrade import degrade
from fiqa.faces.detection import choose
from fiqa.faces.detectors import detector
from fiqa.faces.factors import REASON_BELOW, factor_of_reason, measure
from fiqa.methods.bundled import WEIGHTS
from fiqa.methods.bundled.large import WEIGHTS as LARGE
from fiqa.methods.bundled.model import COULD_BE, NO_FACE, WITHOUT, reasons_of
from fiqa.runtime.cards import card_path, read_card
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


@pytest.mark.parametrize("file", [WEIGHTS, LARGE])
def test_what_is_in_the_package(file: Path):
    card = read_card(card_path(file))
    assert card.name == file.stem
    assert file.stat().st_size <= 8_000_000
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card.sha256
    assert card.output("factors").factors == FACTORS
    assert all((card.license, card.training_data, card.limits, card.numbers, card.source))


def test_both_sizes_are_small_and_two_models(face):
    assert WEIGHTS.stat().st_size + LARGE.stat().st_size <= 12_000_000
    small, large = fiqa.load("fiqa"), fiqa.load("fiqa-large")
    faces = degrade(Faces(face[None]), "blur", 0.7)
    assert (small.name, large.name) == ("fiqa", "fiqa-large")
    assert small.score(faces)[0] != large.score(faces)[0]
    for scorer in (small, large):
        raw, why = scorer.assess(faces)
        assert scorer.unified(raw)[0] < scorer.unified(scorer.score(face[None]))[0]
        assert "blurry" in why.reasons[0]


def reasons(
    quality: dict[str, float] | None = None,
    likely: dict[str, float] | None = None,
    *,
    detected: dict[str, tuple[str, ...]] | None = None,
    below: float = 0.5,
    angles: dict[str, float] | None = None,
) -> tuple[str, ...]:
    said = dict.fromkeys(("blurry", "motion_blur", "glare", "extreme_yaw", "mouth_open"), 0.1)
    return reasons_of({**GOOD, **(quality or {})}, said | (likely or {}), detected or {}, below,
                      angles)  # fmt: skip


AHEAD = {"yaw": 0.0, "pitch": -4.0}


def test_the_card_says_below_what_a_factor_is_bad():
    assert reasons({"blur": 0.3}, {"blurry": 0.9}, below=0.2) == ()
    assert reasons({"blur": 0.3}, {"blurry": 0.9}, below=0.31) == ("blurry",)
    assert read_card(card_path(WEIGHTS)).output("factors").reason_below == REASON_BELOW


def test_a_good_factor_has_no_reason_whatever_is_likely():
    assert reasons(None, {"glare": 0.9, "blurry": 0.8}) == ()


def test_the_lowest_factor_comes_first_with_the_reasons_that_hold():
    held = {"glare": 0.7, "blurry": 0.6, "motion_blur": 0.8}
    assert reasons({"blur": 0.3, "illumination": 0.1}, held) == ("glare", "motion_blur", "blurry")


def test_a_bad_factor_has_its_likeliest_reason_at_least():
    assert reasons({"blur": 0.3}, {"motion_blur": 0.3, "glare": 0.45}) == ("motion_blur",)


def test_what_a_detection_measured_counts_for_its_factor():
    assert reasons({"pose": 0.3}, {"extreme_yaw": 0.1}, detected={"pose": ("extreme_roll",)}) == (
        "extreme_roll",
    )
    assert reasons({"pose": float("nan")}, {"extreme_yaw": 0.1}) == ()


def test_what_has_no_factor_comes_last():
    assert reasons({"blur": 0.3}, {"blurry": 0.9, "mouth_open": 0.95}) == ("blurry", "mouth_open")
    assert reasons(None, {"mouth_open": 0.49}) == ()


def test_a_doubtful_face_has_a_reason_that_is_likely():
    assert reasons(None, {"glare": 0.4}) == ()
    assert reasons(None, {"glare": 0.4}, angles=AHEAD) == ("glare",)
    assert reasons(None, {"glare": 0.3}, angles=AHEAD) == ()
    known = {"pose": ()}
    assert reasons(None, {"extreme_yaw": 0.4}, angles=AHEAD, detected=known) == ()


def test_a_doubtful_face_that_is_somewhat_turned_is_turned():
    assert reasons(None, angles={"yaw": -19.0, "pitch": -4.0}) == ("extreme_yaw",)
    assert reasons(None, angles={"yaw": 17.0, "pitch": -22.0}) == ("extreme_pitch",)
    unknown = dict.fromkeys(AHEAD, float("nan"))
    assert reasons(None, {"glare": 0.6}, angles=unknown) == ("glare",)
    turned = {"yaw": 35.0, "pitch": 0.0}
    assert reasons({"blur": 0.3}, {"blurry": 0.9}, angles=turned) == ("blurry", "extreme_yaw")


def test_what_may_be_no_face_is_told_nothing_that_only_a_face_has():
    said = {NO_FACE: 0.8, "extreme_yaw": 0.9, "blurry": 0.9}
    bad = {"pose": 0.1, "blur": 0.2, "visibility": 0.2}
    assert reasons(bad, said, angles=AHEAD) == (NO_FACE, "blurry")
    # a good score, or a detector that found the face, leaves no doubt
    assert reasons(bad, said) == ("extreme_yaw", "blurry")
    found = {"pose": ("extreme_roll",)}
    assert reasons({"pose": 0.1}, said, angles=AHEAD, detected=found) == ("extreme_roll",)
    likely = said | {NO_FACE: 0.4, "noisy": 0.6}
    assert reasons(bad, likely, angles=AHEAD) == ("extreme_yaw", "noisy", "blurry")


@pytest.mark.parametrize("name", ["fiqa", "fiqa-large"])
@pytest.mark.parametrize("picture", ["brick", "grass", "page", "text", "coins"])
def test_a_picture_without_a_face_has_no_reason_that_only_a_face_has(name, picture):
    pixels = resized(np.asarray(getattr(data, picture)()))
    why = fiqa.load(name).explain(Faces(pixels[None]))
    assert why.reasons[0][0] == NO_FACE
    assert not {"mask", "extreme_yaw", "exaggerated_expression"} & set(why.reasons[0])


def resized(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a gray picture as a crop."""
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = cv2.resize(picture[top : top + side, left : left + side], (112, 112),
                        interpolation=cv2.INTER_AREA)  # fmt: skip
    return np.ascontiguousarray(np.broadcast_to(square[..., None], (112, 112, 3)))


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
def test_what_is_measured_is_what_is_bad(face, known):
    one = Faces(face[None], inside=np.ones((1, 112, 112), bool) if known else None)
    batch = joined([one] + [degrade(one, kind, 0.9, seed=1) for kind in ("blur", "jpeg", "mask")])
    scorer = fiqa.load("fiqa")
    why, whole = scorer.explain(batch), measure(batch)
    assert why.reasons[0] == ()
    assert all(why.reasons[1:])
    for i, told in enumerate(why.reasons):
        quality = {name: float(values[i]) for name, values in why.quality.items()}
        bad = {name for name in FACTORS if quality[name] < REASON_BELOW}
        assert {factor_of_reason().get(code) for code in told} - {None} == bad
        taken = {name for name, values in why.measures.items() if np.isfinite(values[i])}
        assert ("cpbd" in taken) == (quality["blur"] < REASON_BELOW)
        assert ("blockiness" in taken) == (quality["visibility"] < REASON_BELOW)
        assert ("outside_share" in taken) == (known or quality["crop"] < REASON_BELOW)
        assert all(why.measures[name][i] == whole.measures[name][i] for name in taken - {COULD_BE})


@pytest.mark.parametrize("name", ["pose", "crop"])
def test_what_the_detection_knows_counts_more_than_the_network(face, name):
    faces = Faces(face[None])
    inside = np.ones((1, 112, 112), bool)
    inside[:, :, :50] = False
    turned = np.array([[[48, 52], [60, 52], [40, 72], [46, 92], [56, 92]]], np.float32)
    known = Faces(face[None], landmarks=turned, inside=inside)
    scorer = fiqa.load("fiqa")
    assert scorer.explain(known).quality[name] < 0.5 * scorer.explain(faces).quality[name]


def test_the_edge_of_the_frame_is_no_hat(face, monkeypatch):
    model = fiqa.load("fiqa")
    place = model.model.card.output("reasons").codes.index("headwear")
    run = model.model.run

    def hats(crops):
        result = run(crops)
        result["reasons"][:, place] = 0.9
        return result

    monkeypatch.setattr(model.model, "run", hats)
    cut = degrade(Faces(face[None]), "truncation", 0.4)
    assert cut.inside is not None
    assert "headwear" not in model.assess(cut)[1].reasons[0]
    for whole in (Faces(face[None]), Faces(face[None], inside=np.ones((1, 112, 112), bool))):
        assert "headwear" in model.assess(whole)[1].reasons[0]


def test_a_mask_is_named(face):
    covered = degrade(Faces(face[None]), "mask", 1.0)
    assert "occluded_mouth" in fiqa.load("fiqa").explain(covered).reasons[0]
    assert "mask" in fiqa.load("fiqa").explain(covered).reasons[0]


def test_a_reason_that_costs_most_is_first_and_says_what_could_be_had(face):
    scorer = fiqa.load("fiqa")
    dark = degrade(Faces(face[None]), "low_light", 0.8)
    raw, why = scorer.assess(dark)
    assert why.reasons[0][0] == "underexposed"
    could, now = float(why.measures[COULD_BE][0]), int(scorer.unified(raw)[0])
    assert now < could <= 100
    clean = scorer.explain(Faces(face[None]))
    assert not clean.reasons[0]
    assert np.isnan(clean.measures[COULD_BE][0])
    assert not any(name.startswith(WITHOUT) for name in why.measures)


def test_a_score_that_is_no_number_has_no_region_to_blame(face, monkeypatch):
    model = fiqa.load("fiqa")
    monkeypatch.setattr(
        type(model), "_quality", lambda self, result: np.full(1, np.nan, np.float32)
    )
    _, why = model.assess(Faces(face[None]))
    assert not any(code.startswith("unusual_") for code in why.reasons[0])
