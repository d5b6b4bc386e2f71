"""The table part of doctor: a collapsed column is named, a good one is not, a calibrated one is not
judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.quality import write_quality
from fiqa.diagnosis.scores import ScoresReport, is_scores, scores_report
from fiqa.types import Quality

IDS = np.array([f"p/{k}" for k in range(200)])


def _written(path: Path, raw: Any, scales: dict[str, Any] | None = None) -> Path:
    unit = np.linspace(0.02, 0.98, len(IDS))
    table = pl.DataFrame(
        {"id": IDS, "status": "ok", "raw": raw, "score": unit, "uqs": (100 * unit).astype(int)}
    )
    table.write_parquet(path)
    path.with_name(f"{path.name}.json").write_text(json.dumps({"scales": scales or {}}))
    return path


def _verdicts(report: ScoresReport) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks}


@pytest.mark.parametrize(
    ("width", "verdict"),
    [(0.0008, "problem"), (0.03, "note"), (0.5, "ok")],
    ids=["collapsed", "narrow", "wide"],
)
def test_the_column_on_the_own_scale_is_judged(tmp_path: Path, width: float, verdict: str) -> None:
    report = scores_report(
        _written(tmp_path / "t.parquet", 0.52 + width * np.linspace(-0.5, 0.5, 200))
    )
    assert _verdicts(report) == {
        "column raw": verdict,
        "column score": "note",
        "column uqs": "note",
        "polarity": "note",
    }
    assert report.healthy == (verdict != "problem")
    assert "rows: 200 (200 ok)" in report.lines()
    assert "calibrated, says nothing of the model's own spread" in report.lines()[3]


def test_labels_in_the_sidecar_decide(tmp_path: Path) -> None:
    raw = 0.5 + 0.05 * np.linspace(-0.5, 0.5, 200)
    labels = {"q90_q10": 0.6, "std": 0.25, "entropy": 2.8, "count": 9}
    told = {"raw": {"of": "model", "range": [0, 1], "labels": labels}}
    assert (
        _verdicts(scores_report(_written(tmp_path / "a.parquet", raw, told)))["column raw"]
        == "problem"
    )
    labels |= {"q90_q10": 0.1, "std": 0.05}
    assert (
        _verdicts(scores_report(_written(tmp_path / "b.parquet", raw, told)))["column raw"] == "ok"
    )
    told["raw"]["labels"] = "wide"  # type: ignore[index]
    assert (
        _verdicts(scores_report(_written(tmp_path / "c.parquet", raw, told)))["column raw"]
        == "note"
    )


def test_an_open_scale_and_no_numbers(tmp_path: Path) -> None:
    report = scores_report(_written(tmp_path / "t.parquet", np.linspace(-9, 9, 200)))
    assert report.checks[0].verdict == "note"
    assert "leaves 0..1 and nothing says its ends; std 5.2" in report.checks[0].detail
    empty = scores_report(
        _written(tmp_path / "e.parquet", pl.Series([None] * 200, dtype=pl.Float64))
    )
    assert (empty.checks[0].verdict, empty.checks[0].detail) == ("problem", "no row has a number")


def test_doctor_knows_a_table_of_scores_from_a_manifest(tmp_path: Path) -> None:
    write_quality(Quality(IDS, np.full(200, 0.5), "m"), tmp_path / "q.csv")
    pl.DataFrame({"path": ["a.png"], "identity": ["a"]}).write_csv(tmp_path / "faces.csv")
    assert is_scores(tmp_path / "q.csv")
    assert not any(
        map(
            is_scores,
            (tmp_path / "faces.csv", tmp_path, tmp_path / "absent.csv", tmp_path / "m.onnx"),
        )
    )
    assert [check.name for check in fiqa.doctor(tmp_path / "q.csv").checks] == [
        "column value",
        "polarity",
    ]
    assert not fiqa.doctor(tmp_path / "q.csv").healthy
