"""CLIB-FIQA's recipe from labels to tables and pictures, on generated faces."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import read_embeddings, write_embeddings
from fiqa.data.quality import read_quality, write_quality
from fiqa.methods.clib_fiqa import GRID
from fiqa.types import Embeddings, Faces, Quality

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
    loaded = ("clib_fiqa", "clib_fiqa_sweeps", "clib_fiqa_labels")
    for name in (*loaded, "bundled_copies", "curves", "splits"):
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


def mostly_noise(made: Path) -> None:
    """Makes the clean test set's vectors mostly noise: areas are relative to errors, which there
    must be."""
    rng = np.random.default_rng(1)
    for r in "ab":
        file = made / f"peers/scores_clean/{r}.npz"
        known = read_embeddings(file)
        raw = known.vector + 0.3 * rng.normal(size=known.vector.shape)
        norm = np.linalg.norm(raw, axis=1)
        write_embeddings(replace(known, vector=raw / norm[:, None], norm=norm), file)


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
    part.sets(made / "peers", made / "out")
    scored = made / "out/sets/degraded/quality"
    assert {file.stem for file in scored.glob("*.parquet")} == {
        "NQF", "M-F", "C-C", "analytic", "laplacian"
    }  # fmt: skip
    values = {name: read_quality(scored / f"{name}.parquet").value for name in ("NQF", "M-F")}
    assert not np.allclose(values["NQF"], values["M-F"])
    folders = [made / "out/sets" / name for name in ("clean", "degraded")]
    done = fiqa.tables("clib", data_set=folders, fmr=0.1)
    assert [plot.name for plot in done.plots] == [
        "clib_scores_clean", "clib_scores_degraded", "clib_curves"
    ]  # fmt: skip
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


@pytest.mark.slow
def test_sweeps_train_each_value_once_and_give_the_areas_of_evaluate(
    part, made, capsys, monkeypatch, figures
):
    sweeps = importlib.import_module("clib_fiqa_sweeps")
    mostly_noise(made)
    monkeypatch.setattr(part, "RECIPE", made / "recipes" / "clib_fiqa.toml")
    for name, value in {"BETAS": (8.0, 32.0), "STAGES": (1, 2), "SEEDS": (0, 1)}.items():
        monkeypatch.setattr(sweeps, name, value)
    monkeypatch.setattr(sweeps, "DEFAULT", {"beta": 32.0, "stage1": 1})
    for module in (sweeps, sys.modules["curves"]):
        monkeypatch.setattr(module, "FMR", 0.1)
    sweeps.main(made / "peers", made / "out", made / "a.safetensors", ["clean"])
    runs = {path.name for path in (made / "out/sweeps").iterdir() if path.is_dir()}
    wanted = {(8, 1), (32, 1), (32, 2)}
    assert runs == {f"beta_{b}_stage1_{k}_seed_{s}" for b, k in wanted for s in (0, 1)}
    found = pl.read_csv(made / "out/sweeps.csv")
    assert len(found) == 2 * (2 + 2)
    vectors = read_embeddings(made / "peers/scores_clean/a.npz")
    for key, value in (("beta", 8), ("stage1", 2)):
        place = f"beta_{8 if key == 'beta' else 32}_stage1_{2 if key == 'stage1' else 1}_seed_"
        scores = [part.scores(made / "out/sweeps" / f"{place}{s}", vectors, "x") for s in (0, 1)]
        alone = [fiqa.evaluate(s, vectors, fmr=0.1, draws=200) for s in scores]
        areas = [each.curve("x").areas[0.3, "start"].value for each in alone]
        (row,) = found.filter(
            (pl.col("test") == "clean A") & (pl.col("swept") == key) & (pl.col("value") == value)
        ).rows(named=True)
        assert row["area"] == pytest.approx(np.mean(areas))
        assert (row["lowest seed"], row["highest seed"]) == pytest.approx((min(areas), max(areas)))
        assert row["low"] <= row["area"] <= row["high"]
        assert "[" in row["less the default"]
    told = capsys.readouterr().out
    assert told.count("Area to 30 % against") == 2
    assert len(told.split("training loss of each epoch: ")[1].split(",")) == 2
    beta, stage, loss = figures[-1].axes
    assert [axes.get_xlabel() for axes in (beta, stage)] == ["beta", "epochs of the first stage"]
    drawn = beta.containers[0].lines[0].get_ydata()
    own = found.filter((pl.col("test") == "clean A") & (pl.col("swept") == "beta"))
    assert drawn.tolist() == own.sort("value")["area"].to_list()
    assert len(loss.lines[0].get_ydata()) == 2

    # The same faces with what the model that comes with fiqa says of occlusion and expression.
    seen = made / "out/seen"
    part.relabel(made / "out", seen)
    before, after = (pl.read_parquet(f / "labels.parquet") for f in (made / "out", seen))
    own = ["occlusion", "expression"]
    assert after.drop(own).equals(before.drop(own))
    crops = np.stack([cv2.imread(p) for p in pl.read_parquet(seen / "faces.parquet")["path"]])
    why = fiqa.load("fiqa").explain(Faces(np.ascontiguousarray(crops[..., ::-1])))
    free = np.where(why.quality["occlusion"] >= 0.5, "unobstructed", "obstructed").tolist()
    assert after["occlusion"].to_list() == free
    assert set(after["expression"]) <= {"typical expression", "exaggerated expression"}
    monkeypatch.setattr(sweeps, "TESTS", ("clean",))
    sweeps.main(made / "peers", seen, made / "a.safetensors", ["calibration"])
    runs = {path.name for path in (seen / "sweeps").iterdir() if path.is_dir()}
    assert runs == {f"beta_32_stage1_{k}_seed_{s}" for k in (1, 2) for s in (0, 1)}
    assert set(pl.read_csv(seen / "sweeps.csv")["swept"]) == {"stage1"}
    assert not (seen / "sweeps.png").exists()


@pytest.mark.slow
def test_forms_of_the_labels_are_trained_alike_and_compared_with_the_default(
    part, made, capsys, monkeypatch
):
    mostly_noise(made)
    forms = importlib.import_module("clib_fiqa_labels")
    monkeypatch.setattr(part, "RECIPE", made / "recipes" / "clib_fiqa.toml")
    monkeypatch.setattr(forms, "SEEDS", (0,))
    assert list(forms.FORMS.values())[-1] == {"leave_out": False, "blur_measure": "cpbd"}
    monkeypatch.setattr(forms, "FORMS", dict(list(forms.FORMS.items())[::3]))
    monkeypatch.setattr(forms, "TESTS", ("clean",))
    for module in (sys.modules["clib_fiqa_sweeps"], sys.modules["curves"]):
        monkeypatch.setattr(module, "FMR", 0.1)
    asked = []

    def label(method: str, *, faces: Path, embeddings: Path, out: Path, **options: Any) -> None:
        """The labels of the fixture, turned round where an image is in its own center."""
        asked.append((method, faces, embeddings, options))
        table = pl.read_parquet(made / "out/labels.parquet")
        value = pl.col("value") if options.get("leave_out", True) else 1 - pl.col("value")
        table.with_columns(value=value).write_parquet(out)

    monkeypatch.setattr(fiqa, "label", label)
    vectors = made / "peers/scores_clean/a.npz"
    forms.main(made / "peers", made / "out", vectors, made / "a.safetensors")
    faces = made / "out/faces.parquet"
    assert asked == [("clib_fiqa", faces, vectors, how) for how in forms.FORMS.values()]
    found = pl.read_csv(made / "out/forms/areas.csv")
    assert found["form"].to_list() == list(forms.FORMS) * 2
    assert found["test"].unique(maintain_order=True).to_list() == ["clean A", "clean B"]
    default, both = found["area"].to_list()[:2]
    assert default != both
    gaps = found["less the default"].to_list()[:2]
    assert not gaps[0]
    assert float(gaps[1].split()[0]) == pytest.approx(both - default, abs=6e-4)
    assert "Area to 30 % against the form of the labels" in capsys.readouterr().out

    forms.quick(made / "peers", made / "out", vectors)
    found = pl.read_csv(made / "out/forms/quick.csv")
    assert found["form"].to_list() == ["left out", "held"] * 2
    assert found["area"].is_finite().all()
    assert found["area"][0] != found["area"][1]
    assert (found["lowest seed"] <= found["area"]).all()
    known = read_embeddings(vectors)
    who = np.arange(len(known.id)) // IMAGES
    wanted = np.linspace(0.1, 0.9, len(who), dtype=np.float32)
    monkeypatch.setattr(forms, "EPOCHS", 60)
    head = forms.fitted(forms.raw_vectors(known, known.id), wanted, who, 0)
    got = head(forms.raw_vectors(known, known.id))
    assert np.corrcoef(got, wanted)[0, 1] > 0.7, "it learns what it is given"
