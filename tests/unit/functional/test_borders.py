"""Frames of one color are found to the pixel; plain backgrounds are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqa.errors import ShapeError
from fiqa.functional.borders import border


@pytest.fixture
def picture(rng):
    return cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (100, 80))


@pytest.mark.parametrize("edges", [(5, 0, 0, 0), (0, 9, 0, 0), (0, 0, 3, 0), (0, 0, 0, 20),
                                   (8, 8, 0, 0), (0, 0, 6, 6), (4, 4, 4, 4), (7, 0, 0, 11),
                                   (3, 9, 5, 1)])  # fmt: skip
@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (30, 60, 160)])
def test_every_side_is_told(picture, edges, color):
    framed = cv2.copyMakeBorder(picture, *edges, cv2.BORDER_CONSTANT, value=color)
    # a line of the picture may have the color of the frame by chance
    assert np.abs(np.subtract(border(framed), edges)).max() <= 1


def test_jpeg_costs_two_lines_at_most(picture):
    framed = cv2.copyMakeBorder(picture, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=(20, 40, 90))
    saved = cv2.imdecode(cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 1)
    assert all(10 <= edge <= 13 for edge in border(saved))


def test_a_plain_background_is_no_border():
    image = np.full((112, 112, 3), 200, np.uint8)
    cv2.ellipse(image, (56, 70), (30, 45), 0, 0, 360, (90, 60, 50), -1)
    assert border(image) == (0, 0, 0, 0)


@pytest.mark.parametrize("shape", [(0, 5, 3), (1, 1, 3), (1, 40, 3), (40, 1, 3), (30, 30, 3)])
def test_small_and_flat_pictures_have_none(shape):
    assert border(np.full(shape, 7, np.uint8)) == (0, 0, 0, 0)


def test_noise_has_none(rng):
    assert border(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)) == (0, 0, 0, 0)


def test_another_shape_is_refused():
    with pytest.raises(ShapeError, match="pixels"):
        border(np.zeros((4, 4), np.uint8))
