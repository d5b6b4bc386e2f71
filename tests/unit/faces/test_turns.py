"""Which way up: the arithmetic of a turn against numpy's, and the choice with a detector made
here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fiqa.errors import UnknownNameError
from fiqa.faces.align import align, faces_from
from fiqa.faces.detection import Detection
from fiqa.faces.factors import measure
from fiqa.faces.turns import back, view
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Faces


class Marked:
    """Finds a face of 112 where the lone bright pixel is, the surer the nearer that is to a corner
    of the picture's upper left; a stand-in that works only upright."""

    def __init__(
        self, name: str = "yunet", sure: tuple[float, ...] = (0.95, 0.8, 0.85, 0.7)
    ) -> None:
        self.name = name
        self.sure = sure
        self.looks = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.looks += 1
        height, width = image.shape[:2]
        places = np.argwhere(image[..., 0] == 255)
        if not len(places):
            return []
        y, x = (int(v) for v in places[0])
        corner = (x >= width / 2) + 2 * (y >= height / 2)
        confidence = self.sure[(0, 1, 3, 2)[corner]]  # clockwise from the upper left
        if not confidence:
            return []
        points = (TEMPLATE / 2 + [x, y]).astype(np.float32)
        return [Detection(np.array([x, y, 50, 60], np.float32), points, confidence)]


def scene() -> np.ndarray:
    image = np.zeros((200, 300, 3), np.uint8)
    image[20, 30] = 255
    return image


def turned(image: np.ndarray, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, -quarters))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_points_come_back_to_where_they_were(quarters: int) -> None:
    height, width = 200, 300
    grid = np.arange(height * width).reshape(height, width)
    rng = np.random.default_rng(quarters)
    there = np.rot90(grid, -quarters)
    spots = np.stack(
        [rng.integers(0, there.shape[1], 5), rng.integers(0, there.shape[0], 5)], axis=1
    )
    face = Detection(np.array([7, 9, 30, 40], np.float32), spots.astype(np.float32), 0.9)
    here = back(face, quarters, height, width)
    for (x, y), (a, b) in zip(spots, here.landmarks.astype(int), strict=True):
        assert there[y, x] == grid[b, a]
    x, y, wide, high = here.box.astype(int)
    box = np.zeros_like(grid, bool)
    box[y : y + high, x : x + wide] = True
    assert np.rot90(box, -quarters)[9:49, 7:37].all()
    assert box.sum() == 30 * 40


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_auto_turns_to_where_the_face_is_best_seen(quarters: int) -> None:
    upright, lying = scene(), turned(scene(), quarters)
    straight = view(Marked(), upright)
    seen = view(Marked(), lying, orientation="auto")
    assert seen.turn == (-90 * quarters) % 360
    assert (seen.status, seen.better, seen.notes) == ("ok", 0, ())
    crop = align(lying, seen.faces[0].landmarks).crop
    wanted = align(upright, straight.faces[0].landmarks).crop
    np.testing.assert_allclose(crop.astype(int), wanted, atol=1)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_exif_does_not_turn_and_says_that_it_seems_wrong(quarters: int) -> None:
    seen = view(Marked(), turned(scene(), quarters))
    assert (seen.turn, seen.better) == (0, (-90 * quarters) % 360)
    assert seen.notes == (f"looks_turned={seen.better}",)
    assert seen.status == "ok"
    hidden = view(Marked(sure=(0.95, 0, 0, 0)), turned(scene(), quarters))
    assert (hidden.status, hidden.notes) == ("no_face", seen.notes)


def test_a_sure_face_costs_one_look_and_ties_stay_upright() -> None:
    sure, unsure, equal = (
        Marked(),
        Marked(sure=(0.7, 0.6, 0.6, 0.6)),
        Marked(sure=(0.7, 0.705, 0.705, 0.705)),
    )
    for finder, looks in ((sure, 1), (unsure, 4), (equal, 4)):
        assert view(finder, scene(), orientation="auto").turn == 0
        assert finder.looks == looks
    nothing = Marked()
    assert view(nothing, np.zeros((9, 9, 3), np.uint8), orientation="auto").status == "no_face"


