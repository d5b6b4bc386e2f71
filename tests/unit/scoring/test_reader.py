"""One picture after another: the numbers are those of the table, whatever the picture comes as;
what is bad is a status or an error; threads, forks and copies."""

from __future__ import annotations

import copy
import io
import os
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fiqa
from fiqa import FaceReader
from fiqa.data.images import Limits
from fiqa.errors import FiqaError, InputError, ReadError, ShapeError, UnknownNameError
from fiqa.types import Face
from fiqa.vocabulary import ADVICE, STATUSES

pytest.importorskip("dlib")
astronaut = pytest.importorskip("skimage.data").astronaut


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture(scope="module")
def dark(tmp_path_factory) -> Path:
    """The same in too little light: a face with reasons."""
    path = tmp_path_factory.mktemp("photos") / "dark.png"
    Image.fromarray((astronaut() * 0.12).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return FaceReader(detector="dlib")


def same(face: Face, row: dict) -> bool:
    """Whether a face has the numbers of a row, to the bit."""
    names = ("status", "raw", "score", "uqs", "level", "model")
    assert {name: getattr(face, name) for name in names} == {name: row[name] for name in names}
    assert list(face.reasons) == row["reasons"]
    assert dict(face.factors or {}) == row["factors"]
    assert dict(face.measures or {}) == row["measures"]
    assert face.box is not None
    assert face.landmarks is not None
    assert face.box.tolist() == row["bbox"]
    assert face.landmarks.ravel().tolist() == row["landmarks"]
    return True


def table(path: Path, **options) -> list[dict]:
    asked = {"detector": "dlib", "explain": True, "workers": 1} | options
    return fiqa.score(path, **asked).to_dicts()


@pytest.mark.parametrize("which", ["portrait", "dark"])
def test_the_numbers_are_those_of_the_table_whatever_the_picture_comes_as(which, reader, request):
    path = request.getfixturevalue(which)
    (row,) = table(path)
    pixels = np.asarray(Image.open(path))
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    data = path.read_bytes()
    for given, color in (
        (path, None),
        (str(path), None),
        (data, None),
        (bytearray(data), None),
        (memoryview(data), None),
        (Image.open(path), None),
        (Image.fromarray(pixels), None),
        (pixels, "RGB"),
        (bgr, "BGR"),
    ):
        (face,) = reader.read(given, color=color)
        assert same(face, row)
        (again,) = reader.read(given, color=color, strict=False)
        assert same(again, row)


def test_advice_is_a_sentence_for_each_reason(reader, dark):
    (face,) = reader.read(dark)
    assert "underexposed" in face.reasons
    assert face.advice == tuple(ADVICE[code] for code in face.reasons)
    assert "Add light on the face." in face.advice


def test_a_wrong_order_of_channels_is_another_picture(reader, portrait):
    pixels = np.asarray(Image.open(portrait))
    right, wrong = (reader.read(pixels, color=color)[0] for color in ("RGB", "BGR"))
    assert right.raw != wrong.raw


def test_exif_turns_a_picture_however_it_comes(reader, portrait, tmp_path):
    picture = Image.open(portrait)
    turned, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    turned.save(path, quality=100, subsampling=0, exif=exif)
    (row,) = table(path)
    faces = [reader.read(given)[0] for given in (path, path.read_bytes(), Image.open(path))]
    assert all(same(face, row) for face in faces)
    (plain,) = reader.read(portrait)
    assert np.abs(faces[0].box - plain.box).max() < 8


def test_color_profiles_are_converted_however_a_picture_comes(hostile, reader, portrait, tmp_path):
    wide = hostile.profile(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8)
    path = tmp_path / "tagged.png"
    Image.open(portrait).save(path, icc_profile=wide)
    (row,) = table(path)
    assert all(same(reader.read(g)[0], row) for g in (path, path.read_bytes(), Image.open(path)))
    assert row["raw"] != reader.read(portrait)[0].raw


def test_all_faces_of_a_picture(tmp_path):
    path = tmp_path / "two.png"
    Image.fromarray(np.concatenate([astronaut(), astronaut()[:, ::-1]], axis=1)).save(path)
    rows = table(path, faces="all")
    faces = FaceReader(detector="dlib", faces="all").read(path)
    assert [face.index for face in faces] == [0, 1]
    assert all(same(face, row) for face, row in zip(faces, rows, strict=True))
    with pytest.raises(ReadError, match="multiple_faces") as caught:
        FaceReader(detector="dlib", faces="one").read(path)
    assert caught.value.status == "multiple_faces"


def test_aligned_crops(tmp_path, rng):
    crop = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    path = tmp_path / "crop.png"
    Image.fromarray(crop).save(path)
    (row,) = table(path, detector="none")
    reader = FaceReader(detector="none")
    for given, color in ((path, None), (crop, "RGB")):
        (face,) = reader.read(given, color=color)
        assert (face.raw, list(face.reasons)) == (row["raw"], row["reasons"])
        assert face.box is None
        assert face.crop is not None
        assert np.array_equal(face.crop, crop)


def test_a_face_keeps_its_pixels_when_the_frame_is_written_over(rng):
    frame = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    before = frame.copy()
    (face,) = FaceReader(detector="none").read(frame, color="RGB")
    frame[:] = 0
    (fresh,) = FaceReader(detector="none").read(before, color="RGB")
    assert face.measures == fresh.measures
    assert np.array_equal(face.crop, before)


BAD = {
    "not_found": Path("nowhere.jpg"),
    "empty_file": b"",
    "unsupported_format": b"no picture at all",
    "truncated": None,
    "no_face": Image.new("RGB", (200, 200), (90, 120, 130)),
}


def test_crops_have_the_scores_of_their_faces(reader, portrait, dark):
    faces = [reader.read(path)[0] for path in (portrait, dark)]
    scores = reader.scores(np.stack([face.crop for face in faces]))
    np.testing.assert_allclose(scores, [face.score for face in faces], rtol=1e-5)
    with pytest.raises(ShapeError):
        reader.scores(faces[0].crop)


@pytest.mark.parametrize("status", BAD)
def test_a_bad_picture_is_an_error_or_a_status(status, reader, portrait):
    given = BAD[status]
    if given is None:
        given = portrait.read_bytes()[:20_000]
    with pytest.raises(ReadError) as caught:
        reader.read(given)
    assert caught.value.status == status
    (face,) = reader.read(given, strict=False)
    assert (face.status, face.raw, face.score, face.uqs, face.level) == (status, *[None] * 4)
    assert (face.reasons, face.advice, face.crop, face.factors) == ((), (), None, None)
    assert STATUSES[status] in repr(face)
    assert STATUSES[status].split(":")[0] in face._repr_html_()


def test_limits_hold_for_what_is_in_memory(portrait):
    reader = FaceReader(detector="dlib", limits=Limits(max_pixels=1000))
    pixels = np.asarray(Image.open(portrait))
    lazy = Image.open(io.BytesIO(portrait.read_bytes()))
    for given, color in ((portrait, None), (lazy, None), (pixels, "RGB")):
        with pytest.raises(ReadError, match="at most 1000 pixels") as caught:
            reader.read(given, color=color)
        assert caught.value.status == "too_large"
        assert reader.read(given, color=color, strict=False)[0].status == "too_large"
    small = FaceReader(detector="dlib", limits=Limits(max_bytes=100))
    with pytest.raises(ReadError, match="at most 100 bytes"):
        small.read(portrait.read_bytes())


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_picture_is_the_callers_error(reader, strict):
    ok = np.zeros((40, 40, 3), np.uint8)
    for given, color, kind, text in (
        (ok, None, InputError, "color must say the order"),
        (ok, "bgr", UnknownNameError, "must be one of: BGR, RGB"),
        (ok[..., 0], "RGB", ShapeError, r"\(H,W,3\) uint8, got \(40, 40\) uint8"),
        (ok[None], "RGB", ShapeError, "many images"),
        (ok.astype(np.float32), "RGB", ShapeError, "float32"),
        (ok[:0], "RGB", ShapeError, r"got \(0, 40, 3\)"),
        (b"abc", "RGB", InputError, "color is for arrays"),
        ("a.jpg", "BGR", InputError, "color is for arrays"),
        (12, None, InputError, "must be a path, bytes, a Pillow picture"),
        (io.BytesIO(b""), None, InputError, "got BytesIO"),
    ):
        with pytest.raises(kind, match=text):
            reader.read(given, color=color, strict=strict)


def test_without_reasons_the_numbers_are_the_same(reader, dark):
    silent = FaceReader(detector="dlib", explain=False)
    (face,), (told,) = silent.read(dark), reader.read(dark)
    assert face.raw == told.raw
    assert (face.reasons, face.factors, face.measures) == ((), None, None)
    assert told.reasons


def test_measures_explain_any_method(dark):
    (row,) = table(dark, model="laplacian", explain="measures")
    reader = FaceReader(detector="dlib", model="laplacian", explain="measures")
    assert same(reader.read(dark)[0], row)


def test_a_method_that_cannot_explain_is_told_once(caplog, dark):
    reader = FaceReader(detector="dlib", model="laplacian")
    assert caplog.text.count("laplacian has no factors of its own") == 1
    assert reader.read(dark)[0].factors is None
    assert caplog.text.count("laplacian has no factors of its own") == 1


@pytest.mark.slow
@pytest.mark.parametrize("model", [None, "laplacian"])
def test_threads_share_a_reader(model, portrait, dark):
    reader = FaceReader(detector="dlib", model=model, explain="measures")
    alone = {path: reader.read(path)[0] for path in (portrait, dark)}
    jobs = [portrait, dark] * 6
    with ThreadPoolExecutor(4) as pool:
        faces = list(pool.map(lambda path: reader.read(path)[0], jobs))
        reasons = list(pool.map(lambda face: face.reasons, faces))
    assert [face.raw for face in faces] == [alone[path].raw for path in jobs]
    assert reasons == [alone[path].reasons for path in jobs]
    assert alone[portrait].raw != alone[dark].raw


def test_a_forked_child_reads_and_leaves(reader, dark):
    (face,) = reader.read(dark)
    child = os.fork()
    if not child:
        signal.alarm(60)  # a child that hangs is ended, and fails the test
        same = False
        try:
            (there,) = reader.read(dark)
            same = (there.raw, there.reasons) == (face.raw, face.reasons)
        finally:
            os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_copies_read_alike(reader, dark):
    (face,) = reader.read(dark)
    for other in (pickle.loads(pickle.dumps(reader)), copy.deepcopy(reader), copy.copy(reader)):
        assert repr(other) == repr(reader)
        (there,) = other.read(dark)
        assert (there.raw, there.reasons) == (face.raw, face.reasons)


def test_copies_of_a_face_know_why(reader, dark):
    (face,) = reader.read(dark)
    for other in (pickle.loads(pickle.dumps(face)), copy.deepcopy(face)):
        assert (other.raw, other.reasons, other.factors) == (face.raw, face.reasons, face.factors)
        assert np.array_equal(other.crop, face.crop)


def test_a_face_shows_itself(reader, dark):
    (face,) = reader.read(dark)
    assert repr(face).startswith(f"<Face 1 of {dark}: {face.uqs} of 100, {face.level}; ")
    page = face._repr_html_()
    assert "data:image/jpeg;base64," in page
    assert face.advice[0] in page
    assert f"{face.uqs} of 100, {face.level}" in page
    assert repr(reader) == "<FaceReader: dlib finds, fiqa scores>"
    assert repr(FaceReader(detector="none")) == "<FaceReader: aligned crops, fiqa scores>"


def test_a_name_of_a_file_is_text_in_a_notebook():
    page = Face("no_face", name="<script>alert(1)</script>.jpg")._repr_html_()
    assert "<script>" not in page


@pytest.mark.parametrize(
    "wrong", [{"detector": "dlb"}, {"faces": "some"}, {"model": "fqia"}, {"explain": "words"}]
)
def test_what_is_not_known_is_refused_when_it_is_made(wrong):
    with pytest.raises(FiqaError, match=r"Unknown|must be one of"):
        FaceReader(**({"detector": "none"} | wrong))
