"""A frozen backbone's features are computed once, and what is learned is what would be learned
without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqa.training.config import resolve

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

from fiqa.training import loop  # noqa: E402
from fiqa.training.checkpoint import best_path  # noqa: E402
from fiqa.training.dataset import examples  # noqa: E402
from fiqa.training.features import frozen  # noqa: E402
from fiqa.training.groups import parameter_groups  # noqa: E402
from fiqa.training.loop import fit, network  # noqa: E402

pytestmark = pytest.mark.numeric

FROZEN = {
    "model__freeze_batchnorm": True,
    "augment__flip": 0.0,
    "optim__rest": "freeze",
    "optim__groups": [{"prefix": "quality.", "lr": 1e-2}],
    "optim__epochs": 3,
}


def prepared(content: dict):
    recipe = resolve(content)
    net = network(recipe)
    parameter_groups(net, recipe.optim)
    return recipe, net


@pytest.mark.parametrize(
    "change",
    [
        {"model__freeze_batchnorm": False},
        {"augment__flip": 0.5},
        {"augment__noise": 0.1},
        {"optim__groups": [{"last": 5, "lr": 1e-2}]},
        {"optim__rest": "train"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_only_what_cannot_change_counts_as_frozen(trainable, tmp_path, change):
    recipe, net = prepared(trainable(**FROZEN | change))
    assert frozen(net, recipe, examples(recipe, tmp_path / "crops"), tmp_path) is None
    assert not list(tmp_path.glob("features-*"))


def test_a_network_that_cannot_go_on_from_features_is_not_frozen(trainable, tmp_path):
    recipe, net = prepared(trainable(**FROZEN))
    assert (
        frozen(torch.nn.Sequential(net), recipe, examples(recipe, tmp_path / "crops"), tmp_path)
        is None
    )


def test_features_are_the_backbones_and_computed_once(trainable, tmp_path, monkeypatch):
    recipe, net = prepared(trainable(**FROZEN))
    data = examples(recipe, tmp_path / "crops")
    found = frozen(net, recipe, data, tmp_path / "crops")
    assert found.table.shape == (24, 576)
    net.eval()
    inputs = torch.from_numpy(np.array(data.crops)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        np.testing.assert_allclose(found.table, net.backbone(inputs), atol=1e-4)
        np.testing.assert_allclose(found(np.array([3, 1])), net(inputs[[3, 1]]), atol=1e-4)
    files = list((tmp_path / "crops").glob("features-*.npy"))
    monkeypatch.setattr("fiqa.training.features.outputs", None)
    frozen(net, recipe, data, tmp_path / "crops")
    assert list((tmp_path / "crops").glob("features-*.npy")) == files


@pytest.mark.parametrize(
    "change", [{"seed": 3}, {"model__mean": [0.4, 0.4, 0.4]}, {"model__embedding": 5}]
)
def test_other_weights_or_pixels_are_other_features(trainable, tmp_path, change):
    recipe, net = prepared(trainable(**FROZEN))
    frozen(net, recipe, examples(recipe, tmp_path / "crops"), tmp_path / "crops")
    content = trainable(**FROZEN, **{k: v for k, v in change.items() if "__" in k})
    recipe, net = prepared(content | {k: v for k, v in change.items() if "__" not in k})
    frozen(net, recipe, examples(recipe, tmp_path / "crops"), tmp_path / "crops")
    assert len(list((tmp_path / "crops").glob("features-*.npy"))) == 2


def learned(content: dict, folder: Path) -> tuple[dict[str, torch.Tensor], list[dict]]:
    recipe = resolve(content)
    history = fit(recipe, examples(recipe, folder.parent / "crops"), folder, key="k")
    return load_file(best_path(folder, "mae")), history


def test_a_run_from_features_is_the_run_from_crops(trainable, tmp_path, monkeypatch):
    fast, history = learned(trainable(**FROZEN), tmp_path / "fast")
    assert list((tmp_path / "fast").glob("features-*.npy"))
    monkeypatch.setattr(loop, "frozen", lambda *_: None)
    slow, again = learned(trainable(**FROZEN), tmp_path / "slow")
    assert not list((tmp_path / "slow").glob("features-*.npy"))
    assert fast.keys() == slow.keys()
    for name in slow:
        torch.testing.assert_close(fast[name], slow[name], atol=1e-5, rtol=1e-4)
    for one, other in zip(history, again, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["mae"] == pytest.approx(other["mae"], rel=1e-3)
    before = network(resolve(trainable(**FROZEN))).state_dict()
    assert {name for name in slow if not torch.equal(slow[name], before[name])} == {
        "quality.bias",
        "quality.weight",
    }


def test_crops_are_not_made_where_nobody_looks_at_them(trainable, tmp_path, monkeypatch):
    made = []
    real = loop.make_batch
    monkeypatch.setattr(loop, "make_batch", lambda *a, **k: made.append(real(*a, **k)) or made[-1])
    learned(trainable(**FROZEN | {"optim__epochs": 1}), tmp_path / "a")
    assert {batch.crops.shape for batch in made} == {(0, 32, 32, 3)}
