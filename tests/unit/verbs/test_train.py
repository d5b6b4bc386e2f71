"""fiqa.train: a folder with everything, nothing done twice, another recipe refused."""

from __future__ import annotations

import json

import pytest

import fiqa
from fiqa.data.store import read_sidecar
from fiqa.errors import InputError, MissingExtraError, WeightsError
from fiqa.training.config import Recipe, resolve

torch = pytest.importorskip("torch")

from fiqa.training.run_folder import best_of, open_run  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.fixture
def recipe(trainable) -> Recipe:
    return resolve(trainable(optim__epochs=2, run__select=["mae", "spearman"]))


def test_the_verb_is_the_public_name_whatever_was_imported():
    import fiqa.training.loop

    assert fiqa.training.loop.fit
    assert fiqa.train.__name__ == "train"
    assert fiqa.train.__module__ == "fiqa.verbs.train"


def test_a_run_leaves_all_that_it_says_and_is_not_repeated(recipe, tmp_path):
    out = tmp_path / "runs" / "a"
    seen = []
    done = fiqa.train(recipe, out=out, progress=lambda *at: seen.append(at))
    assert seen == [("train", step, 6) for step in range(1, 7)]
    assert not done.current
    assert [row["step"] for row in done.history] == [3, 6]
    assert done.best["mae"]["mae"] == min(row["mae"] for row in done.history)
    names = {file.name for file in out.iterdir()}
    assert names == {
        "recipe.json", "metrics.csv", "run.html", "state.safetensors", "crops",
        "best_mae.safetensors", "best_mae.json", "best_spearman.safetensors", "best_spearman.json",
    }  # fmt: skip
    assert resolve(json.loads((out / "recipe.json").read_text())) == recipe == open_run(out)
    sidecar = read_sidecar(out)
    assert sidecar["verb"] == "train"
    assert sidecar["seed"] == 0
    assert set(sidecar["inputs"]) == {"labels", "images"}
    page = (out / "run.html").read_text()
    assert "Training run a" in page
    assert page.count('src="data:image/svg+xml') >= 1
    assert "<th" in page

    again = fiqa.train(recipe, out=out, progress=lambda *_: pytest.fail("it trained again"))
    assert again.current
    assert again.history == done.history
    assert not fiqa.train(recipe, out=out, force=True).current


@pytest.mark.slow
def test_another_recipe_or_other_labels_do_not_overwrite_a_run(recipe, trainable, tmp_path):
    out = tmp_path / "a"
    fiqa.train(recipe, out=out)
    before = (out / "recipe.json").read_bytes()
    other = resolve(trainable(optim__epochs=1, optim__lr=1e-4))
    with pytest.raises(InputError, match="it holds another"):
        fiqa.train(other, out=out)
    assert (out / "recipe.json").read_bytes() == before
    labels = tmp_path / "labels.csv"
    labels.write_text(labels.read_text().replace("p0/0,0.85", "p0/0,0.8"))
    with pytest.raises(InputError, match="it holds another"):
        fiqa.train(recipe, out=out)
    done = fiqa.train(other, out=out, force=True)
    assert len(done.history) == 1
    assert not list(out.glob("best_spearman*"))
    assert open_run(out) == other


def test_settings_go_with_a_file_alone(recipe, tmp_path):
    with pytest.raises(InputError, match="settings go with a recipe's file"):
        fiqa.train(recipe, out=tmp_path / "a", settings={"seed": 1})


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(WeightsError, match=r"A run must have a recipe\.json"):
        open_run(tmp_path)
    with pytest.raises(WeightsError, match="must have weights chosen by mae, there are none"):
        best_of(tmp_path, "mae")


def test_without_torch_the_error_names_the_extra(recipe, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fiqa\[train\]'"):
        fiqa.train(recipe, out=tmp_path / "a")
