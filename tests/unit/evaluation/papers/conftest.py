"""People with images, labels and scores, and two data sets on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="package")
def here() -> dict[str, Any]:
    """15 people with 25 images each, a label in 0..1, a score near it, and one on another scale;
    two recognizers."""
    rng = np.random.default_rng(3)
    n = 375
    true = rng.random(n)
    who = np.repeat(np.arange(15), 25)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(n), strict=True)])

    def vectors(name: str) -> Embeddings:
        rows = rng.normal(size=(15, 16))[who] + (2.5 - 2.2 * true)[:, None] * rng.normal(
            size=(n, 16)
        )
        length = np.linalg.norm(rows, axis=1)
        return Embeddings(ids, rows / length[:, None], length, name)

    near = np.clip(true + 0.1 * rng.normal(size=n), 0, 1)
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "label": Quality(ids, true, "label", kind="label"),
        "near": Quality(ids, near, "near"),
        "open": Quality(ids, 10 * near + rng.normal(size=n), "open"),
        "vectors": [vectors("a"), vectors("b")],
    }


@pytest.fixture(scope="package")
def folder(here: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets: the second lacks the ablation."""
    root = tmp_path_factory.mktemp("sets")
    for name, variants in (
        ("one", ("baseline", "optimized", "prior")),
        ("two", ("baseline", "optimized")),
    ):
        for vectors in here["vectors"]:
            (root / name / "embeddings").mkdir(parents=True, exist_ok=True)
            write_embeddings(vectors, root / name / "embeddings" / f"rec_{vectors.recognizer}.npz")
        (root / name / "quality").mkdir()
        for variant in variants:
            value = {"baseline": here["open"], "optimized": here["near"], "prior": here["label"]}[
                variant
            ]
            write_quality(value, root / name / "quality" / f"m.{variant}.parquet")
    return root
