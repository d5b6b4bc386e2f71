"""CPBD against a slow loop written from the paper, and against what it must do."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.faces.factors import cpbd

pytestmark = pytest.mark.numeric


def slow_cpbd(image: np.ndarray, block: int) -> float:
    """Narvekar and Karam, pixel by pixel, with the exponent 3.6 and the histogram in whole percent
    that the authors' program uses."""
    height, width = image.shape
    padded = np.pad(image.astype(int), 1, mode="reflect")
    dx, dy = np.zeros((height, width), np.int16), np.zeros((height, width), np.int16)
    for y in range(height):
        for x in range(width):
            p = padded[y : y + 3, x : x + 3]
            dx[y, x] = (p[0, 2] + 2 * p[1, 2] + p[2, 2]) - (p[0, 0] + 2 * p[1, 0] + p[2, 0])
            dy[y, x] = (p[2, 0] + 2 * p[2, 1] + p[2, 2]) - (p[0, 0] + 2 * p[0, 1] + p[0, 2])
    lengths = sorted(int(abs(a)) + int(abs(b)) for a, b in zip(dx.ravel(), dy.ravel(), strict=True))
    high = max(float(lengths[math.ceil(0.7 * len(lengths)) - 1]), 1.0)
    canny = cv2.Canny(dx, dy, 0.4 * high, high) > 0
    cutoff = 4 * sum(int(v) ** 2 for v in dx.ravel()) / dx.size
    percents = []
    for top in range(0, height - block + 1, block):
        for left in range(0, width - block + 1, block):
            tile = image[top : top + block, left : left + block].astype(int)
            if canny[top : top + block, left : left + block].sum() <= 0.002 * block * block:
                continue
            jnb = 5 if tile.max() - tile.min() <= 50 else 3
            for y in range(top, top + block):
                for x in range(max(left, 1), min(left + block, width - 1)):
                    g = abs(int(dx[y, x]))
                    upright = abs(int(dy[y, x])) < math.tan(math.pi / 8) * g
                    peak = g >= abs(int(dx[y, x - 1])) and g > abs(int(dx[y, x + 1]))
                    if g * g > cutoff and upright and peak:
                        w = slow_width(image[y].astype(int), x, 1 if dx[y, x] > 0 else -1)
                        percents.append(round(100 * (1 - math.exp(-((w / jnb) ** 3.6)))))
    return sum(p <= 63 for p in percents) / len(percents) if percents else 0.0


def slow_width(row: np.ndarray, x: int, sign: int) -> int:
    left = 1
    while x - left - 1 >= 0 and sign * (row[x - left] - row[x - left - 1]) > 0:
        left += 1
    right = 1
    while x + right + 1 < len(row) and sign * (row[x + right + 1] - row[x + right]) > 0:
        right += 1
    return left + right


def picture(seed: int, size: tuple[int, int], sigma: float) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=size), (0, 0), sigma)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "block"), [((112, 112), 56), ((112, 112), 64), ((80, 140), 32), ((64, 64), 64)]
)
@pytest.mark.parametrize("sigma", [0.8, 1.4, 2.2])
def test_equals_a_slow_loop(size, block, sigma):
    image = picture(1, size, sigma)
    assert cpbd(image, block=block) == pytest.approx(slow_cpbd(image, block), abs=1e-12)


def test_equals_a_slow_loop_at_low_contrast_where_five_pixels_are_not_noticed():
    image = (picture(3, (96, 96), 1.6) // 8 + 100).astype(np.uint8)
    assert 0 < cpbd(image, block=48) == pytest.approx(slow_cpbd(image, 48), abs=1e-12)


def test_the_exponent_only_scales_what_the_width_decides():
    for jnb in (3, 5):
        for w in range(1, 12):
            assert (round(100 * (1 - math.exp(-((w / jnb) ** 3.6)))) <= 63) == (w <= jnb)


def test_blur_lowers_it_step_by_step():
    squares = ((np.indices((112, 112)) // 28).sum(axis=0) % 2 * 180 + 30).astype(np.uint8)
    values = [cpbd(squares, block=56)] + [
        cpbd(cv2.GaussianBlur(squares, (0, 0), s), block=56) for s in (0.8, 1.2, 1.6, 2.5)
    ]
    assert values[0] == 1.0
    assert values[-1] == 0.0
    assert values == sorted(values, reverse=True)


def test_no_edge_is_no_proof_of_sharpness():
    assert cpbd(np.full((128, 128), 9, np.uint8)) == 0.0


def test_an_image_smaller_than_a_block_has_none():
    assert cpbd(picture(0, (63, 63), 1.0)) == 0.0


def test_pixels_beyond_the_last_whole_block_do_not_count():
    image = picture(2, (112, 112), 1.0)
    corner = image.copy()
    corner[70:, 70:] = 0
    assert cpbd(np.ascontiguousarray(image[:64, :64])) != 0
    assert slow_cpbd(corner, 64) == pytest.approx(cpbd(corner, block=64), abs=1e-12)


def test_what_it_refuses():
    with pytest.raises(ShapeError, match=r"luma must have shape \(H, W\), got \(4, 4, 3\)"):
        cpbd(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"luma must be uint8 in 0\.\.255, got float64"):
        cpbd(np.zeros((64, 64)))
    with pytest.raises(InputError, match=r"block must be in \[8, inf\], got 4"):
        cpbd(np.zeros((64, 64), np.uint8), block=4)
