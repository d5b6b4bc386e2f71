"""Recipes for the objectives that compare faces with each other, on the crops of `trainable`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.types import Embeddings

DIM = 6
"""Length of the recognizer's vectors."""


@pytest.fixture
def peer(trainable: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Makes a recipe for an objective: four people with six images each of falling sharpness, whose
    vectors lie the farther from their person's the less sharp the image is; its table holds `own`
    over what it must hold."""

    def make(objective: str, own: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        rng = np.random.default_rng(1)
        rows = {}
        for person in range(4):
            center = np.eye(DIM)[person]
            for k in range(6):
                off = rng.normal(size=DIM)
                off -= off @ center * center
                angle = 0.12 + 0.2 * k
                rows[f"p{person}/{k}"] = np.cos(angle) * center + np.sin(
                    angle
                ) * off / np.linalg.norm(off)
        vectors = np.stack(list(rows.values())).astype(np.float32)
        file = tmp_path / "e.npz"
        write_embeddings(
            Embeddings(np.array(list(rows)), vectors, np.ones(24, np.float32), "r"), file
        )
        table: dict[str, Any] = {
            "pcnet": {"embeddings": str(file)},
            "lightqnet": {"embeddings": str(file)},
            "pfe": {"embeddings": str(file), "dim": DIM},
            "cr_fiqa": {"dim": 16},
            "magface": {"dim": 128},
            "ediffiqa": {"embeddings": str(file), "dim": DIM},
            "faceqnet": {"hidden": 8},
        }[objective]
        content = trainable(**{"data__per_identity": 6, **changes})
        content["loss"] = {"objective": objective}
        return content | {objective: table | (own or {})}

    return make
