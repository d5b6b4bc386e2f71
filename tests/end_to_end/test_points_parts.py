"""The parts of recipes/points_measure.py that its tables rest on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.faces.detection import Detection
from fiqa.functional.geometry import TEMPLATE

pytestmark = pytest.mark.numeric

PLACES = np.array([[40, 50], [80, 53], [63, 70], [47, 95], [74, 90]], np.float32)
VALUES = (50, 50, 100, 150, 150)


class Dots:
    """Finds the eyes, the nose and the corners of the mouth where pixels of 50, 100 and 150 are."""

    name = "dots"

    def detect(self, image: np.ndarray) -> list[Detection]:
        rows = [sorted((x, y) for y, x in np.argwhere(image[..., 0] == v)) for v in (50, 100, 150)]
        points = np.array([place for row in rows for place in row], np.float32)
        box = np.array([0, 0, 120, 120], np.float32)
        return [Detection(box, points, 1.0)] if len(points) else []


def drawn() -> np.ndarray:
    image = np.zeros((120, 131, 3), np.uint8)
    for (x, y), value in zip(PLACES.astype(int), VALUES, strict=True):
        image[y, x] = value
    return image


def test_a_face_of_the_mirrored_photograph_is_where_it_is_in_this_one(part):
    measure, image = part("points_measure"), drawn()
    assert np.array_equal(Dots().detect(image)[0].landmarks, PLACES)
    found = measure.mirrored(image, Dots())
    assert np.array_equal(found.landmarks, PLACES)
    assert measure.mirrored(np.zeros_like(image), Dots()) is None


def test_crops_are_apart_by_what_the_points_are(part, rng):
    measure = part("points_measure")
    image = rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    box = np.array([0, 0, 160, 160], np.float32)
    moved = {"here": (20, 20), "there": (23, 24)}
    faces = {
        name: Detection(box, (TEMPLATE + move).astype(np.float32), 1.0)
        for name, move in moved.items()
    }
    made = [measure.Photo(Path("Ada_Li_0001.jpg"), image, faces)]
    here, there = (measure.Crops(name, made) for name in moved)
    assert made[0].person == "Ada_Li"
    np.testing.assert_allclose(here.apart(here), [0], atol=1e-4)
    np.testing.assert_allclose(here.apart(there), [5], atol=1e-4)


def test_the_interval_of_a_change_draws_people_and_not_images(part):
    between = part("points_measure").between
    assert between(np.full(6, 0.25), np.array([0, 0, 0, 1, 1, 2])) == "+0.2500 [+0.2500, +0.2500]"
    # One person with a hundred images and one with one: either may be drawn twice.
    text = between(np.append(np.zeros(100), 1.0), np.append(np.zeros(100, int), 1))
    assert text == "+0.0099 [+0.0000, +1.0000]"
