"""CLIB-FIQA's recipe from labels to tables and pictures, on generated faces."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.methods.clib_fiqa import GRID
from fiqa.types import Embeddings, Quality

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.numeric

PEOPLE, IMAGES = 6, 6


@pytest.fixture
def part(root, monkeypatch) -> Any:
    """The script of the recipe, with short runs."""
    monkeypatch.syspath_prepend(str(root / "recipes"))
    module = importlib.import_module("clib_fiqa")
    monkeypatch.setattr(module, "EPOCHS", 2)
    kept = {name: module.RUNS[name] for name in ("naive quality fitting", module.FULL)}
    monkeypatch.setattr(module, "RUNS", kept | {module.ALL: {"stage1": 2}})
    yield module
    for name in ("clib_fiqa", "bundled_copies", "curves", "splits"):
        sys.modules.pop(name, None)


@pytest.fixture
def made(root, tmp_path, monkeypatch) -> Path:
    """A working folder with the recipe, a recognizer without training, faces with labels, and a
    test set with vectors and two scores."""
    from safetensors.torch import save_file

    from fiqa.nets.catalog import backbone

    rng, rows, crops = np.random.default_rng(0), [], []
    out = tmp_path / "out"
    for person in range(PEOPLE):
        (tmp_path / f"p{person}").mkdir(parents=True)
        for k in range(IMAGES):
            kind = ("clean", "web")[k % 2]
            crop = cv2.GaussianBlur(rng.integers(0, 256, (112, 112, 3), np.uint8), (0, 0), 0.5 + k)
            path = tmp_path / f"p{person}" / f"{k}~{kind}.png"
            cv2.imwrite(str(path), crop)
            crops.append(crop)
            rows.append(
                {"id": f"p{person}/{k}~{kind}", "path": str(path), "identity": f"p{person}"}
            )
    out.mkdir()
    faces = pl.DataFrame(rows)
    faces.write_parquet(out / "faces.parquet")
    words = {
        name: [levels[k % len(levels)] for k in range(len(faces))]
        for name, levels in GRID.items()
        if name != "quality"
    }
    value = 0.9 - 0.8 * (np.arange(len(faces)) % IMAGES) / IMAGES
    faces.select("id").with_columns(
        value=value, **{k: pl.Series(v) for k, v in words.items()}
    ).write_parquet(out / "labels.parquet")
    for test in ("clean", "degraded"):
        folder = tmp_path / "peers" / f"scores_{test}"
        folder.mkdir(parents=True)
        for r in "ab":
            vectors = np.eye(128)[np.arange(len(faces)) // IMAGES] + 0.1 * rng.normal(
                size=(len(faces), 128)
            )
            norm = np.linalg.norm(vectors, axis=1)
            unit = (vectors / norm[:, None]).astype(np.float32)
            write_embeddings(
                Embeddings(faces["id"].to_numpy().astype(str), unit, norm.astype(np.float32), r),
                folder / f"{r}.npz",
            )
        for name in ("analytic", "laplacian"):
            drawn = rng.random(len(faces)).astype(np.float32)
            write_quality(
                Quality(faces["id"].to_numpy().astype(str), drawn, name), folder / f"{name}.parquet"
            )
    (tmp_path / "recipes").mkdir()
    torch.manual_seed(0)
    body = backbone("mobilefacenet", 128)[0].train()
    for layer in body.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = (
                None  # one pass gives it statistics, so that different faces have different vectors
            )
    with torch.no_grad():
        body(torch.from_numpy(np.stack(crops[:12])).permute(0, 3, 1, 2) / 127.5 - 1)
    save_file(body.state_dict(), tmp_path / "a.safetensors")
    text = (root / "recipes" / "clib_fiqa.toml").read_text()
    text = text.replace("batch = 256", "batch = 8")
    text = (
        text.replace("stage1 = 3", "stage1 = 1")
        .replace("validation = 0.1", "validation = 0.6")
        .replace("[run]", '[run]\ndevice = "cpu"\nthreads = 1\nworkers = 1')
    )
    (tmp_path / "recipes" / "clib_fiqa.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_from_labels_to_tables_pictures_and_a_model_that_explains(part, made, capsys, monkeypatch):
    monkeypatch.setattr(part, "RECIPE", made / "recipes" / "clib_fiqa.toml")
    part.ablation(made / "out", made / "a.safetensors")
    told = capsys.readouterr().out
    assert [line.split(":")[0] for line in told.splitlines()] == list(part.RUNS)
    assert len(list((made / "out" / "cache").glob("features-*.npy"))) == 1, (
        "all runs share the features"
    )
    evaluate = fiqa.evaluate
    monkeypatch.setattr(
        fiqa,
        "evaluate",
        lambda *args, **how: evaluate(*args, **(how | {"fmr": 0.1, "draws": 10, "out": None})),
    )
    part.table(made / "peers", made / "out")
    told = capsys.readouterr().out
    assert told.count("**") == 8
    names = (part.FULL, part.MERGED, part.ALL, "analytic", "laplacian", "random", "oracle")
    assert all(told.count(f"| {name} |") == 4 for name in names)
    part.pictures(made / "out")
    assert "confidence: 1st, 10th, 50th, 90th percentile" in capsys.readouterr().out
    assert {file.name for file in (made / "out").glob("*.png")} == {"confidence.png", "lowest.png"}
    fiqa.export(part.folder(made / "out", part.FULL), made / "m.onnx", runs=1)
    scorer = fiqa.load(made / "m.onnx")
    crop = cv2.imread(str(made / "p0" / "0~clean.png"))[None]
    assert 0.1 <= scorer.score(crop)[0] <= 0.9


def test_few_images_of_many_and_nobody_with_two(part, tmp_path):
    paths = [tmp_path / "a" / f"{k}.jpg" for k in range(2)] + [
        tmp_path / "b" / f"{k:03}.jpg" for k in range(200)
    ]
    paths += [tmp_path / "c" / f"{k}.jpg" for k in range(3)]
    found = part.chosen(paths)
    assert [path.parent.name for path in found] == ["b"] * 80 + ["c"] * 3
    assert found[0].name == "000.jpg"
    assert found[79].name == "199.jpg"
