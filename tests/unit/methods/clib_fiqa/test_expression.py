"""Expression: an open or a wide mouth is exaggerated, a closed one is not, and an unknown one is
missing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqa.functional.geometry import TEMPLATE
from fiqa.methods.clib_fiqa.expression import expression_quality, mouth_darkness, mouth_width
from fiqa.types import Faces

pytestmark = pytest.mark.numeric


def _face(*, gap: int = 0, wide: float = 0.0, size: int = 112, tone: int = 150) -> Faces:
    """Skin with lips, a dark gap of some rows between them, and landmarks at the template's
    points."""
    crop = np.full((112, 112, 3), tone, np.uint8)
    cv2.ellipse(crop, (56, 93 + gap // 2), (15, 4 + gap), 0, 0, 360, (int(0.8 * tone),) * 3, -1)
    if gap:
        cv2.ellipse(crop, (56, 93 + gap // 2), (11, gap), 0, 0, 360, (int(0.1 * tone),) * 3, -1)
    points = np.asarray(TEMPLATE, np.float32).copy()
    points[3:, 0] += [-wide, wide]
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return Faces(crop[None], landmarks=points[None] * np.float32(size / 112))


def test_an_open_mouth_is_exaggerated_and_a_closed_one_typical():
    ladder = [float(expression_quality(_face(gap=gap))[0]) for gap in (0, 1, 4)]
    assert ladder[0] > 0.9
    assert ladder[-1] < 0.2
    assert ladder == sorted(ladder, reverse=True)


def test_a_wide_mouth_is_exaggerated_and_so_is_a_pursed_one():
    found = [float(expression_quality(_face(wide=wide))[0]) for wide in (-6.0, -2.0, 0.0, 3.0, 6.0)]
    assert found[2] > 0.8
    assert found[0] < 0.2 > found[-1]
    assert mouth_width(_face(wide=3.0))[0] == pytest.approx((29.18 + 6) / 35.24, abs=2e-3)


def test_darkness_is_a_ratio_that_brightness_and_size_change_little():
    for gap in (0, 8):
        known = mouth_darkness(_face(gap=gap))[0]
        assert mouth_darkness(_face(gap=gap, tone=220))[0] == pytest.approx(known, abs=0.25)
        assert mouth_darkness(_face(gap=gap, size=224))[0] == pytest.approx(known, abs=0.25)
        np.testing.assert_allclose(
            mouth_width(_face(gap=gap, size=224)), mouth_width(_face()), rtol=1e-5
        )


def test_what_is_unknown_is_missing():
    crops = np.zeros((2, 112, 112, 3), np.uint8)
    assert np.isnan(expression_quality(Faces(crops))).all()
    points = np.stack([np.asarray(TEMPLATE), np.full((5, 2), np.nan)]).astype(np.float32)
    found = expression_quality(Faces(crops, landmarks=points))
    assert np.isnan(found).tolist() == [False, True]
    outside = np.asarray(TEMPLATE, np.float32)[None] + np.float32(500)
    assert np.isnan(expression_quality(Faces(crops[:1], landmarks=outside))).all()
    same_eyes = points[:1].copy()
    same_eyes[0, 1] = same_eyes[0, 0]
    assert np.isnan(expression_quality(Faces(crops[:1], landmarks=same_eyes))).all()
    assert expression_quality(Faces(crops[:0])).shape == (0,)
