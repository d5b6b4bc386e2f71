"""`fiqa.doctor` is one call for folders and models."""

from __future__ import annotations

import numpy as np
import pytest

import fiqa
from fiqa.data.images import Limits, write_image
from fiqa.diagnosis.folder import FolderReport
from fiqa.diagnosis.model import ModelReport
from fiqa.errors import InputError


@pytest.fixture
def crops(tmp_path, rng):
    folder = tmp_path / "crops"
    folder.mkdir()
    for number in range(5):
        write_image(folder / f"{number}.png", rng.integers(0, 256, (112, 112, 3), np.uint8))
    return folder


def test_a_folder_and_a_model_are_told_apart_by_the_name(crops, tiny_quality):
    folder, model = fiqa.doctor(crops), fiqa.doctor(tiny_quality())
    assert isinstance(folder, FolderReport)
    assert folder.images == 5
    assert isinstance(model, ModelReport)
    assert "16 drawn faces" in model.probe


def test_faces_and_most_reach_the_model(crops, tiny_quality):
    report = fiqa.doctor(tiny_quality(), faces=crops, most=4)
    assert report.probe == "4 faces"
    with pytest.raises(InputError, match="at least 4 faces, got 3"):
        fiqa.doctor(tiny_quality(), faces=crops, most=3)


def test_the_seed_and_the_limits_change_what_is_found(crops, tiny_quality):
    model = tiny_quality()
    probes = [fiqa.doctor(model, faces=crops, seed=seed).lines() for seed in (0, 0, 1)]
    assert probes[0] == probes[1] != probes[2]
    assert fiqa.doctor(crops, limits=Limits(max_bytes=10)).healthy is False
