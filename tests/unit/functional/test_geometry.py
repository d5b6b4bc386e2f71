"""fiqa.functional.geometry against scikit-image, and what a similarity must keep."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from fiqa.errors import InputError, ShapeError
from fiqa.functional.geometry import (
    TEMPLATE,
    eye_distance,
    inverse,
    similarity_transform,
    template,
    transform_points,
)

pytestmark = pytest.mark.numeric

POINTS = hnp.arrays(np.float64, (5, 2), elements=st.floats(-500, 500))


def _matrix(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[c, -s, x], [s, c, y]])


def test_template_is_the_specified_one_and_scales() -> None:
    assert TEMPLATE[[0, 2, 4]].tolist() == [
        [38.2946, 51.6963],
        [56.0252, 71.7366],
        [70.7299, 92.2041],
    ]
    assert np.allclose(template(256), TEMPLATE * 256 / 112)
    with pytest.raises(ValueError, match="read-only"):
        TEMPLATE[0, 0] = 0.0
    with pytest.raises(InputError, match="size must be in"):
        template(15)


@settings(max_examples=60, deadline=None)
@given(
    POINTS,
    st.floats(0.05, 20),
    st.floats(-180, 180),
    st.floats(-1000, 1000),
    st.floats(-1000, 1000),
)
def test_recovers_a_known_similarity(
    points: np.ndarray, scale: float, degrees: float, x: float, y: float
) -> None:
    assume(np.ptp(points, axis=0).max() > 1.0)
    known = _matrix(scale, degrees, x, y)
    assert np.allclose(
        similarity_transform(points, transform_points(known, points)), known, atol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(POINTS, POINTS)
def test_equals_scikit_image(source: np.ndarray, target: np.ndarray) -> None:
    assume(np.ptp(source, axis=0).max() > 1.0)
    centered = (source - source.mean(0))[:, 0] - 1j * (source - source.mean(0))[:, 1]
    signal = abs(np.sum(centered * ((target - target.mean(0)) @ [1, 1j])))
    mirrored = abs(np.sum(np.conj(centered) * ((target - target.mean(0)) @ [1, 1j])))
    assume(
        signal > 1.1 * mirrored
    )  # scikit-image's rank test is its own where a reflection fits nearly as well
    oracle = SimilarityTransform.from_estimate(source, target)
    assume(bool(oracle))
    assert np.allclose(
        similarity_transform(source, target), oracle.params[:2], rtol=1e-6, atol=1e-6
    )


def test_mirrored_points_never_give_a_reflection(rng: np.random.Generator) -> None:
    matrix = similarity_transform(TEMPLATE * [-1, 1], TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) >= 0
    moved = transform_points(_matrix(1, 0, 0, 0), TEMPLATE * [-1, 1])
    best = np.sum((transform_points(matrix, moved) - TEMPLATE) ** 2)
    for _ in range(200):  # nothing near it is better: it is the least-squares optimum
        near = similarity_transform(moved, TEMPLATE) + _matrix(
            rng.normal(0, 0.05), rng.uniform(-180, 180), 0, 0
        )
        assert np.sum((transform_points(near, moved) - TEMPLATE) ** 2) >= best - 1e-9


def test_batches_equal_single_rows(rng: np.random.Generator) -> None:
    source = rng.normal(size=(7, 5, 2)) * 30
    together = similarity_transform(source, TEMPLATE)
    assert together.shape == (7, 2, 3)
    assert np.allclose(together, [similarity_transform(s, TEMPLATE) for s in source])
    assert np.allclose(
        transform_points(together, source)[3], transform_points(together[3], source[3])
    )
    assert np.allclose(inverse(together)[5], inverse(together[5]))
    assert similarity_transform(np.zeros((0, 5, 2)), TEMPLATE).shape == (0, 2, 3)


@settings(max_examples=40, deadline=None)
@given(POINTS, st.floats(0.05, 20), st.floats(-180, 180), st.floats(-1000, 1000))
def test_inverse_undoes(points: np.ndarray, scale: float, degrees: float, x: float) -> None:
    matrix = _matrix(scale, degrees, x, -x)
    assert np.allclose(
        transform_points(inverse(matrix), transform_points(matrix, points)), points, atol=1e-6
    )


def test_eye_distance_is_the_scale_and_ignores_yaw() -> None:
    assert eye_distance(similarity_transform(TEMPLATE * 3, TEMPLATE)) == pytest.approx(
        3 * 35.2377, rel=1e-4
    )
    assert eye_distance(similarity_transform(TEMPLATE * 3, template(224)), 224) == pytest.approx(
        3 * 35.2377, rel=1e-4
    )
    turned = (TEMPLATE - TEMPLATE.mean(0)) * [0.5, 1.0]
    assert (
        eye_distance(similarity_transform(turned, TEMPLATE))
        > 0.8 * 35.2377
        > np.linalg.norm(turned[1] - turned[0])
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.full((5, 2), 7.0), "at least two distinct points"),
        (np.full((5, 2), np.nan), "source must be finite, got 10 NaN"),
        (
            np.where(np.arange(10).reshape(5, 2) == 3, np.inf, TEMPLATE),
            "source must be finite, got 1 NaN",
        ),
    ],
)
def test_degenerate_points_are_refused(source: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        similarity_transform(source, TEMPLATE)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="source must have shape"):
        similarity_transform(np.zeros((5, 3)), TEMPLATE)
    with pytest.raises(ShapeError, match="target must have shape"):
        similarity_transform(TEMPLATE, np.zeros(5))
    with pytest.raises(ShapeError, match="matrix must have shape"):
        inverse(np.eye(2))
    with pytest.raises(InputError, match="matrix must have an inverse"):
        inverse(np.zeros((2, 3)))
