"""What Picture draws, pixel by pixel: bars as long as their value, chips and panels in their
colors, text where it is put."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fiqa.report.page import LEVEL_COLORS
from fiqa.report.picture import COLORS, Picture, save_ladders_png
from fiqa.report.sheet import save_sheet_png
from fiqa.vocabulary import FACTORS, LEVELS


def rgb(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def where(pixels: NDArray[np.uint8], color: str) -> NDArray[np.bool_]:
    return np.asarray((pixels == rgb(color)).all(axis=2))


def box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is True, the last two exclusive."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize(
    ("value", "length"), [(0.25, 25), (0.5, 50), (1.0, 100), (1.7, 100), (0.03, 6)]
)
def test_a_bar_is_as_long_as_its_value(value: float, length: int) -> None:
    picture = Picture(140, 30)
    picture.bar(20, 10, 100, value, color="cost")
    left, top, right, bottom = box(where(picture.pixels, COLORS["cost"]))
    # The round ends are smooth: their last pixels are mixed with the ground.
    assert (left, top, bottom) == pytest.approx((20, 10, 16), abs=1)
    assert right - left == pytest.approx(length, abs=2)
    if length < 90:
        assert box(where(picture.pixels, COLORS["track"]))[2] == pytest.approx(120, abs=1)


@pytest.mark.parametrize("value", [None, 0.0, 0.02])
def test_a_bar_without_a_value_is_an_empty_track(value: float | None) -> None:
    picture = Picture(140, 30)
    picture.bar(20, 10, 100, value)
    assert not where(picture.pixels, COLORS["bar"]).any()
    assert box(where(picture.pixels, COLORS["track"])) == pytest.approx((20, 10, 120, 16), abs=1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_chip_has_its_level_s_color_and_its_text(level: str) -> None:
    picture = Picture(160, 40)
    picture.chip(10, 10, level)
    back, ink = LEVEL_COLORS[level]
    left, top, right, bottom = box(where(picture.pixels, back))
    assert (left, top, bottom) == (10, 10, 30)
    assert where(picture.pixels, ink)[top:bottom, left:right].any(), "its text"
    fixed = Picture(160, 40)
    fixed.chip(10, 10, level, text="42  x", width=112)
    assert box(where(fixed.pixels, back))[:3:2] == (10, 122)


def test_text_stands_about_the_middle_or_from_the_left_in_its_color() -> None:
    plain, middle = Picture(300, 40), Picture(300, 40)
    used = plain.text(50, 10, "width", 16, color="cost")
    assert middle.text(150, 10, "width", 16, middle=True) == used
    left, _, right, _ = box((plain.pixels != 255).any(axis=2))
    assert left == pytest.approx(50, abs=2)
    assert right == pytest.approx(50 + used, abs=2)
    left, _, right, _ = box((middle.pixels != 255).any(axis=2))
    assert (left + right) / 2 == pytest.approx(150, abs=2)
    assert where(plain.pixels, COLORS["cost"]).any()
    assert where(middle.pixels, COLORS["ink"]).any()
    bold = Picture(300, 40)
    assert bold.text(50, 10, "width", 16, bold=True) > used


def test_a_crop_is_scaled_to_its_cell_and_an_absent_one_is_a_field() -> None:
    crop = np.zeros((56, 56, 3), np.uint8)
    crop[:28] = (250, 0, 0)
    picture = Picture(150, 130)
    picture.crop(10, 5, crop, 112)
    assert where(picture.pixels, "#fa0000")[5:50, 10:122].all()
    assert where(picture.pixels, "#000000")[70:117, 10:122].all()
    empty = Picture(150, 130)
    empty.crop(10, 5, None, 112)
    assert box(where(empty.pixels, COLORS["track"])) == (10, 5, 122, 117)


def test_pixels_are_a_copy() -> None:
    picture = Picture(20, 20)
    picture.pixels[:] = 0
    assert (picture.pixels == 255).all()


def row(**values: Any) -> dict[str, Any]:
    base = {
        "path": "a.jpg",
        "status": "ok",
        "reasons": ["blurry"],
        "uqs": 42,
        "level": "medium",
        "model": "m",
    }
    return {**base, "factors": {**dict.fromkeys(FACTORS, 0.9), "blur": 0.125}, **values}


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_card_of_the_sheet_has_a_bar_for_each_factor_as_long_as_it_is(tmp_path: Path) -> None:
    crop = np.full((112, 112, 3), 90, np.uint8)
    save_sheet_png([row()], [crop], tmp_path / "a.png", columns=1)
    save_sheet_png([row(factors=None)], [crop], tmp_path / "none.png", columns=1)
    good = row(reasons=[], level="perfect", factors=dict.fromkeys(FACTORS, 0.8))
    save_sheet_png([good], [crop], tmp_path / "good.png", columns=1)
    drawn = pixels(tmp_path / "a.png")
    place, top = FACTORS.index("blur"), 116 + 112 + 12
    left = 24 + (place % 2) * 190 + 82
    line = drawn[top + (place // 2) * 19 + 5 + 3]
    cost = np.flatnonzero((line == rgb(COLORS["cost"])).all(axis=1))
    cost = cost[cost > left - 10]  # before it is the factor's name
    assert (cost[0], cost[-1] + 1) == pytest.approx((left, left + 0.125 * 84), abs=2)
    bars = where(drawn, COLORS["bar"])
    assert bars.any()
    assert not where(pixels(tmp_path / "none.png"), COLORS["bar"])[top:].any(), (
        "no factors, no bars"
    )
    assert not where(pixels(tmp_path / "good.png"), COLORS["cost"]).any(), (
        "nothing marked on a good face"
    )


def test_the_worst_rows_come_first_in_the_picture(tmp_path: Path) -> None:
    crops = [np.full((112, 112, 3), shade, np.uint8) for shade in (40, 80, 120)]
    rows = [
        row(uqs=uqs, reasons=[], level=level)
        for uqs, level in ((90, "perfect"), (5, "unusable"), (50, "medium"))
    ]
    save_sheet_png(rows, crops, tmp_path / "w.png", columns=3, limit=2, order="worst")
    save_sheet_png(rows, crops, tmp_path / "g.png", columns=3, limit=2)
    shades = {
        name: [int(pixels(tmp_path / f"{name}.png")[150, 60 + k * 392, 0]) for k in (0, 1)]
        for name in "wg"
    }
    assert shades == {"w": [80, 120], "g": [40, 80]}


def test_a_ladder_has_its_rungs_in_order(tmp_path: Path) -> None:
    rungs = [
        (np.full((112, 112, 3), shade, np.uint8), row(level=level))
        for shade, level in ((200, "good"), (60, "low"))
    ]
    file = tmp_path / "l.png"
    save_ladders_png({"Blur\nmore and more": rungs}, file, title="T", lead="L", labels=["0", "1"])
    drawn = pixels(file)
    for k, (shade, level) in enumerate(((200, "good"), (60, "low"))):
        x = 176 + k * 124
        assert (drawn[134:246, x : x + 112] == shade).all()
        assert where(drawn, LEVEL_COLORS[level][0])[250:270, x : x + 112].any()
    assert (drawn[100:120, 176:288] < 200).any(), "the labels stand over the columns"
