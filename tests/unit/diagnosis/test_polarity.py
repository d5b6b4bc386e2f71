"""Doctor of a table of scores: an order that runs the wrong way is named, another one is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.images import write_image
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.diagnosis.scores import scores_report
from fiqa.faces.degrade import degrade
from fiqa.types import Faces
from fiqa.vocabulary import FACTORS

COUNT = 40
VALUE = np.linspace(0.05, 0.95, COUNT)


def _table(path: Path, value: np.ndarray, factors: np.ndarray | None = None) -> Path:
    frame = pl.DataFrame({"id": [f"p/{k}" for k in range(COUNT)], "status": "ok", "raw": value})
    if factors is not None:
        rows = [dict.fromkeys(FACTORS, float(v)) | {FACTORS[0]: None} for v in factors]
        frame = frame.with_columns(factors=pl.Series(rows))
    frame.write_parquet(path)
    path.with_name(f"{path.name}.json").write_text(json.dumps({"scales": {}}))
    return path


def _found(path: Path, **given: object) -> tuple[str, str]:
    (check,) = [c for c in scores_report(path, **given).checks if c.name == "polarity"]
    return check.verdict, check.detail


@pytest.mark.parametrize(("sign", "verdict"), [(1, "ok"), (-1, "problem")])
def test_the_factors_beside_a_score_say_which_way_it_runs(tmp_path, sign, verdict):
    path = _table(tmp_path / "t.parquet", 0.5 + sign * (VALUE - 0.5), VALUE)
    found, detail = _found(path)
    assert found == verdict
    assert f"rank correlation {sign:.2f} with the factors beside it, 40 faces" in detail
    assert ("is lower better here?" in detail) == (sign < 0)
    assert fiqa.doctor(path).healthy == (sign > 0)


def test_unrelated_numbers_and_few_are_not_judged(tmp_path):
    mixed = np.random.default_rng(0).permutation(VALUE)
    assert _found(_table(tmp_path / "t.parquet", VALUE, mixed))[0] == "note"
    verdict, detail = _found(_table(tmp_path / "t.parquet", VALUE))
    assert (verdict, "not judged, 0 faces" in detail) == ("note", True)
    assert "--faces CROPS" in detail


def test_the_shipped_model_is_asked_where_crops_are_given(tmp_path):
    clean = drawn_faces(COUNT, seed=3).crops
    for k in range(COUNT):
        crop = degrade(Faces(clean[k : k + 1]), "blur", 1 - VALUE[k], seed=k).crops[0]
        write_image(tmp_path / "crops" / "p" / f"{k}.png", crop)
    write_image(tmp_path / "crops" / "q" / "0.png", clean[0])
    right, wrong = tmp_path / "right.parquet", tmp_path / "wrong.parquet"
    assert _found(_table(right, VALUE), faces=tmp_path / "crops")[0] == "ok"
    verdict, detail = _found(_table(wrong, VALUE[::-1]), faces=tmp_path / "crops", most=20)
    assert verdict == "problem"
    assert "with the shipped model's scores, 20 faces" in detail


def test_faces_of_another_size_are_told(tmp_path, tiny_quality):
    for k, crop in enumerate(drawn_faces(COUNT).crops):
        pixels = np.repeat(np.repeat(crop, 2, axis=0), 2, axis=1) if k % 2 else crop
        write_image(tmp_path / "crops" / "p" / f"{k}.png", pixels)
    told = "20 crops are not 112x112 and were resized: 224x224 (20)."
    for path in (_table(tmp_path / "t.parquet", VALUE), tiny_quality()):
        (check,) = [
            c
            for c in fiqa.doctor(path, faces=tmp_path / "crops").checks
            if c.name == "size of the faces"
        ]
        assert (check.verdict, check.detail.startswith(told)) == ("note", True)
