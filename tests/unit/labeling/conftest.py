"""Faces to label: drawn crops of four people in files, and vectors of them."""

from __future__ import annotations

import cv2
import numpy as np
import polars as pl
import pytest

from fiqa.faces.factors.structure import drawing
from fiqa.functional.geometry import TEMPLATE
from fiqa.types import Embeddings

PEOPLE, EACH = 4, 9


@pytest.fixture
def crops(rng):
    """(36,112,112,3) drawn faces that grow blurrier from image to image of a person."""
    texture = cv2.GaussianBlur(rng.normal(size=(112, 112)), (0, 0), 0.9)
    result = np.zeros((PEOPLE * EACH, 112, 112, 3), np.uint8)
    for i in range(len(result)):
        luma = cv2.GaussianBlur(
            60 + 3 * (i // EACH) + 110 * drawing() + 14 * texture, (0, 0), 0.3 + 0.5 * (i % EACH)
        )
        result[i] = np.clip(np.stack([luma + 15, luma, luma - 10], axis=-1), 0, 255)
    return result


@pytest.fixture
def folder(tmp_path, crops, rng):
    """The crops as files with a manifest that knows landmarks, but for the last of each person."""
    rows = []
    for i, crop in enumerate(crops):
        path = tmp_path / "crops" / f"p{i // EACH}" / f"{i % EACH}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), crop[:, :, ::-1])
        points = (np.asarray(TEMPLATE) + rng.normal(scale=0.4, size=(5, 2))).ravel().tolist()
        known = None if i % EACH == EACH - 1 else points
        rows.append(
            {
                "id": f"p{i // EACH}/{i % EACH}",
                "path": str(path),
                "identity": f"p{i // EACH}",
                "landmarks": known,
            }
        )
    pl.DataFrame(rows, schema_overrides={"landmarks": pl.List(pl.Float64)}).write_parquet(
        tmp_path / "faces.parquet"
    )
    return tmp_path


@pytest.fixture
def vectors(rng, folder):
    """Vectors of the same faces: noisier from image to image."""
    noise = np.tile(np.linspace(0.2, 1.2, EACH), PEOPLE)[:, None]
    centers = np.repeat(rng.normal(size=(PEOPLE, 12)), EACH, axis=0)
    raw = centers + noise * rng.normal(size=(PEOPLE * EACH, 12))
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    ids = np.array([f"p{i // EACH}/{i % EACH}" for i in range(PEOPLE * EACH)])
    return Embeddings(ids, unit)
