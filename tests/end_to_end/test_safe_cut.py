"""The recipe that tries cuts on other people, on people drawn here."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.types import Embeddings


def test_it_says_how_often_each_cut_misses(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    who, quality = np.repeat(np.arange(80), 4), rng.random(320)
    noise = np.where(quality < 0.2, 4.0, 0.3)[:, None]
    vectors = rng.normal(size=(80, 16))[who] + noise * rng.normal(size=(320, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    write_embeddings(Embeddings(ids, vectors, None, "r"), tmp_path / "e.npz")  # type: ignore[arg-type]
    pl.DataFrame({"id": ids, "score": quality}).write_csv(tmp_path / "q.csv")
    monkeypatch.syspath_prepend(str(root / "recipes"))
    recipe = importlib.import_module("safe_cut")
    monkeypatch.setattr(recipe, "NONMATED", 3000)
    files = [str(tmp_path / "q.csv"), str(tmp_path / "e.npz")]
    options = [
        "--fnmr",
        ".1",
        "--fnmr",
        ".05",
        "--fmr",
        ".01",
        "--splits",
        "4",
        "--most",
        "3",
        "--people",
        "60",
    ]
    monkeypatch.setattr(sys, "argv", ["safe_cut.py", *files, *options])
    recipe.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "180 images of 60 people, 4 splits in halves, FMR 0.01"
    rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in lines[3:]]
    assert [row[:2] for row in rows] == [
        ["0.1", "plain"],
        ["0.1", "safe"],
        ["0.05", "plain"],
        ["0.05", "safe"],
    ]
    assert rows[0][2] == "4"
    for row in rows:
        assert row[2] == "0" or int(row[3]) <= int(row[2]) <= 4
        assert row[2] == "0" or 0 <= float(row[4]) < 0.4
