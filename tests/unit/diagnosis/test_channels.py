"""Signs of swapped channels, on drawn faces and on what is no face; real crops are in
tests/realdata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.data.images import write_image
from fiqa.data.scan import scan
from fiqa.diagnosis.channels import Channels, channels
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.diagnosis.folder import folder_report


@pytest.mark.parametrize(
    ("crops", "bluer", "better", "suspicious"),
    [
        (8, 0.9, 0.9, True),
        (7, 1.0, 1.0, False),
        (64, 0.9, 0.4, False),
        (64, 0.4, 0.9, False),
        (0, 0.0, 0.0, False),
    ],
)
def test_both_signs_and_enough_crops_are_wanted(
    crops: int, bluer: float, better: float, suspicious: bool
) -> None:
    found = Channels(crops, bluer, better)
    assert found.suspicious is suspicious
    assert found.line().startswith("warning: color order") is suspicious
    assert ("not judged" in found.line()) is (crops < 8)


class Warmth:
    """Scores crops by how much redder than blue they are."""

    def score(self, crops: np.ndarray, *, color: str = "RGB") -> np.ndarray:
        red, blue = (0, 2) if color == "RGB" else (2, 0)
        return crops[..., red].astype(float).mean((1, 2)) - crops[..., blue].astype(float).mean(
            (1, 2)
        )

    def unified(self, raw: np.ndarray) -> np.ndarray:
        return np.where(raw > 5, 80, 5)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_folder_of_swapped_crops_is_told(
    swapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.methods.load", lambda *_: Warmth())
    for i, crop in enumerate(drawn_faces(9).crops):
        warm = np.clip(crop.astype(int) + np.array([25, 0, -25]), 0, 255).astype(np.uint8)
        write_image(tmp_path / f"{i}.png", warm[..., ::-1] if swapped else warm)
    write_image(tmp_path / "wide.png", np.full((50, 90, 3), (0, 0, 200), np.uint8))
    report = folder_report(tmp_path)
    assert report.channels == Channels(9, float(swapped), float(swapped))
    assert any(line.startswith("warning: color order") for line in report.lines()) is swapped
    assert report.healthy


def test_grey_and_other_pictures_are_not_judged(tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(10):
        write_image(
            tmp_path / f"grey{i}.png",
            np.repeat(rng.integers(0, 255, (40, 40, 1), np.uint8), 3, axis=2),
        )
        write_image(tmp_path / f"sky{i}.png", np.full((60, 60, 3), (60, 90, 220 + i), np.uint8))
    found = channels(scan(tmp_path, decode=True))
    assert not found.suspicious
    assert found.crops == 0
