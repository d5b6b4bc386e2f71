"""fiqa.functional.pose on synthetic heads at known angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.errors import ShapeError
from fiqa.functional.geometry import TEMPLATE
from fiqa.functional.pose import HEAD, pose_from_points

pytestmark = pytest.mark.numeric


def _render(
    yaw: float, pitch: float, roll: float, scale: float = 40.0, distance: float | None = None
) -> np.ndarray:
    """The head turned by Rz(roll) Ry(yaw) Rx(pitch), each written out by hand; in perspective when
    a distance in head units is given."""
    y, p, r = np.radians([yaw, pitch, roll])
    x, down, near = HEAD.T
    down, near = down * np.cos(p) - near * np.sin(p), down * np.sin(p) + near * np.cos(p)
    x, near = x * np.cos(y) + near * np.sin(y), -x * np.sin(y) + near * np.cos(y)
    x, down = x * np.cos(r) - down * np.sin(r), x * np.sin(r) + down * np.cos(r)
    zoom = 1.0 if distance is None else distance / (distance - near)
    return np.stack([x * zoom, down * zoom], axis=1) * scale + [300, 200]


@settings(max_examples=100, deadline=None)
@given(st.floats(-80, 80), st.floats(-70, 70), st.floats(-170, 170), st.floats(1, 500))
def test_exact_for_the_generic_head_from_afar(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    assert pose_from_points(_render(yaw, pitch, roll, scale)[None])[0] == pytest.approx(
        [yaw, pitch, roll], abs=0.05
    )


@pytest.mark.parametrize("yaw", [-40, -15, 0, 15, 40])
@pytest.mark.parametrize("pitch", [-20, 0, 20])
def test_close_in_perspective(yaw: float, pitch: float) -> None:
    """At 20 head units (about 1.3 m) perspective costs less than 3 degrees."""
    assert (
        np.abs(
            pose_from_points(_render(yaw, pitch, 0, distance=20.0)[None])[0] - [yaw, pitch, 0]
        ).max()
        < 3.0
    )


def test_signs_are_the_documented_ones() -> None:
    frontal = _render(0, 0, 0)
    right, up, clockwise = frontal.copy(), frontal.copy(), _render(0, 0, 20)
    right[2, 0] += 8
    up[2, 1] -= 8
    assert clockwise[1, 1] > clockwise[0, 1]
    yaw, pitch, roll = pose_from_points(np.stack([right, up, clockwise])).T
    assert yaw[0] > 5
    assert pitch[1] > 5
    assert roll[2] == pytest.approx(20, abs=0.01)


def test_mirror_changes_the_sign_of_yaw_and_roll_only() -> None:
    points = _render(25, 10, 5)
    mirrored = (points * [-1, 1])[[1, 0, 2, 4, 3]]
    a, b = pose_from_points(np.stack([points, mirrored]))
    assert b == pytest.approx(a * [-1, 1, -1], abs=1e-3)


def test_shift_and_scale_change_nothing(rng: np.random.Generator) -> None:
    points = TEMPLATE + rng.normal(0, 2, size=(5, 2))
    a, b = pose_from_points(np.stack([points, points * 3 + [50, -7]]))
    assert b == pytest.approx(a, abs=1e-3)


def test_the_template_looks_into_the_camera() -> None:
    assert np.abs(pose_from_points(TEMPLATE[None])).max() < 4.0


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_rows_stand_alone(count: int, rng: np.random.Generator) -> None:
    points = TEMPLATE + rng.normal(0, 3, size=(7, 5, 2))
    result = pose_from_points(points[:count])
    assert result.shape == (count, 3)
    assert result.dtype == np.float32
    assert np.allclose(result, pose_from_points(points)[:count])


def test_missing_and_degenerate_rows_are_nan() -> None:
    missing = TEMPLATE.copy()
    missing[4, 1] = np.nan
    line = np.linspace([0, 0], [50, 100], 5)
    result = pose_from_points(
        np.stack(
            [
                missing,
                np.full((5, 2), 3.0),
                line,
                np.where(TEMPLATE > 90, np.inf, TEMPLATE),
                TEMPLATE,
            ]
        )
    )
    assert np.isnan(result[:4]).all()
    assert np.isfinite(result[4]).all()


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"points must have shape \(N, 5, 2\), got \(5, 2\)"):
        pose_from_points(TEMPLATE)
