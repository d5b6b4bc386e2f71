"""Thumbnails: by row only, kept within their bound, gone at the end."""

from __future__ import annotations

import io

import pytest

from fiqa.data.images import Limits
from fiqa.faces.crops import Source
from fiqa.studio_app.thumbnails import Thumbnails


def test_a_picture_is_a_small_jpeg_of_the_row(folder, make_desk, browser) -> None:
    from PIL import Image

    desk = make_desk(folder)
    answer = browser(desk).get(desk.thumb(3, 112))
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (112, 112)
    assert "no-store" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/thumb/99/224", 422),
        ("/thumb/0/9999", 422),
        ("/thumb/-1/224", 404),
        ("/thumb/..%2f..%2fetc%2fpasswd/224", 404),
        ("/static/..%2fapp.py", 404),
        ("/static/studio.css/../../app.py", 404),
        ("/static/app.py", 404),
    ],
)
def test_no_path_comes_from_a_browser(folder, make_desk, browser, address, status) -> None:
    assert browser(make_desk(folder)).get(address).status_code == status


def test_what_cannot_be_read_is_a_drawing(folder, tmp_path, make_desk, browser) -> None:
    (tmp_path / "faces" / "p").mkdir(parents=True)
    (tmp_path / "faces" / "p" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    desk = make_desk(tmp_path / "faces")
    answer = browser(desk).get(desk.thumb(0))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_they_stay_within_their_bound(folder) -> None:
    sources = [Source(str(path), str(path)) for path in sorted(folder.rglob("*.png"))]
    made = Thumbnails(Limits(), most=12_000)
    try:
        contents = [made.of(source, 112) for source in sources]
        assert sum(map(len, contents)) > made.most
        on_disk = sum(file.stat().st_size for file in made._folder.iterdir())
        assert 0 < on_disk == made.total <= made.most
        assert made.of(sources[0], 112) == contents[0]
    finally:
        made.close()
    assert not made._folder.exists()
