"""The recipes run from crops to a model that scores, on generated data small enough for a test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.functional.geometry import template
from fiqa.methods.dmsfiqa import INTERVALS
from fiqa.training.config import read_recipe

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric

TINY = ["run.device=cpu", "run.threads=1", "run.workers=1", "optim.batch=6"]


def faces(folder: Path, side: int, people: int, images: int) -> tuple[str, str]:
    """Crops that get more and more blurred, and labels that fall with it."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people):
        base = cv2.resize(
            rng.integers(0, 256, (8, 8, 3), np.uint8), (side, side), interpolation=cv2.INTER_NEAREST
        )
        (folder / "crops" / f"p{person}").mkdir(parents=True)
        for k in range(images):
            crop = cv2.GaussianBlur(base, (0, 0), 0.3 + 0.03 * side * k / images)
            cv2.imwrite(str(folder / "crops" / f"p{person}" / f"{k}.png"), crop)
            rows.append({"id": f"p{person}/{k}", "value": 0.95 - 0.8 * k / images - 0.01 * person})
    pl.DataFrame(rows).write_parquet(folder / "labels.parquet")
    return f"data.faces={folder / 'crops'}", f"data.labels={folder / 'labels.parquet'}"


def command(*arguments: str) -> str:
    done = CliRunner().invoke(build(), list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def settings(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


@pytest.mark.slow
def test_dmsfiqa_from_crops_to_scores(root, tmp_path, monkeypatch, seed):
    recipe = str(root / "recipes" / "dmsfiqa.toml")
    monkeypatch.chdir(tmp_path)
    small = settings(
        f"seed={seed}",
        *faces(tmp_path, 32, 6, 8),
        *TINY,
        "data.size=32",
        "data.validation=0.5",
        "data.per_identity=4",
        "model.backbone=mobilenet_v3_small",
        "optim.epochs=4",
        "optim.warmup=1",
        "optim.lr=1e-2",
    )
    told = command("train", recipe, *small, "-o", "runs/a")
    assert "best mae: 0." in told
    assert "best spearman_middle:" in told
    assert "waiting" in told
    assert "runs/a is current" in command("train", recipe, *small, "-o", "runs/a")
    told = command("export", "runs/a", "-o", "m.onnx", "--runs", "1", "--allow-collapsed")
    assert "largest difference of fp32 from torch" in told
    assert "p95 ms" in told
    crops = np.stack(
        [cv2.imread(str(file))[..., ::-1] for file in sorted((tmp_path / "crops").glob("*/*.png"))]
    )
    scores = fiqa.load("m.onnx").score(crops)
    assert scores.shape == (48,)
    assert np.ptp(scores) > 0
    assert "m.onnx is current" in command(
        "export", "runs/a", "-o", "m.onnx", "--runs", "1", "--allow-collapsed"
    )
    table = fiqa.score(str(tmp_path / "crops" / "p0"), model="m.onnx", aligned=True, workers=1)
    assert table["status"].to_list() == ["ok"] * 8


@pytest.mark.slow
def test_label_transfer_from_a_recognizer(root, tmp_path, monkeypatch):
    from fiqa.nets.mobilefacenet import MobileFaceNet

    recipe = str(root / "recipes" / "label_optimization.toml")
    torch.manual_seed(0)
    net = MobileFaceNet(128)
    torch.save(net.state_dict(), tmp_path / "recognizer.pt")
    monkeypatch.chdir(tmp_path)
    small = settings(
        *faces(tmp_path, 112, 4, 10), *TINY, f"model.weights={tmp_path / 'recognizer.pt'}"
    )
    told = command("train", recipe, *small, "-o", "runs/b", "--quiet")
    assert told == ""
    rows = pl.read_csv("runs/b/metrics.csv")
    assert rows["step"].to_list() == [
        1,
        2,
        3,
        4,
        5,
        6,
    ], "evaluated 20 times an epoch, or after every step"
    from safetensors.torch import load_file

    after = load_file("runs/b/best_mae.safetensors")
    names = [f"backbone.{name}" for name, _ in net.named_parameters()]
    before = {f"backbone.{name}": value for name, value in net.state_dict().items()}
    moved = [not torch.equal(before[name], after[name]) for name in names]
    assert not any(moved[:-100]), "all but the last hundred tensors are frozen"
    assert np.mean(moved[-100:]) > 0.8
    statistics = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert all(torch.equal(before[name], after[name]) for name in statistics)


def test_the_recipes_say_what_their_papers_do(root):
    student = read_recipe(root / "recipes" / "dmsfiqa.toml")
    assert (student.optim.name, student.optim.lr, student.optim.weight_decay) == (
        "adamw",
        1e-4,
        1e-2,
    )
    assert (student.optim.epochs, student.optim.warmup, student.optim.batch) == (50, 5, 128)
    assert student.model.output == "sigmoid"
    cuts = (INTERVALS[0][1], INTERVALS[3][1], INTERVALS[6][1], INTERVALS[9][1])
    assert student.loss.level_cuts == pytest.approx(cuts, abs=1e-5)
    transfer = read_recipe(root / "recipes" / "label_optimization.toml")
    groups = [(g.prefix, g.last, g.lr, g.weight_decay) for g in transfer.optim.groups]
    assert groups == [
        ("quality.", 0, 1e-3, 1e-4),
        ("", 10, 1e-3, 1e-5),
        ("", 40, 1e-4, 1e-6),
        ("", 50, 1e-5, 0.0),
    ]
    assert (transfer.optim.epochs, transfer.run.evaluate, transfer.data.validation) == (1, 20, 0.05)


def test_an_unknown_setting_is_a_usage_error_with_the_closest_one(root, tmp_path):
    recipe = str(root / "recipes" / "dmsfiqa.toml")
    done = CliRunner().invoke(
        build(), ["train", recipe, "--set", "optim.lrr=1", "-o", str(tmp_path / "a")]
    )
    assert done.exit_code != 0
    assert "did you mean 'lr'" in done.output


@pytest.mark.slow
def test_clib_fiqa_with_a_clip_by_the_commands_of_its_head(root, tmp_path, monkeypatch):
    """What `align` and `embed` would write is made here, and RN50's place holds a tiny CLIP of 224
    pixels; the other commands run as they stand, shorter by two settings."""
    from safetensors.torch import save_file

    from fiqa.nets.clip_resnet import ClipResNet

    monkeypatch.chdir(tmp_path)
    faces(tmp_path, 112, 4, 4)
    (tmp_path / "labels.parquet").unlink()
    rng = np.random.default_rng(1)
    ids = [f"p{p}/{k}" for p in range(4) for k in range(4)]
    rows = [
        {
            "id": name,
            "path": str(tmp_path / "crops" / f"{name}.png"),
            "identity": name[:2],
            "landmarks": (template() + rng.normal(size=(5, 2))).ravel().tolist(),
        }
        for name in ids
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "crops" / "faces.parquet")
    vectors = rng.normal(size=(16, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.savez(tmp_path / "emb.npz", id=np.array(ids), vector=vectors)
    place = tmp_path / "home" / "models" / "timm" / "resnet50_clip.openai"
    place.mkdir(parents=True)
    monkeypatch.setenv("FIQA_HOME", str(tmp_path / "home"))
    save_file(tiny_clip(ClipResNet((1, 1, 1, 1), width=4, size=224, dim=16)),
              place / "open_clip_model.safetensors")  # fmt: skip
    recipe = root / "recipes" / "clib_fiqa_clip.toml"
    (tmp_path / recipe.name).write_text(recipe.read_text())
    typed = [
        line.removeprefix("#   fiqa ").split()
        for line in recipe.read_text().splitlines()
        if line.startswith("#   fiqa ")
    ]
    assert [words[0] for words in typed] == ["align", "embed", "label", "train", "export"]
    for words in typed[2:]:
        more = {
            "train": settings("optim.epochs=2", "clib_fiqa.stage1=1", "run.device=cpu"),
            "export": ["--allow-collapsed", "--runs", "1"],
        }
        done = CliRunner().invoke(build(), [*words, *more.get(words[0], [])])
        assert done.exit_code == 0, done.output
    scores = fiqa.score("crops/faces.parquet", model="clib_fiqa.onnx", aligned=True, workers=1)
    assert scores["status"].to_list() == ["ok"] * 16


def tiny_clip(image):
    """A state dict in CLIP's names with this image tower and CLIP's whole vocabulary."""
    torch.manual_seed(0)
    width, dim = 16, 16
    head = "transformer.resblocks.0."
    shapes = {
        "positional_embedding": (40, width),
        "text_projection": (width, dim),
        "token_embedding.weight": (49408, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        **{f"{head}ln_{k}.{what}": (width,) for k in (1, 2) for what in ("weight", "bias")},
        f"{head}attn.in_proj_weight": (3 * width, width),
        f"{head}attn.in_proj_bias": (3 * width,),
        f"{head}attn.out_proj.weight": (width, width),
        f"{head}attn.out_proj.bias": (width,),
        f"{head}mlp.c_fc.weight": (4 * width, width),
        f"{head}mlp.c_fc.bias": (4 * width,),
        f"{head}mlp.c_proj.weight": (width, 4 * width),
        f"{head}mlp.c_proj.bias": (width,),
    }
    state = {name: torch.randn(shape) / 4 for name, shape in shapes.items()}
    for name, value in image.state_dict().items():
        # fresh weights hardly see their image
        state[f"visual.{name}"] = 3 * value if value.ndim > 1 else value.clone()
    state["visual.attnpool.positional_embedding"] *= 0
    return state | {"logit_scale": torch.tensor(4.6)}


def test_the_clip_recipe_is_the_papers(root):
    recipe = read_recipe(root / "recipes" / "clib_fiqa_clip.toml")
    own = recipe.settings
    assert (own.tower, recipe.data.size, recipe.optim.batch) == ("RN50", 224, 256)
    assert (own.stage1, recipe.optim.epochs, recipe.optim.lr) == (5, 25, 1e-5)
    assert (own.beta, own.weight, recipe.augment.flip) == (32.0, 10.0, 0.5)
