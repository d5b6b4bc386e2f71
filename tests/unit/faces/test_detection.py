"""fiqa.faces.detection: the record, the table of detectors, the policy; and dlib on images made or
carried by scikit-image."""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqa.errors import (
    DetectorError,
    InputError,
    MissingExtraError,
    ShapeError,
    UnknownNameError,
    WeightsError,
)
from fiqa.faces.detection import Detection, Detector, choose
from fiqa.faces.detectors import WholeImage, decided, detector
from fiqa.faces.detectors.dlib import DlibDetector
from fiqa.faces.detectors.yunet import YuNet
from fiqa.functional.geometry import TEMPLATE, similarity_transform, template
from fiqa.runtime import dlib_net
from fiqa.runtime.dlib_net import POINTS, model_file

Pixels = np.ndarray


def _found(x: float, size: float, confidence: float = 0.9) -> Detection:
    points = TEMPLATE / 112 * size + [x, 0]
    return Detection(
        np.array([x, 0, size, size], np.float32), points.astype(np.float32), confidence
    )


@pytest.fixture(scope="module")
def dlib() -> DlibDetector:
    pytest.importorskip("dlib")
    return DlibDetector()


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    return pytest.importorskip("skimage.data").astronaut()


def test_detection_checks_its_fields() -> None:
    face = _found(10, 112)
    assert face.area == 112 * 112
    assert face.eye_distance == pytest.approx(35.24, abs=0.01)
    with pytest.raises(ShapeError, match=r"Detection.box must have shape \(4,\)"):
        Detection(np.zeros(3, np.float32), face.landmarks, 0.5)
    with pytest.raises(InputError, match=r"Detection.landmarks must be finite"):
        Detection(face.box, np.full((5, 2), np.nan, np.float32), 0.5)
    with pytest.raises(InputError, match=r"Detection.confidence must be in \[0.0, 1.0\]"):
        Detection(face.box, face.landmarks, 1.5)


class TestChoose:
    def test_policies(self) -> None:
        small, large = _found(0, 60, 0.95), _found(200, 120, 0.7)
        assert choose([small, large]) == ([large], "ok")
        assert choose([small, large], "all") == ([large, small], "ok")
        assert choose([small, large], "one") == ([], "multiple_faces")
        assert choose([small], "one") == ([small], "ok")

    @pytest.mark.parametrize("policy", ["largest", "all", "one"])
    def test_nothing_found(self, policy: str) -> None:
        assert choose([], policy) == ([], "no_face")

    def test_small_faces_do_not_count(self) -> None:
        tiny, large = _found(0, 20), _found(100, 100)
        assert choose([tiny]) == ([], "face_too_small")
        assert choose([tiny], min_eye_distance=5) == ([tiny], "ok")
        assert choose([tiny, large], "one") == ([large], "ok")
        assert choose([tiny, large], "all") == ([large], "ok")

    def test_a_larger_box_of_far_lower_confidence_never_wins(self) -> None:
        true, false = _found(0, 80, 0.95), _found(200, 160, 0.4)
        assert choose([true, false], "one") == ([true], "ok")
        assert choose([false]) == ([false], "ok")

    def test_order_does_not_matter(self) -> None:
        twins = [_found(0, 80, 0.8), _found(200, 80, 0.9), _found(400, 80, 0.8)]
        expected = choose(twins, "all")[0]
        assert expected[0] is twins[1]
        assert choose(twins[::-1], "all")[0] == expected

    def test_unknown_policy(self) -> None:
        with pytest.raises(UnknownNameError, match="Unknown faces 'biggest'"):
            choose([], "biggest")


