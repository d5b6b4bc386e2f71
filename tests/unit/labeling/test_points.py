"""Aligned crops without landmarks: labels and scores take the points that the network sees, and say
so; what it does not see stays unknown."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.faces.points import pointed, points_version
from fiqa.labeling.run import label_rows
from fiqa.types import Faces

pytestmark = pytest.mark.numeric

SEEN = (
    "The pose of {} is from five points that the package's network sees: no landmarks were known."
)
NONE = "The pose of 1 crop is unknown: no landmarks were known, and the network sees no face there."


@pytest.fixture
def bare(folder, rng):
    """A manifest of ten crops without landmarks, the last of them noise."""
    frame = read_table(folder / "faces.parquet").drop("landmarks").head(10)
    write_image(frame["path"][9], rng.integers(0, 256, (112, 112, 3), np.uint8))
    frame.write_csv(folder / "bare.csv")
    return folder / "bare.csv"


@pytest.fixture
def told(bare):
    """The same with the network's points as landmarks, where it has any."""
    frame = read_table(bare)
    crops = np.stack([read_image(path).pixels for path in frame["path"]])
    points = pointed(Faces(crops)).landmarks.reshape(-1, 10)
    rows = [row.tolist() if np.isfinite(row).all() else None for row in points]
    assert [row is None for row in rows] == [False] * 9 + [True]
    marks = pl.Series("landmarks", rows, dtype=pl.List(pl.Float64))
    frame.with_columns(marks).write_parquet(bare.with_name("told.parquet"))
    return bare.with_name("told.parquet")


@pytest.mark.parametrize("method", ["dmsfiqa", "clib_fiqa", "analytic"])
def test_labels_are_those_of_the_networks_points(bare, told, vectors, method):
    given = {} if method == "analytic" else {"embeddings": vectors}
    tables = [
        label_rows(
            method, faces=faces, out=bare.with_name(f"{faces.stem}.jsonl"), workers=1, **given
        )
        for faces in (bare, told)
    ]
    np.testing.assert_allclose(*[found.quality.value for found in tables], atol=1e-6)
    notes = [read_sidecar(bare.with_name(f"{name}.jsonl"))["notes"] for name in ("bare", "told")]
    assert notes == [[SEEN.format("9 crops"), NONE], [NONE]]
    side = read_sidecar(bare.with_name("bare.jsonl"))
    assert side["arguments"]["points"] == points_version()
    if method == "dmsfiqa":
        pose = tables[0].table["factors"].struct.field("pose").is_null()
        assert pose.to_list() == [False] * 9 + [True]
    if method == "clib_fiqa":
        assert tables[0].table["pose"].is_null().to_list() == [False] * 9 + [True]


@pytest.mark.parametrize("method", ["laplacian", "fiqa"])
def test_what_reads_no_landmarks_asks_for_none(bare, method):
    fiqa.score(bare, aligned=True, model=method, out=bare.with_name("s.csv"), workers=1)
    side = read_sidecar(bare.with_name("s.csv"))
    assert "points" not in side["arguments"]
    assert "notes" not in side


def test_scores_and_measures_of_crops_are_from_the_points_and_say_so(bare, told, caplog):
    def scores(faces, **more):
        return fiqa.score(faces, aligned=True, workers=1, **more).provenance

    for k, more in enumerate(({"model": "analytic"}, {"model": "fiqa", "explain": "both"})):
        outs = [bare.with_name(f"{faces.stem}_{k}.jsonl") for faces in (bare, told)]
        for faces, out in zip((bare, told), outs, strict=True):
            fiqa.score(faces, aligned=True, workers=1, out=out, **more)
        mine, theirs = map(read_table, outs)
        np.testing.assert_allclose(mine["raw"], theirs["raw"], atol=1e-6)
        assert mine["notes"].to_list() == ["points_seen"] * 9 + ["points_none"]
        assert read_sidecar(outs[0])["notes"][:2] == [SEEN.format("9 crops"), NONE]
        assert read_sidecar(outs[0])["arguments"]["points"] == points_version()
        if "explain" in more:
            yaw = [table["measures"].struct.field("yaw") for table in (mine, theirs)]
            np.testing.assert_allclose(yaw[0][:9], yaw[1][:9], atol=1e-4)
    assert SEEN.format("9 crops") in caplog.messages


def test_the_networks_own_pose_is_not_overruled_by_points(bare):
    crops = np.stack([read_image(path).pixels for path in read_table(bare)["path"]])
    model = fiqa.load("fiqa")
    with_points, without = pointed(Faces(crops)), Faces(crops)
    assert with_points.seen.any()
    np.testing.assert_array_equal(
        model.assess(with_points)[1].quality["pose"], model.assess(without)[1].quality["pose"]
    )
