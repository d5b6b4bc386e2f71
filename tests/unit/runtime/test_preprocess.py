"""One preprocessing path: known values, every field of the card changes something."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqa.errors import ShapeError
from fiqa.runtime.cards import ModelInput
from fiqa.runtime.preprocess import prepare

pytestmark = pytest.mark.numeric

ARCFACE = {
    "size": 112,
    "color": "RGB",
    "layout": "NCHW",
    "scale": 255,
    "mean": (0.5,) * 3,
    "std": (0.5,) * 3,
}


def _spec(**changes: object) -> ModelInput:
    return ModelInput.model_validate(ARCFACE | changes)


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (3, 112, 112, 3), np.uint8)


@pytest.mark.parametrize(
    ("changes", "pixel", "wanted"),
    [
        ({}, (0, 255, 127), (-1.0, 1.0, 127 / 127.5 - 1)),
        ({"color": "BGR", "mean": (0, 0, 0), "std": (1, 1, 1)}, (51, 102, 255), (1.0, 0.4, 0.2)),
        (
            {"scale": 1, "mean": (127.5,) * 3, "std": (128,) * 3},
            (0, 255, 127),
            (-127.5 / 128, 127.5 / 128, -0.5 / 128),
        ),
        (
            {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
            (255, 0, 128),
            ((1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225),
        ),
    ],
)
def test_known_values(
    changes: dict[str, object], pixel: tuple[int, ...], wanted: tuple[float, ...]
) -> None:
    tensor = prepare(np.full((1, 112, 112, 3), pixel, np.uint8), _spec(**changes))
    assert tensor.shape == (1, 3, 112, 112)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0, :, 5, 7], wanted, rtol=0, atol=1e-6)


def test_matches_the_plain_formula(crops: np.ndarray) -> None:
    spec = _spec(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    plain = ((crops / 255 - np.array(spec.mean)) / np.array(spec.std)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(prepare(crops, spec), plain, atol=1e-6)


def test_mean_and_std_follow_the_color_order(crops: np.ndarray) -> None:
    spec = _spec(color="BGR", mean=(0.1, 0.2, 0.3), std=(1, 2, 3))
    plain = ((crops[..., ::-1] / 255 - np.array(spec.mean)) / np.array(spec.std)).transpose(
        0, 3, 1, 2
    )
    np.testing.assert_allclose(prepare(crops, spec), plain, atol=1e-6)


def test_nhwc_is_nchw_transposed(crops: np.ndarray) -> None:
    np.testing.assert_array_equal(
        prepare(crops, _spec(layout="NHWC")).transpose(0, 3, 1, 2), prepare(crops, _spec())
    )


@pytest.mark.parametrize(
    ("resize", "flag"),
    [("bilinear", cv2.INTER_LINEAR), ("area", cv2.INTER_AREA), ("bicubic", cv2.INTER_CUBIC)],
)
def test_resize_is_the_named_one(crops: np.ndarray, resize: str, flag: int) -> None:
    tensor = prepare(crops, _spec(size=96, resize=resize, scale=1, mean=(0, 0, 0), std=(1, 1, 1)))
    np.testing.assert_array_equal(
        tensor[2].transpose(1, 2, 0), cv2.resize(crops[2], (96, 96), interpolation=flag)
    )


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_any_count(n: int) -> None:
    crops = np.zeros((n, 64, 64, 3), np.uint8)
    assert prepare(crops, _spec()).shape == (n, 3, 112, 112)
    assert prepare(crops, _spec(layout="NHWC")).shape == (n, 112, 112, 3)


def test_refuses_floats_and_single_images() -> None:
    with pytest.raises(ShapeError, match="must be uint8 RGB"):
        prepare(np.zeros((1, 112, 112, 3)), _spec())  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"\(N, S, S, 3\)"):
        prepare(np.zeros((112, 112, 3), np.uint8), _spec())
