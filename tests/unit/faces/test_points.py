"""fiqa.faces.points: what a detector found is looked at again; what is not believed stays."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import fiqa
from fiqa.data.images import write_image
from fiqa.data.store import read_sidecar
from fiqa.faces import points as module
from fiqa.faces.detection import Detection, Detector, choose
from fiqa.faces.detectors import WholeImage, detector
from fiqa.faces.points import (
    LOOKS,
    TAUGHT,
    WEIGHTS,
    RefiningDetector,
    pointed,
    points_of_crops,
    points_record,
    points_version,
    refined,
)
from fiqa.faces.turns import back, view
from fiqa.functional.geometry import TEMPLATE
from fiqa.runtime.cards import card_path, read_card
from fiqa.types import Faces


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (240, 200, 3), np.uint8)


def _face(points: np.ndarray) -> Detection:
    box = np.array([10, 10, 90, 110], np.float32)
    return Detection(box, points.astype(np.float32), 0.7, "estimated")


def _told(monkeypatch: pytest.MonkeyPatch, points: np.ndarray, error: float) -> list[np.ndarray]:
    """The network, replaced: it sees `points` in every crop. Returns the crops that it is shown."""
    shown: list[np.ndarray] = []

    def see(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown.extend(crops)
        return points[None].astype(np.float32), np.array([error], np.float32)

    monkeypatch.setattr(module, "points_of_crops", see)
    return shown


def test_the_file_is_small_and_has_its_card() -> None:
    assert WEIGHTS.stat().st_size < 500_000
    card = read_card(card_path(WEIGHTS))
    assert (card.kind, card.sha256) == ("detector", points_version())
    assert card.license
    assert card.limits
    assert card.training_data
    assert card.numbers


def test_every_crop_gets_five_points_alike_in_any_batch(rng: np.random.Generator) -> None:
    crops = rng.integers(0, 256, (5, 112, 112, 3), np.uint8)
    points, error = points_of_crops(crops)
    assert (points.shape, error.shape) == ((5, 5, 2), (5,))
    assert (error > 0).all()
    np.testing.assert_allclose(points_of_crops(crops[3:4])[0][0], points[3], atol=1e-3)
    assert points_of_crops(crops[:0])[0].shape == (0, 5, 2)


def test_points_come_back_to_the_photograph(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The network says: what lies 3 pixels right of the template in the crop is the face.
    shown = _told(monkeypatch, TEMPLATE + np.array([3, 0]), 1.0)
    found = refined(image, _face(TEMPLATE * 0.5 + 20))
    assert len(shown) == LOOKS
    # Crop pixels are twice those of the photograph here, and each look moves by 1.5 of them.
    np.testing.assert_allclose(found.landmarks, TEMPLATE * 0.5 + 20 + [1.5 * LOOKS, 0], atol=1e-3)
    assert (found.points, found.confidence) == ("measured", np.float32(0.7))


def _moved(turn: float = 0.0, size: float = 0.0, shift: float = 0.0) -> np.ndarray:
    """The template turned and enlarged about its middle, then moved down."""
    middle, angle = TEMPLATE.mean(0), np.radians(turn)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE - middle) @ spin.T * np.exp(size) + middle + [0, shift]


def test_what_it_was_taught_is_believed(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, size, shift = TAUGHT
    _told(monkeypatch, _moved(turn - 0.5, -size + 0.01, shift - 0.5), 1.0)
    assert refined(image, _face(TEMPLATE + 30)).points == "measured"


@pytest.mark.parametrize(
    ("points", "error"),
    [
        (TEMPLATE + np.array([1, 0]), 3.5),  # unsure
        (TEMPLATE + np.array([1, 0]), np.nan),
        (TEMPLATE + np.array([60, 0]), 1.0),  # far away
        (TEMPLATE[[3, 0, 2, 4, 1]], 1.0),  # turned by a right angle
        (_moved(turn=TAUGHT[0] + 1), 1.0),
        (_moved(size=TAUGHT[1] + 0.02), 1.0),
        (_moved(shift=TAUGHT[2] + 0.5), 1.0),
        (np.full((5, 2), np.nan), 1.0),
    ],
)
def test_what_is_not_believed_stays(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch, points: np.ndarray, error: float
) -> None:
    _told(monkeypatch, points, error)
    face = _face(TEMPLATE + 30)
    assert refined(image, face) is face


def test_noise_is_not_believed(image: np.ndarray) -> None:
    face = _face(TEMPLATE + 30)
    assert refined(image, face) is face


@pytest.mark.parametrize("size", [112, 224])
def test_crops_without_landmarks_get_the_points_and_say_so(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    _told(monkeypatch, TEMPLATE + 2, 1.0)
    known = np.full((3, 5, 2), np.nan, np.float32)
    known[1] = 7.0
    crops = rng.integers(0, 256, (3, size, size, 3), np.uint8)
    faces = pointed(Faces(crops, landmarks=known))
    assert faces.seen.tolist() == [True, False, True]
    assert (faces.landmarks[1] == 7.0).all()
    scaled = (TEMPLATE + 2) * size / 112
    np.testing.assert_allclose(faces.landmarks[[0, 2]], [scaled] * 2, rtol=1e-5)
    again = pointed(faces)
    assert again.seen.tolist() == [True, False, True], "they stay the network's"
    _told(monkeypatch, TEMPLATE + 2, 3.5)
    unsure = pointed(Faces(crops))
    assert not unsure.seen.any()
    assert np.isnan(unsure.landmarks).all()
    assert len(pointed(Faces(crops[:0]))) == 0


def test_a_detector_refines_what_it_finds_and_says_so(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fixed:
        name = "fixed"

        def detect(self, image: np.ndarray) -> list[Detection]:
            return [_face(TEMPLATE + 30), _face(TEMPLATE + 60)]

    _told(monkeypatch, TEMPLATE, 0.5)
    finder = RefiningDetector(Fixed())
    assert isinstance(finder, Detector)
    assert [face.points for face in finder.detect(image)] == ["measured", "measured"]
    assert (finder.name, points_record(finder)) == ("fixed", {"points": points_version()})


class Crowd:
    """Finds five faces, the largest first; the second is under the least eye distance. Is unsure of
    them unless the picture is turned once."""

    name = "crowd"

    def detect(self, image: np.ndarray) -> list[Detection]:
        sure = 0.9 if image.shape[0] < image.shape[1] else 0.6
        points = [TEMPLATE * (0.1 if i == 1 else 0.5) + 10 * i for i in range(5)]
        boxes = [np.array([10 * i, 0, 60 - i, 70], np.float32) for i in range(5)]
        return [
            Detection(box, p.astype(np.float32), sure) for box, p in zip(boxes, points, strict=True)
        ]


@pytest.mark.parametrize(
    ("policy", "orientation", "looks"),
    [("largest", "exif", 1), ("one", "exif", 3), ("all", "exif", 5), ("largest", "auto", 1)],
)
def test_only_faces_that_count_are_looked_at_again(
    image: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    orientation: str,
    looks: int,
) -> None:
    shown = _told(monkeypatch, TEMPLATE + np.array([2, 1]), 1.0)
    finder = RefiningDetector(Crowd())
    seen = view(finder, image, policy=policy, orientation=orientation)
    assert len(shown) == looks * LOOKS
    quarters = seen.turn // 90
    assert quarters == (orientation == "auto")
    every, status = choose(finder.detect(np.ascontiguousarray(np.rot90(image, -quarters))), policy)
    assert status == seen.status
    assert [face.landmarks.tolist() for face in seen.faces] == [
        back(face, quarters, *image.shape[:2]).landmarks.tolist() for face in every
    ]


def test_aligned_crops_are_left_alone() -> None:
    assert isinstance(detector("none"), WholeImage)
    assert points_record(detector("none")) == {}


def test_travels_to_another_process(image: np.ndarray) -> None:
    pytest.importorskip("dlib")
    there = pickle.loads(pickle.dumps(detector("dlib")))
    assert (there.name, there.points) == ("dlib", points_version())
    assert there.detect(image) == []


def test_sidecars_say_which_network_saw_the_points(tmp_path: Path) -> None:
    pytest.importorskip("dlib")
    photo = tmp_path / "astronaut.png"
    write_image(photo, pytest.importorskip("skimage.data").astronaut())
    faces = fiqa.align(photo, out=tmp_path / "crops", detector="dlib")
    assert faces.columns["landmarks"][0] is not None
    fiqa.score(photo, detector="dlib", out=tmp_path / "photos.csv")
    fiqa.score(tmp_path / "crops" / "faces.parquet", aligned=True, out=tmp_path / "crops.csv")
    said = {
        name: read_sidecar(tmp_path / name)["arguments"].get("points")
        for name in ("crops/faces.parquet", "photos.csv", "crops.csv")
    }
    assert said == {
        "crops/faces.parquet": points_version(),
        "photos.csv": points_version(),
        "crops.csv": None,
    }
