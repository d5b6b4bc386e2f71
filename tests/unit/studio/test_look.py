"""Look: what is told of a photograph and of a frame, how often, and that nothing is kept."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fiqa.languages import phrase
from fiqa.report.heat import heat_picture
from fiqa.studio_app.looker import FRAMES_PER_SECOND, Looker
from fiqa.studio_app.pages.look import MAX_FRAME, MAX_PHOTO
from fiqa.vocabulary import ADVICE, FACTORS, STATUSES

pytest.importorskip("dlib")
astronaut = pytest.importorskip("skimage.data").astronaut


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=92)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def portrait() -> bytes:
    return encoded(astronaut())


@pytest.fixture(scope="module")
def dark() -> bytes:
    return encoded((astronaut() * 0.2).astype(np.uint8))


@pytest.fixture
def studio(make_desk: Callable[..., Any], browser: Callable[..., Any], folder: Path) -> Any:
    return browser(make_desk(folder))


def look(studio: Any, content: bytes, kind: str = "photo") -> dict[str, Any]:
    answer = studio.post(f"/look/{kind}", content=content)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_photograph_is_told_as_the_table_has_it(studio: Any, dark: bytes) -> None:
    import fiqa

    told = look(studio, dark)
    face = fiqa.FaceReader().read(dark)[0]
    assert (told["score"], told["level"]) == (face.uqs, face.level)
    assert [each["words"].replace(" ", "_") for each in told["reasons"]] == list(face.reasons)
    assert [each["advice"] for each in told["reasons"]] == [ADVICE[r] for r in face.reasons]
    assert face.reasons, "a dark portrait has a reason"
    assert tuple(told["factors"]) == tuple(phrase(name) for name in FACTORS)
    with Image.open(io.BytesIO(base64.b64decode(told["crop"]))) as crop:
        assert crop.size == (112, 112)
    with Image.open(io.BytesIO(base64.b64decode(told["heat"]))) as heat:
        assert heat.size == (336, 336)
    assert told["needed"] > 0


def test_other_faces_of_a_photograph_are_counted(studio: Any, portrait: bytes) -> None:
    assert look(studio, portrait)["others"] == 0
    small = np.asarray(Image.fromarray(astronaut()).resize((300, 300)))
    scene = np.full((512, 1200, 3), 90, np.uint8)
    scene[:, :512] = astronaut()
    scene[100:400, 512:812] = small
    scene[100:400, 850:1150] = small
    told = look(studio, encoded(scene))
    assert told["others"] == 2
    assert abs(told["score"] - look(studio, portrait)["score"]) <= 5, "it is the largest one's"


def test_what_would_raise_it_is_what_the_score_says_of_it(studio: Any, dark: bytes) -> None:
    from fiqa import FaceReader
    from fiqa.faces.what_if import improved

    told = look(studio, dark)
    reader = FaceReader()
    crop = reader.read(dark)[0].crop
    scores = {
        name: round(100 * float(reader.scores(pixels[None])[0]))
        for name, pixels in improved(crop).items()
    }
    better = {name: score for name, score in scores.items() if score > told["score"]}
    assert "more contrast" in better, "contrast raises the score of a dark portrait"
    assert {each["what"]: each["score"] for each in told["better"]} == better
    changes = [each["change"] for each in told["better"]]
    assert changes == sorted(changes, reverse=True)
    assert min(changes) > 0


@pytest.mark.parametrize("kind", ["photo", "frame"])
def test_what_shows_no_face_is_a_status_in_words(studio: Any, kind: str) -> None:
    nothing = encoded(np.full((200, 200, 3), 90, np.uint8))
    assert look(studio, nothing, kind)["sentence"] == STATUSES["no_face"]


@pytest.mark.parametrize("content", [b"", b"no picture", b"GIF89a" + bytes(40)])
def test_what_is_no_picture_is_a_status_too(studio: Any, content: bytes) -> None:
    told = look(studio, content)
    assert told["status"] in STATUSES
    assert told["status"] != "ok"
    assert "score" not in told


def test_a_frame_has_advice_and_the_place_of_the_face(studio: Any, portrait: bytes) -> None:
    told = look(studio, portrait, "frame")
    x, y, wide, high = told["box"]
    assert 150 < x < x + wide < 320
    assert 20 < y < y + high < 230
    assert "heat" not in told
    assert 0 < told["score"] <= 100


def test_frames_that_come_too_fast_are_refused(portrait: bytes) -> None:
    from fiqa.data.images import Limits

    looker = Looker(None, Limits())
    assert looker.frame(portrait) is not None
    looker._next += 3600
    assert looker.frame(portrait) is None, "before its time"
    looker._next = 0.0
    with looker._frames:
        assert looker.frame(portrait) is None, "while another is looked at"
    assert looker.frame(portrait) is not None
    assert 1 <= FRAMES_PER_SECOND <= 30


def test_the_address_refuses_a_frame_that_came_too_early(
    studio: Any, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Looker, "frame", lambda self, content: None)
    answer = studio.post("/look/frame", content=portrait)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"


def test_too_many_bytes_are_refused(studio: Any) -> None:
    assert studio.post("/look/frame", content=bytes(MAX_FRAME + 1)).status_code == 413
    assert studio.post("/look/photo", content=bytes(MAX_PHOTO + 1)).status_code == 413
    assert studio.get("/look/photo").status_code == 405


def test_nothing_is_kept(
    studio: Any, portrait: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(studio, portrait)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    look(studio, portrait)
    look(studio, portrait, "frame")
    assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before
    assert look(studio, portrait)["crop"] not in studio.get("/look").text


def test_heat_is_orange_where_it_is_needed_and_blue_where_it_hurts() -> None:
    heat = np.zeros((112, 112))
    heat[40:70, 10:40], heat[40:70, 70:100] = 0.3, -0.3
    picture = heat_picture(np.full((112, 112, 3), 120, np.uint8), heat).astype(int)
    red, _, blue = picture[165, 75]
    assert red > blue + 50
    red, _, blue = picture[165, 255]
    assert blue > red + 50
    assert np.ptp(picture[10, 10]) <= 1, "gray where nothing changes"
    calm = heat_picture(np.full((112, 112, 3), 120, np.uint8), heat / 1000).astype(int)
    assert np.ptp(calm, axis=2).max() < 10, "a change of nothing is not painted as one"
