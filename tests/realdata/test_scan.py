"""Reading and scanning real photographs."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fiqa.data.images import decode_image, read_image, write_image
from fiqa.data.manifest import find
from fiqa.data.scan import scan
from fiqa.diagnosis.channels import channels
from fiqa.diagnosis.folder import folder_report


def test_every_photograph_is_readable(data: Path) -> None:
    report = folder_report(data / "photos")
    assert report.statuses == {"ok": 240}
    assert report.sizes is not None
    assert report.sizes["width"] == (250.0, 250.0, 250.0)
    assert report.modality.get("color", 0) > 200


def test_the_tree_of_lfw(data: Path) -> None:
    found = find(data / "lfw" / "aligned")
    assert len(found) == 13_233
    people, counts = np.unique(found.identity, return_counts=True)
    assert len(people) == 5_749
    assert int((counts > 1).sum()) == 1_680
    assert (
        str(found.id[0])
        == os.path.splitext(os.path.relpath(found.path[0], data / "lfw" / "aligned"))[0]
    )


def test_pixels_equal_those_of_the_plain_decoder(data: Path) -> None:
    paths = sorted((data / "pins" / "aligned").glob("*/*.jpg"))
    for path in random.Random(0).sample(paths, 100):
        with PIL.Image.open(path) as picture:
            np.testing.assert_array_equal(
                read_image(path).pixels, np.asarray(picture.convert("RGB"))
            )


def test_a_near_infrared_look_is_grey(data: Path) -> None:
    paths = sorted((data / "lfw" / "aligned").glob("A*/*.jpg"))[:100]
    images = [read_image(path) for path in paths]
    assert sum(image.grey for image in images) < 5
    for image in images[:20]:
        plane = np.repeat(image.pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
        stream = io.BytesIO()
        PIL.Image.fromarray(plane).save(stream, "JPEG", quality=70)
        assert decode_image(stream.getvalue()).grey


def test_duplicates_of_a_sample(data: Path) -> None:
    paths = sorted((data / "lfw" / "aligned").glob("George_W_Bush/*.jpg"))[:50]
    found = scan([*paths, *paths[:3]])
    assert found.status.tolist() == ["ok"] * 53
    assert [name for name in found.columns["duplicate_of"].tolist() if name] == found.id[
        :3
    ].tolist()


@pytest.mark.parametrize(
    "folder",
    [
        "rmfd/**/*.jpg",
        *(
            pytest.param(glob, marks=pytest.mark.slow)
            for glob in ("lfw/aligned/A*/*", "pins/aligned/*/*1.jpg")
        ),
    ],
)
def test_crops_with_red_and_blue_swapped_are_suspected(
    data: Path, tmp_path: Path, folder: str
) -> None:
    """Also on people in masks, which are blue: the color alone would mislead."""
    paths = sorted(data.glob(folder))[::7][:40]
    for order in ("right", "wrong"):
        for i, path in enumerate(paths):
            pixels = read_image(path).pixels
            write_image(
                tmp_path / order / f"{i}.png", pixels if order == "right" else pixels[..., ::-1]
            )
    right, wrong = (channels(scan(tmp_path / order, decode=True)) for order in ("right", "wrong"))
    print(f"{folder}: {right.line()}; swapped: {wrong.line()}")
    assert not right.suspicious
    assert wrong.suspicious
