"""What a scorer takes as a crop: 112 pixels, or another size that is declared; RGB, or BGR that
is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

import fiqa
from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.runtime.inputs import as_faces
from fiqa.types import Faces


@pytest.fixture
def photo(rng: np.random.Generator) -> Any:
    return cv2.GaussianBlur(rng.integers(0, 256, (1, 250, 250, 3), np.uint8)[0], (0, 0), 3)[None]


@pytest.mark.parametrize("method", ["fiqa", "analytic", "laplacian"])
def test_a_whole_photograph_is_no_crop(photo: Any, method: str) -> None:
    scorer = fiqa.load(method)
    for given in (photo, Faces(photo)):
        with pytest.raises(
            ShapeError, match=r"112 x 112 pixels, got 250 x 250.\n\nhint: .*fiqa.score"
        ):
            scorer.score(given)
    small = cv2.resize(photo[0], (112, 112), interpolation=cv2.INTER_AREA)[None]
    np.testing.assert_array_equal(scorer.score(photo, resize=True), scorer.score(small))


@pytest.mark.parametrize("method", ["fiqa", "analytic"])
def test_the_order_of_the_channels_is_declared(photo: Any, method: str) -> None:
    scorer = fiqa.load(method)
    warm = np.ascontiguousarray(photo[:, :112, :112]) // 2 + np.uint8([100, 50, 0])
    swapped = np.ascontiguousarray(warm[..., ::-1])
    np.testing.assert_array_equal(scorer.score(swapped, color="BGR"), scorer.score(warm))
    with pytest.raises(UnknownNameError, match="color 'bgr'"):
        scorer.score(warm, color="bgr")
    with pytest.raises(InputError, match="Faces are RGB"):
        scorer.score(Faces(warm), color="BGR")


def test_sizes_of_any_count() -> None:
    for count in (0, 1, 3):
        crops = np.zeros((count, 224, 224, 3), np.uint8)
        assert as_faces(crops, resize=True).crops.shape == (count, 112, 112, 3)
        assert as_faces(crops, side=224).crops is crops
        with pytest.raises(ShapeError, match="got 224 x 224"):
            as_faces(crops)
