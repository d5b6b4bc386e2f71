"""Which scale a quality is judged on: the method's own, by its sidecar, as declared, or where it
lies; never a calibrated one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiqa.data.quality import read_quality, write_quality
from fiqa.evaluation.scales import own_scale
from fiqa.types import Quality

pytestmark = pytest.mark.numeric

IDS = np.array(["a", "b", "c"])


def _table(path: Path, raw: list[float], scales: dict[str, Any] | None = None) -> Path:
    pl.DataFrame(
        {"id": IDS, "raw": raw, "score": [0.1, 0.5, 0.9], "uqs": [10, 50, 90]}
    ).write_parquet(path)
    if scales is not None:
        path.with_name(f"{path.name}.json").write_text(json.dumps({"scales": scales}))
    return path


def _scale(path: Path, column: str | None = None) -> tuple[Any, str]:
    quality = read_quality(path, column=column)
    return own_scale(quality, quality.value.astype(np.float64))


def test_raw_is_taken_although_there_is_a_calibrated_score(tmp_path: Path) -> None:
    unit, told = _scale(_table(tmp_path / "t.parquet", [0.50, 0.51, 0.52]))
    np.testing.assert_allclose(unit, [0.50, 0.51, 0.52], atol=1e-6)
    assert told == "column raw, lies in 0..1"


def test_the_sidecar_says_the_ends(tmp_path: Path) -> None:
    raw = {"raw": {"of": "model", "range": [20, 60]}}
    unit, told = _scale(_table(tmp_path / "t.parquet", [30.0, 40.0, 70.0], raw))
    assert unit.tolist() == [0.25, 0.5, 1.0]
    assert told == "column raw, 20..60 by its sidecar, 1 beyond its ends"
    unit, told = _scale(
        _table(
            tmp_path / "u.parquet", [0.2, 0.4, 1.1], {"raw": {"of": "model", "range": [0.1, 0.9]}}
        )
    )
    np.testing.assert_allclose(
        unit, [0.2, 0.4, 1.0], atol=1e-6, err_msg="a scale inside 0..1 is not stretched"
    )


def test_an_open_scale_has_no_spread(tmp_path: Path) -> None:
    unit, told = _scale(_table(tmp_path / "t.parquet", [-3.0, 2.0, 7.0]))
    assert unit is None
    assert told == "open: column raw leaves 0..1 and nothing says its ends"


def test_a_calibrated_column_is_never_the_own_scale(tmp_path: Path) -> None:
    scales = {
        "score": {"of": "calibration", "range": [0, 1]},
        "uqs": {"of": "calibration", "range": [0, 100]},
    }
    path = _table(tmp_path / "t.parquet", [0.50, 0.51, 0.52], scales)
    for column in ("score", "uqs"):
        unit, told = _scale(path, column)
        assert unit is None
        assert told == f"open: column {column} is calibrated, not the model's own scale"


def test_labels_are_on_the_scale_that_they_declare(tmp_path: Path) -> None:
    write_quality(
        Quality(IDS, np.array([10.0, 20.0, 40.0]), "m", kind="label", range=(0, 50)),
        tmp_path / "q.parquet",
    )
    unit, told = _scale(tmp_path / "q.parquet")
    np.testing.assert_allclose(unit, [0.2, 0.4, 0.8])
    assert told == "column value, 0..50 as declared"


@pytest.mark.parametrize(
    "scales", [[], {"raw": 3}, {"raw": {"of": "x"}}, {"raw": {"of": "model", "range": [1, 0]}}]
)
def test_a_sidecar_that_says_nonsense_says_nothing(tmp_path: Path, scales: Any) -> None:
    path = _table(tmp_path / "t.parquet", [0.50, 0.51, 0.52], scales)
    assert _scale(path)[1] == "column raw, lies in 0..1"
