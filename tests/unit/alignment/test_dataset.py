"""Crops of shards of photographs: those that the photographs give in a folder, and shards again."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.images import Limits
from fiqa.data.shards import members, shards_of
from fiqa.execute.dataset import of_shards


@pytest.fixture
def photographs(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Square pictures, one that is none, and one that is broken; as files and as a shard."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for i, side in enumerate((112, 130, 200)):
        Image.fromarray(rng.integers(0, 255, (side, side, 3), np.uint8)).save(folder / f"{i}.png")
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(folder / "wide.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with tarfile.open(tmp_path / "photographs.tar", "w") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, file.name)
    return folder


def test_the_crops_of_shards_are_those_of_the_photographs(
    photographs: Path, tmp_path: Path
) -> None:
    how = {"detector": "none", "workers": 1}
    alone = fiqa.align(photographs, out=tmp_path / "crops", **how)
    out = f"{tmp_path}/parts/"
    made = fiqa.align(tmp_path / "photographs.tar", out=out, **how)
    assert made.status.tolist() == alone.status.tolist()
    assert made.columns["source_sha256"].tolist() == alone.columns["source_sha256"].tolist()
    assert made.columns["notes"].tolist() == alone.columns["notes"].tolist()
    assert sorted(made.columns) == sorted(alone.columns)
    assert "image" not in made.columns

    # the parts are shards of crops: the same pixels, and nothing of what gave none
    (part,) = shards_of(out)
    crops = list(members(part, Limits()))
    assert [crop.status for crop in crops] == ["ok"] * 3
    for crop, path in zip(crops, alone.path[alone.status == "ok"], strict=True):
        with Image.open(io.BytesIO(crop.content)) as one, Image.open(path) as other:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    scores = fiqa.score(out, aligned=True, out=f"{tmp_path}/scores/", workers=1)
    right = fiqa.score(tmp_path / "crops", aligned=True, workers=1).filter(pl.col("status") == "ok")
    np.testing.assert_allclose(scores["raw"].to_numpy(), right["raw"].to_numpy(), rtol=1e-5)

    before = Path(part).read_bytes()
    Path(part).unlink()
    fiqa.align(tmp_path / "photographs.tar", out=out, **how)
    assert Path(part).read_bytes() == before


def test_the_command_tells_of_rows_without_reading_them(photographs: Path, tmp_path: Path) -> None:
    words = ["align", str(tmp_path / "photographs.tar"), "-o", str(tmp_path / "parts")]
    ended = CliRunner().invoke(build(), [*words, "--detector", "none", "--workers", "1"])
    assert ended.exit_code == 3, ended.output
    assert "5 rows: 3 ok" in ended.output


def test_several_faces_are_several_rows_with_a_crop_each(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    portrait = data.astronaut()[:300, 80:380]
    two_faces = tmp_path / "photos" / "two.png"
    two_faces.parent.mkdir()
    Image.fromarray(np.hstack([portrait, portrait])).save(two_faces)
    with tarfile.open(tmp_path / "one.tar", "w") as tar:
        tar.add(two_faces, "two.png")
    made = fiqa.align(tmp_path / "one.tar", out=f"{tmp_path}/parts/", faces="all", workers=1)
    alone = fiqa.align(two_faces, out=tmp_path / "crops", faces="all", workers=1)
    assert made.status.tolist() == alone.status.tolist() == ["ok", "ok"]
    assert [str(name)[-2:] for name in made.id] == ["ng", "#1"]
    np.testing.assert_allclose(
        np.array(made.columns["bbox"].tolist()), np.array(alone.columns["bbox"].tolist())
    )


def test_what_is_about_shards() -> None:
    assert of_shards("s3://bucket/photos/", "crops/", "local")
    assert of_shards(["photos"], "s3://bucket/crops", "local")
    assert of_shards("photos", "crops", "ray")
    assert not of_shards(["a.csv", "photos/"], "crops/", "local")
