"""Real faces saved in other color spaces, formats and depths score as they do in sRGB."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

import fiqa

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))


@pytest.fixture(scope="module")
def crops(data: Path) -> list[PIL.Image.Image]:
    paths = sorted((data / "lfw" / "aligned").glob("*/*_0001.jpg"))[::400]
    return [PIL.Image.open(path).convert("RGB") for path in paths]


def _scores(crops: list[PIL.Image.Image], folder: Path) -> tuple[np.ndarray, list[str | None]]:
    table = fiqa.score(folder, aligned=True, workers=1)
    assert set(table["status"]) == {"ok"}
    assert len(table) == len(crops)
    return table["raw"].to_numpy(), table["notes"].to_list()


@pytest.mark.parametrize(
    ("name", "primaries", "white", "gamma"),
    [
        ("Display P3", P3, (0.3127, 0.3290), 2.2),
        ("ProPhoto", PROPHOTO, (0.3457, 0.3585), 1.8),
        ("linear", None, (0.3127, 0.3290), 1.0),
    ],
)
def test_another_color_space_does_not_move_the_score(
    hostile: ModuleType,
    crops: list[PIL.Image.Image],
    tmp_path: Path,
    name: str,
    primaries: object,
    white: object,
    gamma: float,
) -> None:
    bytes_of = hostile.profile(primaries or hostile.SRGB, gamma, white=white, name=name)
    space = PIL.ImageCms.ImageCmsProfile(io.BytesIO(bytes_of))
    there = PIL.ImageCms.buildTransform(PIL.ImageCms.createProfile("sRGB"), space, "RGB", "RGB")
    for i, crop in enumerate(crops):
        moved = PIL.ImageCms.applyTransform(crop, there)
        for kind, picture, profile in (
            ("plain", crop, None),
            ("tagged", moved, bytes_of),
            ("untagged", moved, None),
        ):
            (tmp_path / kind).mkdir(exist_ok=True)
            picture.save(tmp_path / kind / f"{i:02d}.png", icc_profile=profile)
    (plain, _), (tagged, notes), (untagged, _) = (
        _scores(crops, tmp_path / k) for k in ("plain", "tagged", "untagged")
    )
    error, without = np.abs(tagged - plain).max(), np.abs(untagged - plain).max()
    print(f"{name}: raw score off by at most {error:.3f} with its profile, {without:.3f} without")
    assert set(notes) == {f"profile_converted={name}"}
    assert error < 0.4 * without
    assert np.median(np.abs(tagged - plain)) < 0.25 * np.median(np.abs(untagged - plain))


def test_avif_scores_like_jpeg(crops: list[PIL.Image.Image], tmp_path: Path) -> None:
    for i, crop in enumerate(crops):
        for kind, options in (("png", {}), ("avif", {"quality": 90})):
            (tmp_path / kind).mkdir(exist_ok=True)
            crop.save(tmp_path / kind / f"{i:02d}.{kind}", **options)
    plain, avif = (_scores(crops, tmp_path / kind)[0] for kind in ("png", "avif"))
    assert np.median(np.abs(avif - plain)) < 0.1 * plain.std()
