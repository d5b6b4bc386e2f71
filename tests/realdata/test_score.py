"""score on real photographs and crops: every face found, good above bad, the same whether aligned
at once or in two steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import fiqa
from fiqa.scoring.run import plan


@pytest.fixture(scope="module")
def yunet(data: Path) -> dict[str, str]:
    return {"detector": "yunet", "weights": str(data / "models" / "yunet.onnx")}


@pytest.fixture(scope="module")
def photos(data: Path, yunet):
    return fiqa.score(data / "photos", explain=True, **yunet)


@pytest.mark.slow
def test_every_photograph_has_one_scored_face(photos):
    assert len(photos) == 240
    assert set(photos["status"]) == {"ok"}
    assert photos["id"].n_unique() == photos["sha256"].n_unique() == 240
    assert photos["uqs"].is_between(0, 100).all()
    assert photos["score"].is_between(0, 1).all()
    assert photos["raw"].n_unique() > 200
    assert all(len(box) == 4 for box in photos["bbox"])
    assert all(len(points) == 10 for points in photos["landmarks"])


def test_most_of_lfw_is_good_and_every_factor_is_measured(photos):
    assert photos["uqs"].median() > 60
    factors = photos["factors"].struct.unnest()
    assert factors.null_count().row(0) == (0,) * 6
    assert all(factors[name].is_between(0, 1).all() for name in factors.columns)


@pytest.mark.slow
def test_dlib_scores_like_yunet(data, photos):
    some = photos[::12]
    found = fiqa.score(some["path"].to_list(), detector="dlib")
    assert (found["status"] == "ok").sum() >= 19
    both = (found["status"] == "ok").to_numpy()
    difference = np.abs(found["uqs"].to_numpy()[both].astype(float) - some["uqs"].to_numpy()[both])
    assert np.median(difference) < 15


@pytest.mark.slow
def test_aligning_first_gives_the_same_scores(data, photos, yunet, tmp_path):
    some = photos[:40]
    fiqa.align(some["path"].to_list(), out=tmp_path / "crops", **yunet)
    again = fiqa.score(tmp_path / "crops" / "faces.parquet", aligned=True, explain=True)
    assert (again["status"] == "ok").all()
    difference = np.abs(again["uqs"].to_numpy().astype(float) - some["uqs"].to_numpy())
    assert np.mean(difference <= 1) >= 0.95, (
        "the exact mask of the frame is lost on the way: a cut face may differ"
    )
    assert difference.max() <= 30


def test_a_blurred_face_scores_lower(data, tmp_path):
    paths = sorted((data / "lfw" / "aligned").glob("*/*_0001.jpg"))[::250]
    for i, path in enumerate(paths):
        with Image.open(path) as picture:
            picture.save(tmp_path / f"{i:02d}_sharp.png")
            picture.filter(ImageFilter.GaussianBlur(4)).save(tmp_path / f"{i:02d}_soft.png")
    frame = fiqa.score(tmp_path, aligned=True, explain=True)
    raw = frame["raw"].to_numpy().reshape(-1, 2)
    assert np.mean(raw[:, 0] > raw[:, 1]) > 0.95
    assert sum("blurry" in reasons for reasons in frame["reasons"][1::2]) > 0.9 * len(paths)


@pytest.mark.slow
def test_processes_and_batches_agree_to_the_bit(data):
    folder = data / "lfw" / "aligned"
    paths = sorted(map(str, folder.glob("B*/*.jpg")))[:100]
    one = fiqa.score(paths, aligned=True, explain=True, workers=1)
    assert one.equals(fiqa.score(paths, aligned=True, explain=True, workers=2))
    rows = [
        row for rows in plan(paths, aligned=True, explain=True, workers=1).rows() for row in rows
    ]
    assert [row["raw"] for row in rows] == one["raw"].to_list()
