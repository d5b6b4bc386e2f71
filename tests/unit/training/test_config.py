"""Recipes: what a file may hold, and what every wrong thing in it says."""

from __future__ import annotations

import json

import pytest

from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.training.config import Group, Recipe, read_recipe, resolve

DATA = {"faces": "crops", "labels": "q.csv"}


def test_a_recipe_says_every_default_and_comes_back():
    recipe = resolve({"data": DATA, "optim": {"groups": [{"prefix": "quality.", "lr": 1}]}})
    assert recipe.optim.groups == (Group(lr=1.0, prefix="quality."),)
    assert isinstance(recipe.optim.groups[0].lr, float)
    record = recipe.record()
    assert record["loss"]["level_cuts"] == [0.2, 0.43333, 0.66667, 0.9]
    assert resolve(json.loads(json.dumps(record))) == recipe


def test_settings_go_over_the_file(tmp_path):
    file = tmp_path / "r.toml"
    file.write_text('seed = 3\n[data]\nfaces = "crops"\nlabels = "q.csv"\n[optim]\nlr = 1e-4\n')
    recipe = read_recipe(
        file,
        {
            "optim.lr": 3e-4,
            "optim.name": "sgd",
            "run.select": ["spearman"],
            "data.per_identity": 4,
            "model.freeze_batchnorm": True,
            "seed": 9,
        },
    )
    assert recipe.optim.lr == 3e-4
    assert recipe.optim.name == "sgd"
    assert recipe.run.select == ("spearman",)
    assert recipe.data.per_identity == 4
    assert recipe.model.freeze_batchnorm
    assert recipe.seed == 9
    with pytest.raises(InputError, match="'lr' is no table in"):
        read_recipe(file, {"optim.lr.x": 1})
    with pytest.raises(UnknownNameError, match=r"did you mean 'lr'"):
        read_recipe(file, {"optim.lrr": 1})


