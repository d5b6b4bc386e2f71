"""Each measure on images whose answer is known, and what each one ignores."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqa.faces.degrade import degrade
from fiqa.faces.factors import MEASURES, measure
from fiqa.faces.factors.planes import oval
from fiqa.faces.factors.structure import drawing
from fiqa.faces.factors.terms import falls, joined, rises
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces
from fiqa.vocabulary import ADVICE, FACTORS

pytestmark = pytest.mark.numeric


def grey(image: np.ndarray) -> np.ndarray:
    """(S,S) of any type as a (1,S,S,3) crop."""
    return np.repeat(np.clip(np.rint(image), 0, 255).astype(np.uint8)[None, ..., None], 3, axis=3)


def one(crops: np.ndarray, name: str, **known: object) -> float:
    return float(measure(Faces(crops, **known)).measures[name][0])  # type: ignore[arg-type]


@pytest.fixture
def face(rng: np.random.Generator) -> np.ndarray:
    """(1,112,112,3): the drawn face with some skin texture and a little color."""
    luma = 150 + 100 * drawing() + 24 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 1.0)
    color = np.stack([luma + 18, luma, luma - 14], axis=-1)
    return np.clip(np.rint(color), 0, 255).astype(np.uint8)[None]


@pytest.mark.parametrize("sigma", [3.0, 8.0, 20.0])
def test_noise_sigma_is_the_deviation_that_was_added(face, rng, sigma):
    luma = (
        cv2.cvtColor(cv2.GaussianBlur(face[0], (0, 0), 2), cv2.COLOR_RGB2GRAY).astype(float) * 0.5
        + 60
    )
    noisy = grey(luma + sigma * rng.normal(size=luma.shape))
    assert one(noisy, "noise_sigma") == pytest.approx(sigma, rel=0.06)


def test_noise_sigma_does_not_see_ramps_and_edges(rng):
    ramp = np.tile(np.linspace(20, 230, 112), (112, 1))
    assert one(grey(ramp), "noise_sigma") < 0.4
    ramp[:, 56:] = 20
    assert one(grey(ramp), "noise_sigma") < 0.4


@pytest.mark.parametrize("sigma", [8.0, 11.0, 16.0])
@pytest.mark.parametrize("gain", [1.0, 0.4])
def test_noise_never_makes_a_face_sharper(sigma, gain):
    """Sharp and blurred faces, in light and in the dark, where black cuts the noise off."""
    rng, crops = np.random.default_rng(7), []
    for seed in range(24):
        own = np.random.default_rng(seed)
        texture = cv2.GaussianBlur(own.normal(size=(112, 112)), (0, 0), 0.8)
        luma = gain * (130 + 90 * drawing() + own.uniform(10, 60) * texture)
        blurred = (0.0, 0.7, 1.0, 2.0)[seed % 4]
        crops.append(grey(cv2.GaussianBlur(luma, (0, 0), blurred) if blurred else luma))
    clean = np.concatenate(crops)
    noisy = np.clip(np.rint(clean + sigma * rng.normal(size=(24, 112, 112, 1))), 0, 255)
    before = measure(Faces(clean)).quality["blur"]
    after = measure(Faces(noisy.astype(np.uint8))).quality["blur"]
    assert before.max() - before.min() > 0.5  # sharp ones and blurred ones
    assert np.max(after - before) <= 0.02


def test_noise_is_not_named_blur_nor_blur_noise():
    def named(face: np.ndarray) -> tuple[str, ...]:
        return measure(Faces(grey(face), grey=np.array([True]))).reasons[0]

    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.8)
    # a near infrared camera: grey, and not much light
    face = 100 + 55 * drawing() + 40 * texture
    assert "blurry" not in named(face)
    for sigma in (4, 11, 16, 22):
        reasons = named(face + sigma * rng.normal(size=face.shape))
        assert "blurry" not in reasons
        assert "motion_blur" not in reasons
        assert ("noisy" in reasons) == (sigma > 6)
    for sigma in (2, 3, 4):
        reasons = named(cv2.GaussianBlur(face, (0, 0), sigma))
        assert "noisy" not in reasons
        assert "blurry" in reasons or "motion_blur" in reasons


def test_sharpness_is_blind_to_contrast_and_to_noise_but_not_to_blur(face, rng):
    def sharpness(image: np.ndarray) -> float:
        return one(image, "sharpness")

    textured = grey(128 + 40 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 1.5) / 0.19)
    half = grey(128 + 0.5 * (textured[0, ..., 0].astype(float) - 128))
    noisy = grey(textured[0, ..., 0] + 6.0 * rng.normal(size=(112, 112)))
    blurred = grey(cv2.GaussianBlur(textured[0, ..., 0], (0, 0), 2))
    assert sharpness(half) == pytest.approx(sharpness(textured), abs=0.15)
    assert sharpness(noisy) == pytest.approx(sharpness(textured), abs=0.3)
    assert sharpness(blurred) < sharpness(textured) - 0.8


def test_laplacian_variance_and_sobel_are_what_opencv_says(face):
    luma = cv2.cvtColor(face[0], cv2.COLOR_RGB2GRAY)
    assert one(face, "laplacian_variance") == pytest.approx(
        cv2.Laplacian(luma, cv2.CV_64F).var(), rel=1e-5
    )
    length = np.hypot(cv2.Sobel(luma, cv2.CV_64F, 1, 0), cv2.Sobel(luma, cv2.CV_64F, 0, 1)).mean()
    assert one(face, "sobel") == pytest.approx(length, rel=1e-5)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_motion_coherence_tells_motion_from_defocus(face, rng, degrees):
    texture = 128 + 200 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 1.0)
    kernel = np.zeros((21, 21), np.float32)
    kernel[10] = 1 / 21
    kernel = cv2.warpAffine(kernel, cv2.getRotationMatrix2D((10, 10), degrees, 1), (21, 21))
    moved, defocused = (
        cv2.filter2D(texture, -1, kernel / kernel.sum()),
        cv2.GaussianBlur(texture, (0, 0), 4),
    )
    assert one(grey(moved), "motion_coherence") > 0.7
    assert one(grey(defocused), "motion_coherence") < 0.35
    reasons = (
        measure(degrade(Faces(face), "motion", 1.0)).reasons[0],
        measure(degrade(Faces(face), "defocus", 1.0)).reasons[0],
    )
    assert [{"blurry", "motion_blur"} & set(codes) for codes in reasons] == [
        {"motion_blur"},
        {"blurry"},
    ]


def test_blockiness_sees_the_jpeg_grid_and_only_where_it_is(face):
    _, file = cv2.imencode(".jpg", face[0], [cv2.IMWRITE_JPEG_QUALITY, 4])
    hard = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert one(face, "blockiness") < 1.3
    assert one(hard[None], "blockiness") > 2
    assert one(np.roll(hard, (4, 4), (0, 1))[None], "blockiness") < 1.3


def test_detail_falls_when_a_small_face_was_enlarged(rng):
    texture = 128 + 200 * cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.8)
    values = [
        one(
            grey(cv2.resize(cv2.resize(texture, (s, s), interpolation=cv2.INTER_AREA), (112, 112))),
            "detail",
        )
        for s in (112, 56, 28)
    ]
    assert values[0] > values[1] + 0.5 > values[2] + 1.0


def test_light_on_a_half_bright_oval():
    image = np.full((112, 112), 10.0)
    image[:, 56:] = 250
    light = measure(Faces(grey(image))).measures
    right = oval()[:, 56:].sum() / oval().sum()
    assert light["luminance_mean"][0] == pytest.approx(10 + 240 * right, abs=0.01)
    assert light["luminance_range"][0] == 240
    assert light["dark_share"][0] == pytest.approx(1 - right, abs=1e-6)
    assert light["bright_share"][0] == pytest.approx(right, abs=1e-6)
    assert light["light_imbalance"][0] == pytest.approx(240 / 261, abs=1e-4)


def test_glare_is_what_stands_out_of_the_oval(face):
    spot = face.copy()
    cv2.circle(spot[0], (45, 50), 9, (255, 255, 255), -1)
    assert one(face, "glare_share") == 0
    assert one(spot, "glare_share") == pytest.approx(np.pi * 81 / oval().sum(), rel=0.1)


def test_light_outside_the_oval_does_not_count(face):
    framed = np.where(oval()[..., None], face[0], np.uint8(255))[None]
    light, same = measure(Faces(face)).measures, measure(Faces(framed)).measures
    for name in (
        "luminance_mean",
        "luminance_range",
        "dark_share",
        "bright_share",
        "light_imbalance",
        "glare_share",
    ):
        np.testing.assert_array_equal(light[name], same[name])


def test_covered_eyes_and_mouth_are_told_apart(face):
    def reasons(box: tuple[slice, slice], color: tuple[int, int, int]) -> tuple[str, ...]:
        covered = face.copy()
        covered[0][box] = color
        return measure(Faces(covered)).reasons[0]

    assert not {"occluded_eyes", "occluded_mouth"} & set(measure(Faces(face)).reasons[0])
    eyes = reasons((slice(40, 64), slice(18, 94)), (20, 20, 22))
    mouth = reasons((slice(66, 112), slice(15, 97)), (160, 200, 225))
    assert "occluded_eyes" in eyes
    assert "occluded_mouth" in mouth
    assert "occluded_eyes" not in mouth


def test_color_is_not_measured_where_there_is_none(face):
    assert one(face, "mouth_chroma") >= 0
    assert np.isnan(one(face, "mouth_chroma", grey=np.array([True])))
    assert np.isnan(one(grey(face[0, ..., 1]), "mouth_chroma"))
    for faces in (Faces(grey(face[0, ..., 1])), Faces(face, grey=np.array([True]))):
        assert np.isfinite(measure(faces).quality["occlusion"]).all()


def test_pose_is_in_degrees_and_unknown_without_landmarks(face):
    turned = TEMPLATE - TEMPLATE.mean(axis=0)
    angle = np.deg2rad(50)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    landmarks = np.stack(
        [TEMPLATE, turned @ turn + TEMPLATE.mean(axis=0), np.full((5, 2), np.nan)]
    ).astype(np.float32)
    found = measure(Faces(np.repeat(face, 3, axis=0), landmarks=landmarks))
    assert found.measures["roll"][:2] == pytest.approx([0, 50], abs=1.0)
    assert found.quality["pose"][0] > 0.9
    assert found.quality["pose"][1] < 0.1
    assert np.isnan(found.quality["pose"][2])
    assert "extreme_roll" in found.reasons[1]
    assert np.isnan(measure(Faces(face)).quality["pose"]).all()


def test_crop_is_the_share_outside_the_frame(face):
    inside = np.ones((1, 112, 112), bool)
    inside[:, :28] = False
    found = measure(Faces(face, inside=inside))
    assert found.measures["outside_share"][0] == 0.25
    assert found.measures["face_outside_share"][0] == pytest.approx(
        oval()[:28].sum() / oval().sum(), abs=1e-6
    )


@pytest.mark.parametrize("fill", [0, 128, 255])
def test_crop_sees_a_flat_fill_where_the_frame_is_not_known(face, fill):
    cut = face.copy()
    cut[:, 74:] = fill
    found = measure(Faces(np.concatenate([face, cut])))
    assert found.measures["outside_share"][0] == 0
    assert found.measures["outside_share"][1] == pytest.approx(38 / 112, abs=0.02)
    assert "cropped" in found.reasons[1]


def test_crop_takes_a_flat_background_for_what_it_is(face):
    studio = np.where(
        cv2.dilate(oval().astype(np.uint8), np.ones((9, 9)))[..., None] > 0, face[0], np.uint8(255)
    )[None]
    assert one(studio, "outside_share") == 0


def test_what_lies_outside_the_frame_changes_no_other_factor(face):
    inside = np.ones((1, 112, 112), bool)
    inside[:, :, :30] = False
    black, bright = np.where(inside[..., None], face, 0), np.where(inside[..., None], face, 255)
    first, second = (
        measure(Faces(crop.astype(np.uint8), inside=inside)) for crop in (black, bright)
    )
    for name in ("illumination", "pose", "crop"):
        np.testing.assert_array_equal(first.quality[name], second.quality[name])
    assert first.measures["noise_sigma"] == second.measures["noise_sigma"]


def test_eye_distance_decides_the_size_and_detail_stands_in_for_it(face):
    crops = np.repeat(face, 3, axis=0)
    found = measure(Faces(crops, eye_distance=np.array([60, 8, np.nan], np.float32)))
    assert found.quality["visibility"][0] > found.quality["visibility"][1]
    assert "face_too_small" in found.reasons[1]
    assert np.isfinite(found.quality["visibility"][2])
    assert np.isnan(found.measures["eye_distance"][2])


def test_structure_knows_a_face_from_a_wall_and_from_noise(face, rng):
    noise = rng.integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    wall = grey(np.tile(np.linspace(40, 200, 112), (112, 1)))
    found = measure(Faces(np.concatenate([face, noise, wall, face[:, ::-1]]))).measures
    assert found["face_structure"][0] > 0.6
    assert (found["face_structure"][1:] < 0.2).all()
    assert found["coarse_share"][0] > 0.8
    assert found["coarse_share"][1] < 0.15


def test_steps_and_their_product():
    x = np.array([-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan])
    np.testing.assert_allclose(rises(x, 0, 1) + falls(x, 0, 1), [1, 1, 1, 1, 1, np.nan])
    assert rises(x, 0, 1)[2] == 0.5
    np.testing.assert_array_equal(
        joined([np.array([0.5, np.nan, np.nan]), np.array([0.5, 0.25, np.nan])]),
        [0.25, 0.25, np.nan],
    )


def test_names_units_and_reasons_are_the_published_ones(face):
    found = measure(Faces(face))
    assert tuple(found.quality) == FACTORS
    assert tuple(found.measures) == tuple(MEASURES)
    assert all(MEASURES.values())
    dark = measure(Faces((face // 16).astype(np.uint8)))
    assert dark.reasons[0][0] in ADVICE
    assert set(dark.reasons[0]) <= set(ADVICE)
    assert "underexposed" in dark.reasons[0]
