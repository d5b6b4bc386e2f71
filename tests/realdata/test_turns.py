"""Photographs that lie on their side and do not say so, on 240 photographs of LFW."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.faces.detectors import detector
from fiqa.faces.turns import view


@pytest.fixture(scope="module")
def finder(data: Path):
    return detector("yunet", weights=str(data / "models" / "yunet.onnx"))


def _turned(pixels: np.ndarray, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(pixels, -quarters))


def _right(paths: list[Path], finder) -> np.ndarray:
    """(N,4) how often auto undoes a turn by 0, 90, 180 and 270 degrees; exif never turns."""
    right = np.zeros((len(paths), 4), bool)
    for row, path in enumerate(paths):
        pixels = read_image(path).pixels
        for quarters in range(4):
            lying = _turned(pixels, quarters)
            right[row, quarters] = (
                view(finder, lying, orientation="auto").turn == (-90 * quarters) % 360
            )
    return right


@pytest.mark.slow
def test_auto_is_right_for_all_four_turns(data: Path, finder) -> None:
    right = _right(sorted((data / "photos").iterdir())[::8], finder)
    print(f"auto undoes a turn by 0, 90, 180, 270 degrees in {right.sum(axis=0)} of {len(right)}")
    assert right[:, 0].all(), "an upright photograph stays as it is"
    assert right.mean() >= 0.98


@pytest.mark.slow
def test_auto_is_right_for_all_photographs(data: Path, finder) -> None:
    right = _right(sorted((data / "photos").iterdir()), finder)
    print(f"auto undoes a turn by 0, 90, 180, 270 degrees in {right.sum(axis=0)} of {len(right)}")
    assert right[:, 0].all()
    assert right.mean() >= 0.99


@pytest.mark.slow
def test_turned_photographs_score_as_upright_ones_or_say_why_not(
    data: Path, tmp_path: Path
) -> None:
    paths = sorted((data / "photos").iterdir())[::24]
    for path in paths:
        for quarters in range(4):
            write_image(
                tmp_path / str(90 * quarters) / f"{path.stem}.png",
                _turned(read_image(path).pixels, quarters),
            )
    with_yunet = {"detector": "yunet", "weights": str(data / "models" / "yunet.onnx"), "workers": 1}
    auto = fiqa.score(tmp_path, explain=True, orientation="auto", **with_yunet)
    exif = fiqa.score(tmp_path, explain=True, **with_yunet)
    name = pl.col("path").str.split("/").list
    auto, exif = (
        t.with_columns(name.get(-1).alias("name"), name.get(-2).cast(pl.Int64).alias("by"))
        for t in (auto, exif)
    )
    assert set(auto["status"]) == {"ok"}
    assert (auto["turn"] == (-auto["by"]) % 360).all()
    spread = auto.group_by("name").agg((pl.col("uqs").max() - pl.col("uqs").min()).alias("spread"))[
        "spread"
    ]
    print(f"uqs of one photograph in four turns differs by at most {spread.max()}")
    assert spread.max() <= 12
    upright, lying = exif.filter(pl.col("by") == 0), exif.filter(pl.col("by") != 0)
    assert upright["notes"].null_count() == len(upright)
    assert set(upright["detector"]) == {"yunet"}
    assert (lying["notes"].str.contains("looks_turned")).all()
    scored = lying.filter(pl.col("status") == "ok")
    print(
        f"of {len(lying)} lying photographs exif finds {len(scored)}, median uqs"
        f" {scored['uqs'].median()}"
    )
    assert [reasons[0] for reasons in scored["reasons"]] == ["extreme_roll"] * len(scored)


def test_aligned_crops_know_that_the_head_lay(data: Path, tmp_path: Path) -> None:
    path = sorted((data / "photos").iterdir())[0]
    write_image(tmp_path / "lying.png", _turned(read_image(path).pixels, 2))
    weights = str(data / "models" / "yunet.onnx")
    for orientation, turn in (("exif", 0), ("auto", 180)):
        out = tmp_path / orientation
        faces = fiqa.align(
            tmp_path / "lying.png",
            out=out,
            detector="yunet",
            weights=weights,
            orientation=orientation,
        )
        assert faces.columns["turn"].tolist() == [turn]
        assert faces.columns["detector"].tolist() == ["yunet"]
        (reasons,) = fiqa.score(out / "faces.parquet", aligned=True, explain=True)["reasons"]
        assert ("extreme_roll" in reasons) == (orientation == "exif")


@pytest.mark.slow
def test_nothing_is_seen_in_four_turns_where_nothing_is(finder, not_faces) -> None:
    seen = {name: view(finder, image, orientation="auto") for name, image in not_faces.items()}
    assert {name for name, one in seen.items() if one.status != "no_face"} == set()
