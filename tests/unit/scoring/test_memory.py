"""Tables of scores of pictures that are in memory: arrays, frames and bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import fiqa
from fiqa.data.tables import read_table
from fiqa.errors import InputError, ShapeError, UnknownNameError

NUMBERS = ["status", "raw", "score", "uqs", "level", "reasons", "factors", "measures"]


@pytest.fixture
def crops(rng):
    return rng.integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)


@pytest.fixture
def files(crops, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(len(crops))]
    for path, crop in zip(paths, crops, strict=True):
        Image.fromarray(crop).save(path)
    return paths


def scored(source, **options):
    return fiqa.score(source, aligned=True, explain=True, workers=1, **options)


def test_arrays_and_bytes_have_the_numbers_of_their_files(crops, files):
    table = scored(files).select(NUMBERS).to_dicts()
    datas = [path.read_bytes() for path in files]
    mixed = [datas[0], crops[1], bytearray(datas[2]), memoryview(datas[3]), crops[4]]
    bgr = np.ascontiguousarray(crops[..., ::-1])
    for source, color in (
        (crops, "RGB"), (list(crops), "RGB"), (bgr, "BGR"), (tuple(bgr), "BGR"), (datas, None),
        (mixed, "RGB"),
    ):  # fmt: skip
        found = scored(source, color=color)
        assert found.select(NUMBERS).to_dicts() == table
        assert found["id"].to_list() == ["0", "1", "2", "3", "4"]
        assert found["path"].to_list() == [""] * 5


def test_one_picture_is_a_table_of_one_row(crops, files):
    whole = scored(files).select(NUMBERS)
    assert scored(crops[0], color="RGB").select(NUMBERS).equals(whole[:1])
    assert scored(files[1].read_bytes()).select(NUMBERS).equals(whole[1:2])


def test_bytes_have_a_sha256_and_arrays_have_none(crops, files):
    table = scored([files[0].read_bytes(), crops[0]], color="RGB")
    assert table["sha256"].to_list() == [scored(files[0])["sha256"][0], None]


def test_the_number_of_processes_makes_no_difference(crops):
    one = scored(crops, color="RGB")
    assert fiqa.score(crops, aligned=True, explain=True, workers=2, color="RGB").equals(one)


def test_a_bad_picture_is_a_row(crops, files):
    cut = files[0].read_bytes()[:2000]
    table = scored([crops[0], cut, b"", b"words", crops[1][:50]], color="RGB")
    assert table["status"].to_list() == [
        "ok", "truncated", "empty_file", "unsupported_format", "wrong_size",
    ]  # fmt: skip


def test_limits_hold(crops):
    table = scored(crops, color="RGB", limits=fiqa.data.images.Limits(max_pixels=100))
    assert set(table["status"]) == {"too_large"}


def test_a_file_is_current_until_a_pixel_changes(crops, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    first = scored(crops, color="RGB", out=out)
    state = out.stat().st_mtime_ns
    assert scored(crops.copy(), color="RGB", out=out).equals(first)
    assert out.stat().st_mtime_ns == state
    changed = crops.copy()
    changed[3, 50, 50] ^= 1
    scored(changed, color="RGB", out=out)
    assert out.stat().st_mtime_ns != state
    scored(changed, color="BGR", out=out)
    assert read_table(out)["raw"].to_list() == scored(changed, color="BGR")["raw"].to_list()


def test_a_sheet_shows_them(crops, tmp_path):
    scored([crops[0], b"words"], color="RGB", html=tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("data:image/jpeg") == 1
    assert "no face" in page


@pytest.mark.parametrize(
    ("source", "color", "kind", "text"),
    [
        (np.zeros((2, 112, 112, 3), np.uint8), None, InputError, "color must say the order"),
        (np.zeros((112, 112, 3), np.uint8), "GBR", UnknownNameError, "must be one of: BGR, RGB"),
        (np.zeros((112, 112), np.uint8), "RGB", ShapeError, "np.repeat"),
        (np.zeros((2, 112, 112, 4), np.uint8), "RGB", ShapeError, r"got \(112, 112, 4\)"),
        (np.zeros((2, 112, 112, 3)), "RGB", ShapeError, "float64"),
        (np.zeros((1, 2, 112, 112, 3), np.uint8), "RGB", ShapeError, r"got \(1, 2, 112"),
        (np.zeros((0, 112, 112, 3), np.uint8), "RGB", InputError, "at least one image"),
        ([b"a", "a.jpg"], None, InputError, "number 1 is str"),
        ([np.zeros((4, 4, 3), np.uint8), None], "RGB", InputError, "number 1 is NoneType"),
        (Image.new("RGB", (4, 4)), None, InputError, "np.asarray"),
        (b"abc", "RGB", InputError, "color is for arrays"),
        ("a.jpg", "RGB", InputError, "color is for arrays"),
        (io.BytesIO(b"abc"), None, InputError, "paths must be paths"),
        (7, None, InputError, "paths must be"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_taken_is_said(source, color, kind, text):
    with pytest.raises(kind, match=text):
        scored(source, color=color)
