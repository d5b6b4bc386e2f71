"""How sure a run's numbers are: every person is put aside once, and the spread is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import fiqa
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import EvidenceError, InputError
from fiqa.training.config import resolve

torch = pytest.importorskip("torch")

from fiqa.training.folds import Certainty, certainty_of  # noqa: E402

pytestmark = pytest.mark.numeric


def test_the_mean_of_the_folds_and_its_standard_error():
    rows = [{"mae": 0.1, "spearman": None}, {"mae": 0.2, "spearman": 1.0}, {"mae": 0.6}]
    found = certainty_of(rows, people=3)
    assert found.mean == {"mae": pytest.approx(0.3)}, "a metric that a fold lacks has no mean"
    assert found.error["mae"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1) / np.sqrt(3))
    (line,) = found.lines()
    assert line.startswith("mae: 0.3000 +- 0.1528 (standard error, 3 folds by person")


def test_few_people_are_said_and_enough_are_not():
    assert Certainty(None).lines() == Certainty(10).lines() == []
    assert "9 people are put aside, fewer than 10" in Certainty(9).lines()[0]
    assert Certainty(1).lines()[0].startswith("1 person is put aside")


def test_folds_put_each_person_aside_once(trainable, tmp_path):
    """The run itself is the one without folds; each fold is as a run of its own."""
    recipe = resolve(trainable(optim__epochs=1, data__folds=3))
    out, plain = tmp_path / "runs" / "a", tmp_path / "runs" / "b"
    steps = []
    done = fiqa.train(recipe, out=out, progress=lambda _, step, total: steps.append(step))
    once = fiqa.train(replace(recipe, data=replace(recipe.data, folds=0)), out=plain)
    assert (out / "best_mae.safetensors").read_bytes() == (
        plain / "best_mae.safetensors"
    ).read_bytes()
    assert once.certainty.folds == 0
    assert "1 person is put aside" in (plain / "run.html").read_text()
    table = read_table(out / "folds.csv")
    assert table["people"].to_list() == [2, 1, 1], "four people in three folds"
    assert done.certainty.mean["mae"] == pytest.approx(table["mae"].mean())
    assert done.certainty.folds == 3
    assert steps.count(1) == 4
    assert not (out / "folds").exists()
    assert "3 folds by person" in (out / "run.html").read_text()
    sidecar = read_sidecar(out) or {}
    assert sidecar["certainty"]["error"]["mae"] == done.certainty.error["mae"]
    again = fiqa.train(recipe, out=out)
    assert again.current
    assert again.certainty == done.certainty


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_numbers(trainable, tmp_path):
    recipe = resolve(trainable(optim__epochs=1, data__folds=2))
    whole = fiqa.train(recipe, out=tmp_path / "runs" / "whole")
    begun = []

    def killed(_, step, __):
        begun.append(step)
        if begun.count(1) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fiqa.train(recipe, out=tmp_path / "runs" / "a", progress=killed)
    assert not (tmp_path / "runs" / "a.json").exists()
    done = fiqa.train(recipe, out=tmp_path / "runs" / "a")
    assert done.certainty == whole.certainty


def test_folds_that_cannot_be(trainable, tmp_path):
    with pytest.raises(InputError, match=r"data\.folds must be in"):
        resolve(trainable(data__folds=1))
    with pytest.raises(InputError, match="folds part people"):
        resolve(trainable(data__folds=2, data__split="stride"))
    with pytest.raises(EvidenceError, match="5 folds need at least 5 people, got 4"):
        fiqa.train(resolve(trainable(optim__epochs=1, data__folds=5)), out=tmp_path / "runs" / "a")
