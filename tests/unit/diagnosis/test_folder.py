"""The folder part of doctor: every count against a folder made by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import PIL.Image
import pytest

from fiqa.data.images import Limits
from fiqa.diagnosis.folder import folder_report
from fiqa.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, hostile: ModuleType) -> Path:
    contents = {
        "ann/1.jpg": hostile.encoded("JPEG", size=(200, 150)),
        "ann/2.jpg": hostile.encoded("JPEG", "L", size=(120, 112)),
        "ann/3.png": hostile.encoded("PNG", "I;16", size=(100, 130)),
        "bob/1.jpg": hostile.encoded("JPEG", size=(200, 150)),
        "cat/1.gif": hostile.animated("GIF"),
        "cat/2.gif": hostile.animated("GIF"),
        "dan/1.jpg": b"",
        "dan/2.png": hostile.damaged(hostile.encoded("PNG", size=(300, 300))),
    }
    for name, data in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_every_count(folder: Path) -> None:
    report = folder_report(folder)
    assert report.images == 8
    assert report.statuses == {"ok": 6, "empty_file": 1, "corrupt": 1}
    assert report.failed == [
        (str(folder / "dan/1.jpg"), "empty_file"),
        (str(folder / "dan/2.png"), "corrupt"),
    ]
    assert report.duplicates == [("ann/1", "bob/1"), ("cat/1", "cat/2")]
    assert report.conflicts == [("ann/1", "bob/1")]
    assert report.sizes is not None
    assert report.sizes["width"] == (32.0, 110.0, 200.0)
    assert report.small == 3
    assert report.formats == {"JPEG": 3, "GIF": 2, "PNG": 1}
    assert report.bits == {"8": 5, "16": 1}
    assert report.modality == {"grey": 4, "color": 2}
    assert report.many_frames == 2
    assert report.identities == 3
    assert report.single == ["bob"]
    assert not report.healthy


def test_the_text_says_it(folder: Path) -> None:
    text = "\n".join(folder_report(folder).lines())
    assert "images: 8 (ok 6, empty_file 1, corrupt 1)" in text
    assert f"empty_file: {str(folder / 'dan/1.jpg')!r}. The file has 0 bytes." in text
    assert "width: 32 .. 200, median 110" in text
    assert "sides below 112 pixels: 3" in text
    assert "'ann/1' = 'bob/1'" in text
    assert "equal files under different identities: 1" in text
    assert "identities: 3; with one image (no mated pair): 1" in text


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    report = folder_report(tmp_path)
    assert report.sizes is None
    assert "  ... and 3 more" in report.lines()
    assert len(report.failed) == 8


def test_a_healthy_folder_and_its_limits(tmp_path: Path, hostile: ModuleType) -> None:
    (tmp_path / "a.png").write_bytes(hostile.encoded("PNG"))
    seen: list[tuple[str, int, int]] = []
    assert folder_report(tmp_path, progress=lambda *at: seen.append(at)).healthy
    assert seen == [("scan", 1, 1)]
    assert folder_report(tmp_path, limits=Limits(max_pixels=4)).statuses == {"too_large": 1}


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one image, got none"):
        folder_report(tmp_path)
    with pytest.raises(InputError, match="at least one path"):
        folder_report([])


def test_what_was_converted_or_guessed_is_counted(tmp_path: Path, hostile: ModuleType) -> None:
    deep = PIL.Image.fromarray(np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8))
    light = PIL.Image.fromarray(np.full((8, 8, 3), 90, np.uint8))
    profile = hostile.profile(hostile.SRGB, 1.0, name="linear")
    for i in range(2):
        deep.save(tmp_path / f"deep{i}.png", pnginfo=None, compress_level=i)
        light.save(tmp_path / f"light{i}.png", icc_profile=profile, compress_level=i)
    light.save(tmp_path / "plain.png")
    report = folder_report(tmp_path)
    assert report.notes == {"samples_narrow": 2, "profile_converted": 2}
    assert any("samples_narrow: 2 images." in line and "dark" in line for line in report.lines())


def test_samples_of_a_guessed_range_are_counted(tmp_path: Path) -> None:
    ramp = np.arange(256).reshape(16, 16)
    PIL.Image.fromarray((ramp * 257).astype(np.int32)).save(tmp_path / "wide.tif")
    PIL.Image.fromarray((ramp / 255 * 100).astype(np.float32)).save(tmp_path / "percent.tif")
    lost = np.where(ramp < 9, np.nan, ramp).astype(np.float32)
    PIL.Image.fromarray(lost).save(tmp_path / "lost.tif")
    report = folder_report(tmp_path)
    assert report.notes == {"samples_scaled": 2, "samples_missing": 1}
    assert any("samples_scaled: 2 images." in line for line in report.lines())