class TestTable:
    def test_unknown_name_gives_the_closest(self) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'yunet'"):
            detector("yunt")

    def test_auto_without_anything_names_both_remedies(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
        with pytest.raises(DetectorError, match=r"(?s)weights pull yunet.*fiqa\[dlib\]"):
            detector()

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 322906\n",
                "Git LFS pointer",
            ),
            (b"\x08\x07" + bytes(1000), "cut off: 1002 of 322906 bytes"),
            (b"", "empty"),
            (b"<!DOCTYPE html><html>", "a web page"),
            (b"\x08\x07" + bytes(322904), "must have sha256"),
        ],
    )
    @pytest.mark.parametrize("name", ["auto", "yunet"])
    def test_a_broken_file_is_an_error_and_no_reason_to_take_dlib(
        self, content: bytes, told: str, name: str
    ) -> None:
        home = Path(os.environ["FIQA_HOME"])
        (home / "yunet.onnx").write_bytes(content)
        assert decided(name) == "yunet"
        with pytest.raises(WeightsError, match=told):
            detector(name)

    @pytest.mark.parametrize("kind", ["a folder", "a link that leads nowhere"])
    def test_what_is_there_and_no_file_is_an_error_too(self, kind: str) -> None:
        place = Path(os.environ["FIQA_HOME"]) / "yunet.onnx"
        place.mkdir() if kind == "a folder" else place.symlink_to("nowhere.onnx")
        with pytest.raises(WeightsError, match=kind):
            detector("auto")

    @pytest.mark.parametrize(
        "content", [b"version https://git-lfs.github.com/spec/v1\n", b"", b"\x08\x07" + bytes(99)]
    )
    def test_broken_weights_by_path_are_an_error(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "mine.onnx").write_bytes(content)
        with pytest.raises(WeightsError, match="must be an ONNX face detector"):
            detector("auto", weights=str(tmp_path / "mine.onnx"))

    def test_auto_falls_back_to_dlib(
        self, dlib: DlibDetector, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO", logger="fiqa"):
            assert detector("auto").name == "dlib"
        assert "detector auto takes dlib" in caplog.text

    @pytest.mark.parametrize("name", ["dlib", "none"])
    def test_weights_of_a_detector_that_has_none(self, name: str) -> None:
        with pytest.raises(
            InputError, match=f"weights must be left out with detector '{name}', got 'a.onnx'"
        ):
            detector(name, weights="a.onnx")

    def test_yunet_without_weights(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="yunet"):
            detector("yunet")
        with pytest.raises(WeightsError, match="weights of yunet must be a file"):
            detector("auto", weights=str(tmp_path / "none.onnx"))

    def test_yunet_with_a_file_that_is_no_model(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.onnx"
        path.write_bytes(b"not a model")
        with pytest.raises(WeightsError, match="must be an ONNX face detector"):
            YuNet(path)

    def test_none_takes_square_images_as_crops(self) -> None:
        whole = detector("none")
        assert isinstance(whole, Detector)
        (face,) = whole.detect(np.zeros((224, 224, 3), np.uint8))
        assert face.points == "estimated"
        assert np.allclose(face.landmarks, template(224), atol=1e-4)
        assert whole.detect(np.zeros((224, 112, 3), np.uint8)) == []
        assert whole.detect(np.zeros((8, 8, 3), np.uint8)) == []

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((9, 9), np.uint8),
            np.zeros((9, 9, 4), np.uint8),
            np.zeros((9, 9, 3)),
            np.zeros((0, 9, 3), np.uint8),
        ],
    )
    def test_images_of_another_kind_are_refused(self, image: np.ndarray) -> None:
        with pytest.raises(ShapeError, match="image must"):
            WholeImage().detect(image)


class TestDlib:
    def test_model_is_found_without_importing_its_package(self) -> None:
        pytest.importorskip("dlib")
        file = model_file("shape_predictor_5_face_landmarks.dat", "the detector")
        assert file.stat().st_size > 1_000_000
        assert "face_recognition_models" not in sys.modules

    def test_absent_package_is_a_clear_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dlib_net.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"(?s)points.dat is not found.*fiqa\[dlib\]"):
            model_file("points.dat", "the detector")

    @pytest.mark.parametrize("shape", [(1, 1), (9, 1), (1, 9), (2, 2)])
    def test_a_picture_of_a_pixel_has_no_face(
        self, dlib: DlibDetector, shape: tuple[int, int]
    ) -> None:
        # a part of four channels, as a picture with transparency is read
        assert dlib.detect(np.zeros((*shape, 4), np.uint8)[..., :3]) == []

    def test_finds_the_astronaut(self, dlib: DlibDetector, portrait: Pixels) -> None:
        (face,) = dlib.detect(portrait)
        assert face.points == "estimated"
        assert (
            np.abs(face.landmarks.mean(0) - [224, 125]).max() < 10
        )  # YuNet's five points have this mean
        assert face.confidence > 0.9
        again = dlib.detect(portrait)[0]
        assert np.array_equal(face.landmarks, again.landmarks)

    @pytest.mark.parametrize(("zoom", "side"), [(1, 640), (2, 1280)])
    def test_the_policy_turns_down_the_larger_false_box(
        self, portrait: Pixels, zoom: int, side: int
    ) -> None:
        pytest.importorskip("dlib")
        image = cv2.resize(portrait, None, fx=zoom, fy=zoom)
        found = DlibDetector(max_side=side, min_score=-0.1).detect(image)
        assert len(found) > 1
        for policy in ("largest", "all", "one"):
            faces, status = choose(found, policy)
            assert (len(faces), status) == (1, "ok")
            assert np.abs(faces[0].box[:2] / zoom - [179, 83]).max() < 12

    def test_estimated_points_are_the_alignment_of_dlibs_own(self) -> None:
        assert POINTS.shape == (5, 2)
        mirrored = POINTS[[2, 3, 0, 1, 4]] * [-1, 1] + [2 * TEMPLATE[:, 0].mean() - 0.3, 0]
        assert np.abs(mirrored - POINTS).max() < 1.5  # a mean face is symmetric

    def test_small_and_large_images(self, dlib: DlibDetector, portrait: Pixels) -> None:
        head = portrait[20:230, 120:330]
        (base,) = dlib.detect(head)
        for side in (70, 1500):
            (face,) = dlib.detect(cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA))
            assert np.abs(face.landmarks * 210 / side - base.landmarks).max() < 8

    def test_no_face_where_there_is_none(
        self, dlib: DlibDetector, not_faces: dict[str, Pixels]
    ) -> None:
        assert {
            name
            for name, image in not_faces.items()
            if choose(dlib.detect(image)) != ([], "no_face")
        } == set()

    def test_travels_to_another_process(self, portrait: Pixels) -> None:
        pytest.importorskip("dlib")
        there = pickle.loads(pickle.dumps(DlibDetector(min_score=-0.1)))
        assert len(there.detect(portrait)) == 2


def test_similarity_of_the_estimated_points_is_that_of_the_template() -> None:
    face = _found(5, 200)
    assert np.allclose(
        similarity_transform(face.landmarks, TEMPLATE)[:, :2], np.eye(2) * 112 / 200, atol=1e-5
    )
