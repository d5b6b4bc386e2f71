"""Every long verb tells its progress: a callable hears how much is done, up to the end.

fiqa.train is in test_train.py, fiqa.enroll in tests/unit/enrolment/test_enroll.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.images import write_image
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.types import Embeddings

PEOPLE, IMAGES = 6, 4
Told = list[tuple[str, int, int]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with crops of six drawn people, their vectors and scores, and a short film."""
    monkeypatch.chdir(tmp_path)
    crops = drawn_faces(PEOPLE * IMAGES).crops
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(PEOPLE, 16))
    ids, vectors = [], []
    for number, crop in enumerate(crops):
        person, image = divmod(number, IMAGES)
        write_image(tmp_path / "crops" / f"p{person}" / f"{image}.png", crop)
        ids.append(f"p{person}/{image}")
        vector = centers[person] + (0.2 + image) * rng.normal(size=16)
        vectors.append(vector / np.linalg.norm(vector))
    names = np.array(ids, np.str_)
    write_embeddings(Embeddings(names, np.array(vectors, np.float32), recognizer="r"), "emb.npz")
    value = np.tile(np.linspace(0.9, 0.1, IMAGES), PEOPLE) + 0.01 * rng.random(len(ids))
    scores = pl.DataFrame({"id": ids, "status": "ok", "raw": value, "score": value})
    paths = [str(tmp_path / "crops" / f"{name}.png") for name in ids]
    scores = scores.with_columns(path=pl.Series(paths))
    scores.write_parquet("scores.parquet")
    film = cv2.VideoWriter("film.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 30, (160, 160))
    for _ in range(6):
        film.write(np.full((160, 160, 3), 90, np.uint8))
    film.release()
    return tmp_path


EVIDENCE: dict[str, Any] = {"quality": "scores.parquet", "embeddings": "emb.npz"}
CALLS: dict[str, Callable[..., Any]] = {
    "scan": lambda told: fiqa.scan("crops", progress=told),
    "score": lambda told: fiqa.score("crops", aligned=True, workers=1, progress=told),
    "align": lambda told: fiqa.align("crops", out="out", detector="none", workers=1, progress=told),
    "embed": lambda told: fiqa.embed("crops", recognizer=_Mean(), out="e.npz", progress=told),
    "label": lambda told: fiqa.label(
        "label_optimization",
        faces="crops",
        embeddings="emb.npz",
        prior="scores.parquet",
        out="labels.parquet",
        progress=told,
    ),
    "evaluate": lambda told: fiqa.evaluate(**EVIDENCE, fmr=0.1, draws=4, out="r", progress=told),
    "tables": lambda told: fiqa.tables("dms", **EVIDENCE, out="t.csv", progress=told),
    "threshold": lambda told: fiqa.threshold(
        **EVIDENCE, fmr=0.1, coverage=0.9, draws=4, progress=told
    ),
    "clean": lambda told: fiqa.clean("crops", "emb.npz", aligned=True, workers=1, progress=told),
    "doctor": lambda told: fiqa.doctor("crops", progress=told),
    "convert": lambda told: fiqa.convert("scores.parquet", "o.tar", progress=told),
    "export": lambda told: fiqa.export("fiqa", "m.onnx", runs=1, progress=told),
    "select": lambda told: fiqa.select("film.mp4", detector="dlib", progress=told),
}


class _Mean:
    """A recognizer whose vector is the mean color of each quarter of a crop."""

    name = "mean"
    version = "1"

    def embed(self, crops: np.ndarray) -> np.ndarray:
        parts = crops.reshape(len(crops), 2, 56, 2, 56, 3).mean(axis=(2, 4))
        return parts.reshape(len(crops), 12).astype(np.float32) + 1


def stages(told: Told) -> Iterator[tuple[str, Told]]:
    """Yields each stage with what was told of it, in order."""
    for name in dict.fromkeys(stage for stage, _, _ in told):
        yield name, [at for at in told if at[0] == name]


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_callable_hears_how_much_is_done_up_to_the_end(name: str, here: Path) -> None:
    told: Told = []
    CALLS[name](lambda *at: told.append(at))
    assert told, f"{name} told nothing"
    for stage, heard in stages(told):
        done = [at[1] for at in heard]
        assert stage
        assert done == sorted(done), f"{name}: {stage} goes back"
        assert heard[-1][1] == heard[-1][2] > 0, f"{name}: {stage} does not end"