def test_a_file_that_is_no_recipe(tmp_path):
    with pytest.raises(ReadError, match="there is none at"):
        read_recipe(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(ReadError, match="must be TOML"):
        read_recipe(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ReadError, match="must be TOML"):
        read_recipe(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"datas": {}}, r"Unknown table or key of a recipe 'datas'.*\n\nhint: did you mean 'data'"),
        (
            {"data": DATA | {"face": 1}},
            r"Unknown key of \[data\] 'face'.*\n\nhint: did you mean 'faces'",
        ),
        (
            {"data": DATA, "optim": {"groups": [{"lr": 1.0, "prefx": "a"}]}},
            r"key of \[optim.groups\[0\]\] 'prefx'",
        ),
        ({"data": DATA, "model": {"factors": ["blurr"]}}, "Unknown factor 'blurr'"),
        ({"data": DATA, "run": {"select": ["mea"]}}, "Unknown metric 'mea'"),
        ({"data": DATA, "optim": {"name": "adamm"}}, "Unknown optim.name 'adamm'"),
        ({"data": DATA, "augment": {"preset": 3}}, "Unknown augment.preset '3'"),
    ],
)
def test_an_unknown_name_says_the_closest(content, text):
    with pytest.raises(UnknownNameError, match=f"(?s){text}"):
        resolve(content)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({}, "data must be given"),
        ({"data": {"faces": "a"}}, "data.labels must be given"),
        ({"data": 3}, "data must be a table, got 3"),
        ({"data": DATA | {"size": 64.5}}, r"data.size must be a whole number, got 64.5"),
        ({"data": DATA | {"size": True}}, "data.size must be a whole number, got True"),
        ({"data": DATA, "optim": {"lr": "fast"}}, "optim.lr must be a number, got 'fast'"),
        ({"data": DATA, "run": {"bf16": 1}}, "run.bf16 must be true or false, got 1"),
        ({"data": DATA, "model": {"weights": 1}}, "model.weights must be text in quotes, got 1"),
        ({"data": DATA, "model": {"mean": [0.5]}}, "model.mean must have 3 values, got 1"),
        ({"data": DATA, "model": {"mean": 0.5}}, "model.mean must be a list, got 0.5"),
        ({"data": DATA, "model": {"std": [1.0, 0, 1]}}, r"model.std must be in \(0"),
        ({"data": DATA, "model": {"embedding": -1}}, "model.embedding must be in"),
        ({"data": DATA | {"validation": 1.0}}, r"data.validation must be in \(0, 1\)"),
        ({"data": DATA | {"size": 16}}, "data.size must be in"),
        ({"data": DATA | {"per_identity": 0}}, "data.per_identity must be in"),
        ({"data": DATA, "augment": {"flip": 1.5}}, "augment.flip must be in"),
        ({"data": DATA, "loss": {"beta": 0.0}}, "loss.beta must be in"),
        ({"data": DATA, "loss": {"ranking": -1.0}}, "loss.ranking must be in"),
        ({"data": DATA, "loss": {"weight": 0.0}}, "loss must have a term"),
        (
            {"data": DATA, "model": {"output": "clip"}, "loss": {"objective": "cr_fiqa"}},
            "model.output must be linear, as the objective cr_fiqa has an end of its own, got clip",
        ),
        (
            {"data": DATA, "loss": {"level_cuts": [0.1, 0.1, 0.2, 0.3]}},
            "loss.level_cuts must be strictly ascending",
        ),
        (
            {"data": DATA, "optim": {"groups": [{"lr": 1.0}]}},
            "a group must have either a prefix or a number",
        ),
        (
            {"data": DATA, "optim": {"groups": [{"lr": 1.0, "last": 1, "prefix": "a"}]}},
            "a group must have either",
        ),
        ({"data": DATA, "optim": {"groups": [{"lr": 0.0, "last": 1}]}}, "lr of a group must be in"),
        (
            {"data": DATA, "optim": {"groups": [{"lr": 1.0, "last": 1, "weight_decay": -1.0}]}},
            "weight_decay of a group",
        ),
        ({"data": DATA, "optim": {"lr": 0.0}}, "optim.lr must be in"),
        ({"data": DATA, "optim": {"clip": -1.0}}, "optim.clip must be in"),
        ({"data": DATA, "optim": {"batch": 1}}, "optim.batch must be in"),
        ({"data": DATA, "optim": {"epochs": 0}}, "optim.epochs must be in"),
        ({"data": DATA, "optim": {"momentum": 1.0}}, "optim.momentum must be in"),
        ({"data": DATA, "run": {"evaluate": 0}}, "run.evaluate must be in"),
        ({"data": DATA, "run": {"workers": 0}}, "run.workers must be in"),
        ({"data": DATA, "run": {"threads": -1}}, "run.threads must be in"),
        ({"data": DATA, "run": {"save_minutes": -1.0}}, "run.save_minutes must be in"),
        ({"data": DATA, "run": {"select": []}}, "run.select must name at least one of mae"),
        ({"data": DATA, "seed": -1}, "seed must be a whole number from 0 on"),
        (
            {"data": DATA, "loss": {"ranking": 1.0}},
            "data.per_identity must be at least 2 for a ranking loss",
        ),
        (
            {"data": DATA, "loss": {"factors": 1.0}},
            "loss.factors and model.factors must go together",
        ),
        (
            {"data": DATA, "model": {"factors": ["blur"]}},
            "loss.factors and model.factors must go together",
        ),
        (
            {"data": DATA, "model": {"factors": ["blur"]}, "loss": {"factors": 1.0}},
            "data.factors must name a table",
        ),
        ({"data": DATA, "augment": {"degrade": 0.5}}, "augment.degrade needs a ranking loss"),
    ],
)
def test_a_value_of_another_type_or_range_says_what_it_must_be(content, text):
    with pytest.raises(InputError, match=text):
        resolve(content)


def test_a_recipe_needs_no_torch():
    import subprocess
    import sys

    code = "import sys; import fiqa.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert Recipe.__doc__
