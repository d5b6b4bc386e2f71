"""Arguments of a wrong kind are named, in every verb that takes them: never a traceback of a
library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.errors import InputError
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="module")
def world() -> tuple[Quality, Embeddings]:
    """20 people with five images each."""
    rng = np.random.default_rng(4)
    ids = np.array([f"p{k // 5}/{k}" for k in range(100)])
    vectors = np.repeat(rng.normal(size=(20, 16)), 5, axis=0) + rng.normal(size=(100, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths = rng.uniform(5, 9, 100).astype(np.float32)
    return Quality(ids, rng.random(100), "q"), Embeddings(ids, vectors, lengths, "r")


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, None], ids=repr)
def test_a_seed_is_a_whole_number_from_0_on(world: Any, seed: Any) -> None:
    quality, embeddings = world
    calls = [
        lambda: fiqa.evaluate(quality, embeddings, fmr=0.01, draws=0, seed=seed),
        lambda: fiqa.threshold(quality, embeddings, fmr=0.01, coverage=0.9, seed=seed),
        lambda: fiqa.label("sdd_fiqa", embeddings=embeddings, seed=seed),
        lambda: fiqa.tables("clib", quality, embeddings, fmr=0.01, seed=seed),
        lambda: fiqa.doctor("model.onnx", seed=seed),
    ]
    for call in calls:
        with pytest.raises(InputError, match="seed must be a whole number from 0 on"):
            call()


def test_a_numpy_seed_is_one(world: Any) -> None:
    quality, embeddings = world
    seeded = [
        fiqa.evaluate(quality, embeddings, fmr=0.01, draws=5, seed=seed)
        for seed in (np.int64(3), 3)
    ]
    assert seeded[0].tables == seeded[1].tables


@pytest.mark.parametrize("command", ["evaluate", "threshold", "label", "tables"])
def test_the_command_line_refuses_a_negative_seed(command: str) -> None:
    words = {"label": ["label", "norm"], "tables": ["tables", "dms"]}.get(command, [command])
    done = CliRunner().invoke(build(), [*words, "--seed", "-1"])
    assert done.exit_code == 2
    assert "--seed" in done.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fmr": "1e-3"}, "fmr must be a number, got '1e-3'"),
        ({"fmr": True}, "fmr must be a number, got True"),
        ({"limits": 0.3}, "limits must be a list of discard fractions, got 0.3"),
        ({"limits": "0.3"}, "limits must be a list"),
        ({"level": None}, "level must be a number"),
    ],
)
def test_a_number_is_a_number(world: Any, change: dict[str, Any], message: str) -> None:
    quality, embeddings = world
    with pytest.raises(InputError, match=message):
        fiqa.evaluate(quality, embeddings, **{"fmr": 0.01, "draws": 0, **change})


@pytest.mark.parametrize(
    "wrong", [np.zeros(3), 7, pl.DataFrame({"a": [1]})], ids=["array", "int", "frame"]
)
def test_a_path_is_a_path(world: Any, tmp_path: Path, wrong: Any) -> None:
    for call in (
        lambda: fiqa.doctor(wrong),
        lambda: fiqa.convert(wrong, tmp_path / "x.csv"),
        lambda: fiqa.convert(tmp_path / "x.csv", wrong),
        lambda: fiqa.label("dmsfiqa", embeddings=world[1], templates=wrong),
    ):
        with pytest.raises(InputError, match="must be the path of a file or folder, got a "):
            call()


def test_frames_and_names_are_taken_where_files_are(world: Any) -> None:
    quality, embeddings = world
    labels = pl.DataFrame({"id": quality.id.tolist(), "value": quality.value})
    vectors = pl.DataFrame({"id": embeddings.id.tolist(), "vector": embeddings.vector.tolist()})
    table = fiqa.tables("dms", quality, embeddings, target=labels).tables[0]
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["MAE"] == pytest.approx(0), "the labels are the scores"
    named = fiqa.evaluate(quality, {"mine": vectors}, fmr=0.01, draws=0)
    assert [result.name for result in named.recognizers] == ["mine"]
    centers = vectors.group_by("id", maintain_order=True).first()
    people = centers.with_columns(id=pl.col("id").str.split("/").list.first()).unique("id")
    assert len(fiqa.label("cr_fiqa", embeddings=embeddings, centers=people)) == 100


def test_what_runs_return_shows_itself_in_a_line(world: Any) -> None:
    quality, embeddings = world
    evaluation = fiqa.evaluate(quality, embeddings, fmr=0.01, draws=0)
    cut = fiqa.threshold(quality, embeddings, fmr=0.01, coverage=0.9)
    tables = fiqa.tables("clib", quality, embeddings, fmr=0.01)
    for noun in (evaluation, cut, tables):
        assert len(repr(noun)) < 200
    assert repr(evaluation).startswith("Evaluation(q under r: iso, FMR 0.01; 100 images, ")
    assert repr(cut).startswith("CutReport(q under r: coverage 0.9: cut ")
    assert repr(tables).startswith("PaperTables(clib_")
