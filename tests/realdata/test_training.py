"""A recognizer learns labels of real faces; its ONNX file gives what torch gives on real crops, and
int8 keeps their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.images import read_image
from fiqa.data.manifest import find
from fiqa.errors import EvidenceError
from fiqa.training.config import resolve
from fiqa.training.gate import Gate

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

pytestmark = pytest.mark.numeric


@pytest.fixture
def run(data: Path, tmp_path: Path, seed: int) -> Path:
    """One short epoch of label transfer on ten images of each of twelve people; labels are the
    ranks of the variance of Laplacian."""
    people = sorted((data / "pins" / "aligned").iterdir())[:12]
    whole = find(data / "pins" / "aligned")
    rows = np.concatenate([np.flatnonzero(whole.identity == person.name)[:10] for person in people])
    faces = whole.take(rows)
    crops = np.stack([read_image(path).pixels for path in faces.path])
    order = np.argsort(np.argsort(fiqa.load("laplacian").score(crops), kind="stable"))
    pl.DataFrame({"id": faces.id, "path": faces.path, "identity": faces.identity}).write_parquet(
        tmp_path / "faces.parquet"
    )
    pl.DataFrame({"id": faces.id, "value": order / (len(order) - 1)}).write_parquet(
        tmp_path / "labels.parquet"
    )
    recipe = {
        "seed": seed,
        "data": {
            "faces": str(tmp_path / "faces.parquet"),
            "labels": str(tmp_path / "labels.parquet"),
            "split": "stride",
            "validation": 0.25,
        },
        "model": {
            "backbone": "mobilefacenet",
            "embedding": 128,
            "weights": str(data / "models" / "recognizer_a.pt"),
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "freeze_batchnorm": True,
        },
        "optim": {
            "name": "adam",
            "batch": 18,
            "epochs": 1,
            "schedule": "constant",
            "clip": 5.0,
            "rest": "freeze",
            "groups": [{"prefix": "quality.", "lr": 1e-3}, {"last": 10, "lr": 1e-3}],
        },
        "run": {"device": "cpu", "threads": 1, "workers": 1},
    }
    fiqa.train(resolve(recipe), out=tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
def test_parity_on_real_crops(run, tmp_path):
    done = fiqa.export(run, tmp_path / "m.onnx", runs=3)
    assert done.report["crops"] == 30
    print(f"margin: span {done.report['span']:.4f} > 0.02")
    assert done.report["span"] > 0.02
    assert done.report["parity"] < 1e-4
    assert {row["size"] for row in done.report["latency"]} == {112}, (
        "this network takes 112 pixels alone"
    )
    scores = fiqa.load(tmp_path / "m.onnx").score(np.zeros((1, 112, 112, 3), np.uint8))
    assert np.isfinite(scores).all()


@pytest.mark.slow
def test_the_gate_of_int8_on_real_crops(run, tmp_path):
    done = fiqa.export(run, tmp_path / "m.onnx", runs=3)
    small = fiqa.export(run, tmp_path / "small.onnx", int8=True, gate=Gate(spearman=0.97), runs=3)
    gate = small.report["gate"]
    print(f"margin: int8 spearman {gate['spearman']:.4f} >= 0.97")
    print(f"margin: int8 spread {gate['spread']:.4f} within 0.1")
    assert gate["spearman"] >= 0.97
    assert abs(gate["spread"]) <= 0.1
    assert small.report["bytes_int8"] < 0.4 * done.report["bytes"]
    with pytest.raises(
        EvidenceError, match="int8 is refused: on 30 held-out crops Spearman against fp32 is"
    ):
        fiqa.export(
            run, tmp_path / "no.onnx", int8=True, gate=Gate(spearman=1.0, spread=0.0), runs=3
        )
    assert not (tmp_path / "no.onnx").exists()
