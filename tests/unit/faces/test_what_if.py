"""What covering and improving a crop does: against scores that are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import InputError, ShapeError
from fiqa.faces.what_if import improved, sensitivity


def test_the_map_is_that_of_a_slow_loop() -> None:
    crop = drawn_faces(1, seed=4).crops[0]
    weights = np.random.default_rng(2).normal(size=(112, 112, 3))
    asked = []

    def score(crops: np.ndarray) -> np.ndarray:
        asked.append(len(crops))
        return (crops * weights).sum(axis=(1, 2, 3))

    found = sensitivity(crop, score, patch=30, step=20)
    corners = [0, 20, 40, 60, 80, 82]
    expected = np.zeros((112, 112))
    for y, x in [(0, 0), (45, 81), (111, 111), (29, 70)]:
        losses = []
        for top in corners:
            for left in corners:
                if top <= y < top + 30 and left <= x < left + 30:
                    part = np.s_[top : top + 30, left : left + 30]
                    losses.append(((crop[part].astype(float) - 128) * weights[part]).sum())
        expected[y, x] = np.mean(losses)
        assert found[y, x] == pytest.approx(expected[y, x], rel=1e-9)
    assert asked == [37], "one batch: the crop and every place of the square"


def test_it_is_above_0_where_the_score_needs_what_is_there() -> None:
    crop = np.full((112, 112, 3), 40, np.uint8)
    crop[20:40, 20:40] = 255
    found = sensitivity(crop, lambda crops: crops[:, 20:40, 20:40].mean(axis=(1, 2, 3)))
    assert found.shape == (112, 112)
    assert found[30, 30] == found.max() > 0
    assert found[80, 80] == 0
    worse = sensitivity(crop, lambda crops: -crops[:, 20:40, 20:40].mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(worse, -found)


def test_the_crop_stays_as_it_was_and_a_square_may_cover_all() -> None:
    crop = drawn_faces(1).crops[0]
    before = crop.copy()
    whole = sensitivity(crop, lambda crops: crops.mean(axis=(1, 2, 3)), patch=112, step=5)
    assert np.ptp(whole) == 0
    assert whole[0, 0] == pytest.approx(crop.mean() - 128)
    improved(crop)
    assert np.array_equal(crop, before)


def test_what_is_refused() -> None:
    crop = drawn_faces(1).crops[0]
    for options in ({"patch": 113}, {"patch": 0}, {"step": 0}, {"patch": 8, "step": 9}):
        with pytest.raises(InputError):
            sensitivity(crop, lambda crops: crops.mean(axis=(1, 2, 3)), **options)
    with pytest.raises(ShapeError):
        sensitivity(crop, lambda crops: crops.mean())
    with pytest.raises(ShapeError):
        sensitivity(crop[:, :50], lambda crops: crops.mean(axis=(1, 2, 3)))
    with pytest.raises(ShapeError):
        improved(crop[..., 0])


def test_an_improvement_does_what_its_name_says() -> None:
    crop = drawn_faces(1, seed=9).crops[0]
    noise = np.random.default_rng(1).normal(0, 12, crop.shape)
    dark = np.clip(crop * 0.25, 0, 255).astype(np.uint8)
    side = np.clip(crop * np.linspace(0.2, 1, 112)[None, :, None], 0, 255).astype(np.uint8)
    grainy = np.clip(crop + noise, 0, 255).astype(np.uint8)
    flat = (100 + crop / 10).astype(np.uint8)
    assert abs(float(improved(dark)["middle brightness"].mean()) - 128) < 40 < 128 - dark.mean()
    assert improved(flat)["more contrast"].std() > 4 * flat.std()

    def lean(pixels: np.ndarray) -> float:
        return abs(float(pixels[:, :56].mean()) - float(pixels[:, 56:].mean()))

    assert lean(improved(side)["even light"]) < lean(side) / 2
    cleaner = np.abs(improved(grainy)["less noise"].astype(float) - crop).mean()
    assert cleaner < np.abs(grainy.astype(float) - crop).mean()

    def edges(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())

    assert edges(improved(crop)["sharper"]) > 1.2 * edges(crop)


@pytest.mark.parametrize("value", [0, 255])
def test_a_crop_of_one_color_has_improvements_too(value: int) -> None:
    for pixels in improved(np.full((112, 112, 3), value, np.uint8)).values():
        assert pixels.shape == (112, 112, 3)
        assert pixels.dtype == np.uint8
