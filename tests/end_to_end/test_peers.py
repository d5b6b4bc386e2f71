"""The recipes of the trained peers run from crops to a model that scores, on generated data small
enough for a test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa import methods
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.runtime.cards import card_path, read_card
from fiqa.training.config import read_recipe
from fiqa.training.settings import CRFIQA, EDifFIQA, LightQNet, MagFace
from fiqa.types import Embeddings

torch = pytest.importorskip("torch")

from fiqa.nets.catalog import backbone  # noqa: E402

pytestmark = pytest.mark.numeric

IN_QUICK = ("cr_fiqa", "pfe")
"""One with an objective that learns something of its own, one whose scores are below 0."""
RECIPES = ("cr_fiqa", "ediffiqa", "faceqnet", "lightqnet", "magface", "pcnet", "pfe", "sdd_fiqa")
DIM = 6


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Twelve people with four crops each, the later the more blurred and the farther their vector
    from the person's; labels that say so; weights of a backbone whose statistics are those of the
    crops."""
    rng = np.random.default_rng(0)
    ids, vectors, values, images = [], [], [], []
    for person in range(12):
        base = cv2.resize(
            rng.integers(0, 256, (8, 8, 3), np.uint8), (32, 32), interpolation=cv2.INTER_NEAREST
        )
        center = rng.normal(size=DIM)
        (tmp_path / "crops" / f"p{person}").mkdir(parents=True)
        for k in range(4):
            images.append(cv2.GaussianBlur(base, (0, 0), 0.3 + 0.8 * k))
            cv2.imwrite(str(tmp_path / "crops" / f"p{person}" / f"{k}.png"), images[-1])
            ids.append(f"p{person}/{k}")
            vectors.append(center / np.linalg.norm(center) + 0.15 * k * rng.normal(size=DIM))
            values.append(0.9 - 0.2 * k)
    pl.DataFrame({"id": ids, "value": values}).write_parquet(tmp_path / "labels.parquet")
    unit = np.array(vectors, np.float32) / np.linalg.norm(vectors, axis=1, keepdims=True).astype(
        np.float32
    )
    write_embeddings(
        Embeddings(np.array(ids), unit, np.ones(48, np.float32), "r"), tmp_path / "e.npz"
    )
    torch.manual_seed(0)
    net, _ = backbone("mobilenet_v3_small")
    for layer in net.modules():
        layer.momentum = 0.97
    net(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 127.5 - 1)
    torch.save(net.state_dict(), tmp_path / "backbone.pt")
    return tmp_path


def command(*arguments: str) -> str:
    done = CliRunner().invoke(build(), list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in IN_QUICK else [pytest.mark.slow]) for name in RECIPES],
)
def test_from_crops_to_scores(root, crops, monkeypatch, name, seed):
    recipe = root / "recipes" / f"{name}.toml"
    plan = read_recipe(recipe)
    monkeypatch.chdir(crops)
    monkeypatch.setattr(
        "fiqa.training.model_file.ModelFile.latency", lambda *_: []
    )  # its own tests have it
    settings = [
        f"seed={seed}",
        "data.faces=crops",
        "data.labels=labels.parquet",
        "data.cache=cache",
        "data.size=32",
        "data.validation=0.5",
        "optim.batch=8",
        "optim.epochs=2",
        "model.backbone=mobilenet_v3_small",
        "model.embedding=0",
        "model.weights=backbone.pt",
        "run.device=cpu",
        "run.threads=1",
        "run.workers=1",
    ]
    # those two start their centers of a vector of another length at random here
    if hasattr(plan.settings, "embeddings") and name not in ("cr_fiqa", "magface"):
        settings.append(f"{name}.embeddings=e.npz")
    if name in ("pfe", "ediffiqa"):
        settings.append(f"{name}.dim={DIM}")
    words = [word for pair in settings for word in ("--set", pair)]
    command("train", str(recipe), *words, "-o", "run", "--quiet")
    command("export", "run", "-o", f"{name}.onnx")
    images = np.stack(
        [cv2.imread(str(file))[..., ::-1] for file in sorted(Path("crops").glob("*/*.png"))]
    )
    scores = fiqa.load(f"{name}.onnx").score(images)
    assert scores.shape == (48,)
    print(f"margin: {name} span {np.ptp(scores):.4f} > 1e-3")
    assert np.ptp(scores) > 1e-3
    assert (scores < 0).all() == (name == "pfe")
    assert read_card(card_path(crops / f"{name}.onnx")).kind == "quality"
    assert list(Path("cache").glob("features-*.npy")), "what is frozen is computed once"


def test_the_recipes_say_what_their_papers_do(root):
    plans = {name: read_recipe(root / "recipes" / f"{name}.toml") for name in RECIPES}
    assert all(plan.data.faces == "runs/trained_peers/faces.csv" for plan in plans.values())
    assert plans["cr_fiqa"].settings == CRFIQA(dim=128, margin=0.5, scale=64, weight=10, beta=0.5)
    assert plans["magface"].settings == MagFace(dim=512, scale=64, weight=35)
    assert plans["lightqnet"].settings == LightQNet(
        "runs/trained_peers/a.npz", slope=16, middle=0.4, hidden=256
    )
    assert plans["ediffiqa"].settings == EDifFIQA("runs/trained_peers/a.npz", dim=128, share=0.5)
    assert (plans["sdd_fiqa"].loss.quality, plans["sdd_fiqa"].optim.name) == ("smooth_l1", "adam")
    assert plans["cr_fiqa"].optim.name == "sgd"
    assert (
        {group.lr for group in plans["cr_fiqa"].optim.groups}
        == {0.1}
        == {plans["cr_fiqa"].optim.objective_lr}
    )
    for plan in plans.values():
        assert plan.model == plans["pfe"].model, "all on the same recognizer"
        assert plan.optim.rest == "freeze"


def test_every_trained_method_has_its_recipe(root):
    trained = {name for name in methods.names() if "train" in methods.card(name).gives}
    assert set(RECIPES) - {"lightqnet"} <= trained
    assert {name for name in trained if not (root / "recipes" / f"{name}.toml").is_file()} == set()
