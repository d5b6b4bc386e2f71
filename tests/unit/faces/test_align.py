"""fiqa.faces.align: the warp, the mask of the frame, and Faces made from detections."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.images import Image
from fiqa.errors import InputError, ShapeError
from fiqa.faces.align import align, faces_from
from fiqa.faces.detection import Detection
from fiqa.functional.geometry import TEMPLATE, inverse, template, transform_points


def _scene(rng: np.random.Generator, height: int = 180, width: int = 240) -> np.ndarray:
    return cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 3)


def _moved(x: float, y: float) -> np.ndarray:
    return TEMPLATE + np.array([x, y])


def _image(pixels: np.ndarray, grey: bool = False) -> Image:
    return Image(pixels, grey, "PNG", "RGB", 8, 1, "0" * 64, 1)


def _detection(points: np.ndarray, kind: str = "measured") -> Detection:
    return Detection(np.array([0, 0, 50, 60], np.float32), points.astype(np.float32), 0.9, kind)  # type: ignore[arg-type]


def test_an_aligned_crop_is_left_as_it_is(rng: np.random.Generator) -> None:
    crop = _scene(rng, 112, 112)
    aligned = align(crop, TEMPLATE)
    assert np.array_equal(aligned.crop, crop)
    assert aligned.inside.all()
    assert np.allclose(aligned.landmarks, TEMPLATE, atol=1e-4)
    assert aligned.scale == pytest.approx(1.0)


def test_a_shift_by_whole_pixels_is_a_slice(rng: np.random.Generator) -> None:
    image = _scene(rng)
    aligned = align(image, _moved(40, 30))
    assert np.array_equal(aligned.crop, image[30:142, 40:152])


def test_turned_and_scaled_comes_back_upright(rng: np.random.Generator) -> None:
    base = _scene(rng, 112, 112)
    turn = cv2.getRotationMatrix2D((56, 56), 25, 1.7)
    turn[:, 2] += 90
    image = cv2.warpAffine(base, turn, (320, 320), flags=cv2.INTER_CUBIC)
    aligned = align(image, TEMPLATE @ turn[:, :2].T + turn[:, 2])
    assert np.abs(aligned.crop.astype(int) - base)[8:-8, 8:-8].mean() < 2.0
    assert aligned.scale == pytest.approx(1 / 1.7, rel=1e-3)
    assert aligned.eye_distance == pytest.approx(1.7 * 35.24, rel=1e-3)


def test_size_scales_everything(rng: np.random.Generator) -> None:
    image, points = _scene(rng), _moved(40, 30)
    small, large = align(image, points), align(image, points, size=224)
    assert large.crop.shape == (224, 224, 3)
    assert large.inside.shape == (224, 224)
    assert np.allclose(large.landmarks, small.landmarks * 2, atol=1e-3)
    assert large.eye_distance == pytest.approx(small.eye_distance)
    assert (
        np.abs(
            cv2.resize(large.crop, (112, 112), interpolation=cv2.INTER_AREA).astype(int)
            - small.crop
        ).mean()
        < 3
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(-120, 200), st.floats(-120, 150), st.floats(0.4, 3), st.floats(-180, 180))
def test_inside_is_where_a_white_frame_stays_white(
    x: float, y: float, scale: float, degrees: float
) -> None:
    turn = cv2.getRotationMatrix2D((56, 56), degrees, scale)
    points = TEMPLATE @ turn[:, :2].T + turn[:, 2] + [x, y]
    aligned = align(np.full((180, 240, 3), 255, np.uint8), points)
    white = (aligned.crop == 255).all(axis=2)
    differ = white != aligned.inside
    edge = cv2.dilate(white.astype(np.uint8), np.ones((3, 3))) != cv2.erode(
        white.astype(np.uint8), np.ones((3, 3))
    )
    assert not (
        differ & ~edge
    ).any()  # OpenCV interpolates in steps of 1/32 pixel, so only the very edge may disagree
    assert differ.mean() < 0.02
    grid = np.stack(np.meshgrid(np.arange(112), np.arange(112)), axis=-1).reshape(-1, 2)
    source = transform_points(inverse(aligned.matrix), grid).reshape(112, 112, 2)
    assert (aligned.crop[((source < -1.1) | (source > [240.1, 180.1])).any(axis=2)] == 0).all()


def test_a_face_cut_by_the_frame_is_half_inside(rng: np.random.Generator) -> None:
    aligned = align(_scene(rng, 112, 112), _moved(-56, 0))
    assert aligned.inside.mean() == pytest.approx(0.5, abs=0.01)
    assert (aligned.crop[:, :55] == 0).all()


def test_bad_landmarks_and_images_are_refused(rng: np.random.Generator) -> None:
    image = _scene(rng)
    with pytest.raises(InputError, match="source must be finite"):
        align(image, np.full((5, 2), np.nan))
    with pytest.raises(InputError, match="at least two distinct points"):
        align(image, np.ones((5, 2)))
    with pytest.raises(InputError, match="size must be in"):
        align(image, TEMPLATE, size=4)
    with pytest.raises(ShapeError, match="image must be uint8"):
        align(image.astype(np.float32), TEMPLATE)


class TestFacesFrom:
    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_counts(self, rng: np.random.Generator, count: int) -> None:
        image = _image(_scene(rng))
        faces = faces_from(image, [_detection(_moved(10 * i, 0)) for i in range(count)])
        assert len(faces) == count
        assert faces.crops.shape == (count, 112, 112, 3)
        for index in range(count):
            alone = align(image.pixels, _moved(10 * index, 0))
            assert np.array_equal(faces.crops[index], alone.crop)
            assert np.array_equal(faces.inside[index], alone.inside)
            assert faces.eye_distance[index] == pytest.approx(35.24, abs=0.01)

    def test_estimated_points_say_nothing_of_pose(self, rng: np.random.Generator) -> None:
        faces = faces_from(
            _image(_scene(rng)), [_detection(TEMPLATE), _detection(TEMPLATE, "estimated")]
        )
        assert np.allclose(faces.landmarks[0], TEMPLATE, atol=1e-3)
        assert np.isnan(faces.landmarks[1]).all()
        assert np.isfinite(faces.eye_distance).all()

    def test_grey_and_size_are_passed_on(self, rng: np.random.Generator) -> None:
        faces = faces_from(_image(_scene(rng), grey=True), [_detection(template(96))], size=96)
        assert faces.grey.tolist() == [True]
        assert faces.crops.shape == (1, 96, 96, 3)
        assert not faces_from(_image(_scene(rng)), [_detection(TEMPLATE)]).grey.any()


def test_the_mask_is_that_of_every_pixel_whether_or_not_the_corners_decide(
    rng: np.random.Generator,
) -> None:
    from fiqa.functional.geometry import inverse, similarity_transform

    whole = 0
    for _ in range(200):
        points = TEMPLATE * rng.uniform(0.5, 2.0) + rng.uniform(-40, 120, 2)
        height, width = rng.integers(60, 300, 2).tolist()
        aligned = align(np.zeros((height, width, 3), np.uint8), points)
        back = inverse(similarity_transform(points, TEMPLATE))
        y, x = np.mgrid[:112, :112]
        at = np.einsum("ij,jyx->iyx", back, np.stack([x, y, np.ones_like(x)]).astype(float))
        slack = 1.0 / 64.0
        # half a pixel's rounding aside, the plain formula at every pixel
        inside = (at[0] >= -slack) & (at[0] <= width - 1 + slack)
        inside &= (at[1] >= -slack) & (at[1] <= height - 1 + slack)
        assert np.count_nonzero(inside != aligned.inside) == 0
        whole += inside.all()
    assert 20 < whole < 180
