"""The five criteria of a template, likeness to the rest, and where recognizers disagree."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.methods.dmsfiqa.criteria import (
    CRITERIA,
    FRONTAL,
    MET,
    conflicts,
    criteria,
    likeness_to_rest,
)

GOOD = {"occlusion": 0.9, "illumination": 0.9, "crop": 0.9, "blur": 0.9}
FRONT = {"yaw": 2.0, "pitch": -3.0}


def test_a_good_face_meets_all_five() -> None:
    found = criteria(GOOD, FRONT)
    assert tuple(c.name for c in found) == CRITERIA
    assert all(c.met for c in found)


@pytest.mark.parametrize(
    ("factor", "name"),
    [("occlusion", "unoccluded"), ("illumination", "lit"), ("crop", "whole"), ("blur", "sharp")],
)
def test_each_factor_decides_its_own_criterion(factor: str, name: str) -> None:
    for value, met in ((MET, True), (MET - 0.01, False), (float("nan"), None), (None, None)):
        found = {c.name: c.met for c in criteria({**GOOD, factor: value}, FRONT)}
        assert found.pop(name) is met
        assert all(found.values())


@pytest.mark.parametrize(
    ("yaw", "pitch", "met"),
    [
        (FRONTAL, -FRONTAL, True),
        (FRONTAL + 1, 0, False),
        (-FRONTAL - 1, 0, False),
        (0, FRONTAL + 1, False),
        (None, 0, None),
        (0, float("nan"), None),
    ],
)
def test_near_frontal_is_within_degrees(yaw, pitch, met) -> None:
    assert criteria(GOOD, {"yaw": yaw, "pitch": pitch})[1].met is met


def test_likeness_is_the_mean_cosine_to_the_others() -> None:
    rng = np.random.default_rng(1)
    unit = rng.normal(size=(7, 5))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit[4] = np.nan
    segment = np.array([0, 0, 1, 1, 1, 2, 3])
    for code in (None, segment):
        own = np.arange(7) if code is None else code
        for i, value in enumerate(likeness_to_rest(unit, segments=code)):
            others = [unit[i] @ unit[j] for j in range(7) if own[j] != own[i] and j != 4]
            expected = np.nan if i == 4 else np.mean(others)
            np.testing.assert_allclose(value, expected)


def test_alone_there_is_no_rest() -> None:
    assert np.isnan(likeness_to_rest([[1.0, 0.0]])).all()


def test_recognizers_disagree_where_their_ranks_are_far_apart() -> None:
    same = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert not conflicts([same, [10 * v for v in same]]).any()
    assert not conflicts([same]).any()
    swapped = [0.1, 0.2, 0.5, 0.4, 0.3]
    assert conflicts([same, swapped]).tolist() == [False, False, True, False, True]
    unknown = [0.1, np.nan, 0.5, 0.4, 0.3]
    assert not conflicts([same, unknown])[1]
