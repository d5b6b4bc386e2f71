"""The Python parts of the bundled model's recipe: labels for teacher and student, and where the
student begins."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.data.quality import read_quality

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from fiqa.nets.mobilefacenet import MobileFaceNet  # noqa: E402

pytestmark = pytest.mark.numeric

IDS = [
    "a/1~clean.jpg",
    "a/1~blur-0.50.jpg",
    "a/1~blur-1.00.jpg",
    "a/2~clean.jpg",
    "a/3~clean.jpg",
    "not_a_face/9.jpg",
]


@pytest.fixture
def recipe(root, monkeypatch) -> Any:
    """recipes/bundled.py."""
    monkeypatch.syspath_prepend(str(root / "recipes"))
    yield importlib.import_module("bundled")
    sys.modules.pop("bundled", None)


def write(folder: Path, **scores: list[float]) -> None:
    for name, values in scores.items():
        pl.DataFrame({"id": IDS, "raw": values}).write_parquet(folder / f"{name}.parquet")


def test_one_teacher_is_learned_as_it_is_and_falls_along_the_ladder(recipe, tmp_path):
    write(tmp_path, teacher=[0.8, 0.9, 0.2, 0.5, 0.3, 0.7])
    recipe.distil(tmp_path, "labels.parquet", ["teacher.parquet"])
    found = read_quality(tmp_path / "labels.parquet").at(np.array(IDS))
    assert found == pytest.approx([0.8, 0.8 - 0.5 * recipe.STEP, 0.2, 0.5, 0.3, 0.0])


def test_two_teachers_count_by_their_ranks(recipe, tmp_path):
    write(tmp_path, one=[0.9, 0.2, 0.1, 0.5, 0.3, 0.0], two=[40.0, 20.0, 10.0, 30.0, 50.0, 90.0])
    recipe.distil(tmp_path, "labels.parquet", ["one.parquet", "two.parquet"])
    found = read_quality(tmp_path / "labels.parquet").at(np.array(IDS))
    ranks = np.array([5 + 4, 2 + 2, 1 + 1, 4 + 3, 3 + 5])
    assert found[:5] == pytest.approx(0.1 + 0.9 * (ranks - 2) / 7)
    assert found[5] == 0


def test_weights_decide_what_a_teacher_counts(recipe):
    rows = recipe.Rows(np.array(IDS))
    columns = [np.array([5.0, 4, 3, 2, 1, 0]), np.array([1.0, 2, 3, 4, 5, 0])]
    assert recipe.ranked(rows, columns, [3, 1])[[0, 4]] == pytest.approx([1, 0.1])
    assert recipe.ranked(rows, columns, [1, 3])[[0, 4]] == pytest.approx([0.1, 1])


@pytest.mark.parametrize("variant", ["full", "half"])
def test_the_student_begins_with_the_layers_of_a_teacher_or_of_itself(recipe, tmp_path, variant):
    torch.manual_seed(0)
    teacher = MobileFaceNet(0, variant=variant)
    with torch.no_grad():  # where a kernel is flat, any size of it must say the same of a flat map
        teacher.gdconv.depthwise.weight[:] = torch.arange(512.0).reshape(-1, 1, 1, 1)
    torch.save(teacher.state_dict(), tmp_path / "teacher.pt")
    recipe.start(tmp_path / "teacher.pt", tmp_path / "start.safetensors")
    student = MobileFaceNet(0, variant="half")
    student.load_state_dict(load_file(tmp_path / "start.safetensors"), strict=True)
    last = len(teacher.features) - 1 if variant == "half" else recipe.KEPT[-1]
    for name, value in teacher.features[last].state_dict().items():
        assert torch.equal(value, student.features[-1].state_dict()[name]), name
    said = []
    for net in (teacher, student):
        side = net.gdconv.depthwise.weight.shape[-1]
        said.append(net.gdconv.depthwise(torch.ones(1, 512, side, side)))
    torch.testing.assert_close(*said)