def test_other_detectors_are_asked_four_times_only_where_it_matters() -> None:
    for orientation, sure, looks in (("exif", 0.6, 1), ("exif", 0.0, 4), ("auto", 0.99, 4)):
        finder = Marked("dlib", (sure, 0, 0, 0))
        view(finder, scene(), orientation=orientation)
        assert finder.looks == looks
    crop = Marked("none", (0.5, 0.9, 0.9, 0.9))
    assert view(crop, scene(), orientation="auto").turn == 0
    with pytest.raises(UnknownNameError, match="orientation"):
        view(crop, scene(), orientation="left")


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_head_that_lies_is_named_before_all_else(quarters: int) -> None:
    from fiqa.data.images import Image

    lying = turned(scene(), quarters)
    image = Image(lying, False, "PNG", "RGB", 8, 1, "0" * 64, 1)
    seen, auto = view(Marked(), lying), view(Marked(), lying, orientation="auto")
    faces = faces_from(image, seen.faces, tilt=seen.tilt, lying=seen.better != 0)
    assert faces.roll is not None
    assert abs(faces.roll[0]) == pytest.approx(180 if quarters == 2 else 90, abs=1e-3)
    assert np.sign(faces.roll[0]) == (1 if quarters in (1, 2) else -1)
    assert measure(faces).reasons[0][0] == "extreme_roll"
    upright = faces_from(image, auto.faces, tilt=auto.tilt)
    assert upright.roll is not None
    assert abs(upright.roll[0]) < 1e-3
    assert "extreme_roll" not in measure(upright).reasons[0]


def test_the_roll_of_a_photograph_alone_is_no_pose() -> None:
    """dlib's points say nothing of the pose; that the head stands upright must not make it
    known."""
    crops = np.full((3, 112, 112, 3), 90, np.uint8)
    factors = measure(Faces(crops, roll=np.array([0.0, 30.0, 90.0], np.float32)))
    assert np.isnan(factors.quality["pose"][:2]).all()
    assert factors.quality["pose"][2] < 1e-3
    assert factors.measures["photo_roll"].tolist() == [0.0, 30.0, 90.0]


def test_who_is_not_told_of_a_lying_photograph_is_spared_three_looks() -> None:
    class Unsure:
        name = "yunet"

        def __init__(self) -> None:
            self.looks = 0

        def detect(self, image: np.ndarray) -> list[Detection]:
            self.looks += 1
            upright = image.shape[0] > image.shape[1]
            return [Detection(np.array([5, 5, 40, 40]), TEMPLATE, 0.9 if upright else 0.7)]

    pixels, told, silent = np.zeros((100, 150, 3), np.uint8), Unsure(), Unsure()
    seen, unseen = view(told, pixels), view(silent, pixels, told=False)
    assert (told.looks, silent.looks) == (4, 1)
    assert (seen.better, unseen.better) == (90, 0)
    assert unseen.notes == ()
    assert seen.faces[0].box.tolist() == unseen.faces[0].box.tolist()
    turned = Unsure()
    assert view(turned, pixels, orientation="auto", told=False).turn == 90


def test_the_points_of_a_head_that_lies_do_not_say_how_it_lies() -> None:
    """A detector draws the points of a lying head nearly upright, one way or the other."""
    from fiqa.data.images import Image

    image = Image(turned(scene(), 1), False, "PNG", "RGB", 8, 1, "0" * 64, 1)
    (face,) = view(Marked(), image.pixels).faces
    for degrees in (-35.0, 0.0, 35.0):
        angle = np.exp(1j * np.radians(degrees))
        points = (face.landmarks @ [1, 1j]) * angle
        tilted = replace(face, landmarks=np.stack([points.real, points.imag], 1).astype(np.float32))
        lying = faces_from(image, [tilted], tilt=-270, lying=True)
        told = faces_from(image, [tilted], tilt=-270)
        assert lying.roll is not None
        assert told.roll is not None
        assert lying.roll[0] == 90
        assert (told.roll[0] == pytest.approx(90, abs=1e-3)) == (degrees == 0)
