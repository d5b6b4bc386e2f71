"""What the processes run, run here: the same rows as the table of scores, faces joined in one
pass."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from fiqa.scoring.run import scoring_of
from fiqa.service.stages import Assessor, Finder, Picture, Work


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(scoring_of(detector="none"), memory=2**30)


@pytest.fixture(scope="module")
def assessor() -> Assessor:
    return Assessor(scoring_of(detector="none"))


def test_works_of_several_kinds_are_answered_each_with_its_own(finder, assessor, crop):
    found = finder([Picture(crop), Picture(b"x"), Picture(crop), Picture(crop)])
    assert [len(one.faces) for one in found] == [1, 0, 1, 1]
    assert found[1].rows[0]["status"] == "unsupported_format"
    kinds = ("score", "about", "explain", "score")
    works = [Work(kind, one.rows, one.faces) for kind, one in zip(kinds, found, strict=True)]
    plain, about, told, again = assessor(works)
    assert plain[0]["factors"] is None
    assert told[0]["factors"] is not None
    assert about["scorer"]["name"] == "fiqa"
    numbers = [rows[0]["raw"] for rows in (plain, told, again)]
    assert numbers == pytest.approx([numbers[0]] * 3, abs=1e-5)


def test_what_finds_faces_opens_no_model(crop, monkeypatch):
    def load(*_, **options):
        raise AssertionError("it opens a model")

    monkeypatch.setattr("fiqa.methods.load", load)
    for model, notes in ((None, None), ("analytic", "points_seen")):
        found = Finder(scoring_of(model=model, detector="none"), memory=2**30)
        for policy in ("largest", "all"):
            (row,) = found._find(Picture(crop, policy)).rows
            assert (row["status"], row["notes"]) == ("ok", notes)


def test_faces_of_many_pictures_go_through_the_model_together(finder, assessor, crop, monkeypatch):
    sizes = []
    scorer = assessor._by_kind["score"].scorer
    real = type(scorer).score

    def watched(self, faces, **options):
        sizes.append(len(faces))
        return real(self, faces, **options)

    monkeypatch.setattr(type(scorer), "score", watched)
    found = finder([Picture(crop)] * 5)
    assessor([Work("score", one.rows, one.faces) for one in found])
    assert sizes == [5]


def test_vectors_without_a_recognizer_are_an_error(finder, assessor, crop):
    found = finder([Picture(crop)])[0]
    with pytest.raises(TypeError, match=r"without a recognizer"):
        assessor([Work("embed", found.rows, found.faces)])


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format=kind, **options)
    return stream.getvalue()


def test_odd_pictures_are_read_or_have_a_status(finder, crop):
    face = Image.open(io.BytesIO(crop)).convert("RGB")
    grey = np.asarray(face.convert("L"), np.uint16) * 257
    more = {"save_all": True, "append_images": [face.rotate(90)] * 3}
    wanted = {
        stored(Image.new("RGB", (1, 1)), "PNG"): ("wrong_size", None),
        stored(Image.new("RGBA", (1, 1)), "PNG"): ("wrong_size", None),
        stored(Image.new("RGB", (1, 3000)), "PNG"): ("wrong_size", None),
        stored(face.convert("CMYK"), "JPEG"): ("ok", None),
        stored(face.convert("CMYK"), "TIFF"): ("ok", None),
        stored(Image.fromarray(grey), "PNG"): ("ok", None),
        stored(face.convert("P"), "PNG", transparency=0): ("ok", None),
        stored(face, "GIF", **more): ("ok", 0),
        stored(face, "PNG", **more): ("ok", 0),
        stored(face, "WEBP", **more): ("ok", 0),
        stored(face, "JPEG", exif=b"Exif\0\0" + b"\xff" * 300): ("ok", None),
        stored(Image.fromarray(np.full((50, 50), np.nan, np.float32)), "TIFF"): ("corrupt", None),
    }
    for data, told in wanted.items():
        (row,) = finder._find(Picture(data)).rows
        assert (row["status"], row["frame"]) == told, data[:20]


def test_a_picture_is_turned_as_its_exif_says(finder, good_crop):
    face = Image.open(io.BytesIO(good_crop)).convert("RGB")
    seen = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        data = stored(face, "JPEG", quality=95, exif=exif)
        (faces,) = finder._find(Picture(data)).faces
        right = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), float)
        assert np.abs(faces.crops[0] - right).mean() < 2
        seen.append(right)
    assert all(np.abs(seen[0] - other).mean() > 10 for other in seen[1:])


def test_pictures_and_works_do_not_show_what_they_hold(crop):
    assert "PNG" not in repr(Picture(crop))
    assert "faces" not in repr(Work("score"))
