"""write_sheet: of more faces than a page takes, the failed and the worst get the cards, each with
its own picture."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from fiqa.scoring import sheet as module
from fiqa.scoring.sheet import write_sheet


def scored(folder, number: int, uqs: int | None) -> dict:
    """A row whose crop is flat and as bright as its number says."""
    path = folder / f"{number}.png"
    Image.new("RGB", (112, 112), (20 * number,) * 3).save(path)
    row = {
        "id": str(number),
        "path": str(path),
        "status": "ok" if uqs is not None else "no_face",
        "uqs": uqs,
    }
    level = None if uqs is None else "medium"
    return row | {"level": level, "model": "m", "bbox": None, "reasons": [], "factors": None}


def cards(page: str) -> list[tuple[str, str | None, int | None]]:
    """Of each card: its name, its score, and which number its picture is of."""
    result = []
    for card in re.findall(r"<article.*?</article>", page, re.DOTALL):
        score = re.search(r'class="score">(\d+)', card)
        picture = re.search(r"data:image/jpeg;base64,([^\"]+)", card)
        gray = (
            Image.open(io.BytesIO(base64.b64decode(picture[1]))).convert("L") if picture else None
        )
        number = None if gray is None else round(float(np.mean(np.asarray(gray))) / 20)
        result.append(
            (re.search(r'class="name"[^>]*>([^<]+)', card)[1], score and score[1], number)
        )
    return result


@pytest.mark.parametrize("most", [3, 5])
def test_the_worst_faces_get_the_cards_and_their_own_pictures(tmp_path, monkeypatch, most):
    monkeypatch.setattr(module, "_MOST", most)
    values = [70, 12, 95, None, 33, 51, 8, 88]
    rows = [scored(tmp_path, number + 1, uqs) for number, uqs in enumerate(values)]
    write_sheet(rows, tmp_path / "s.html", footer="fiqa score in")
    page = (tmp_path / "s.html").read_text()
    order = [(4, None), (7, 8), (2, 12), (5, 33), (6, 51)]
    wanted = [
        (f"{n}.png", None if uqs is None else str(uqs), None if uqs is None else n)
        for n, uqs in order
    ]
    assert cards(page) == wanted[:most]
    assert (
        f"8 rows, 7 scored 0..100 by m. Median 51. {8 - most} left out of this page, the best ones."
        in page
    )
    assert "fiqa score in" in page


def test_10000_faces_are_on_a_page_and_no_more_are_read(tmp_path, monkeypatch):
    row = scored(tmp_path, 3, 40)
    read = []
    monkeypatch.setattr(module, "_crop", lambda row, limits: read.append(row["uqs"]))
    write_sheet([row | {"uqs": 99 - number % 90} for number in range(10_800)], tmp_path / "s.html")
    assert (tmp_path / "s.html").read_text().count("<article") == 10_000
    assert sorted(read) == sorted(99 - number % 90 for number in range(10_800))[:10_000]
