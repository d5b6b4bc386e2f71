"""`fiqa score` with a method that asks a recognizer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.errors import InputError
from fiqa.scoring.explanation import EXPLAINERS


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    (tmp_path / "crops").mkdir()
    for i in range(3):
        cv2.imwrite(
            str(tmp_path / "crops" / f"{i}.png"), rng.integers(0, 256, (112, 112, 3), np.uint8)
        )
    return tmp_path / "crops"


def call(*arguments: object):
    return CliRunner().invoke(build(), ["score", *map(str, arguments)], prog_name="fiqa")


def test_the_recognizer_and_the_settings_arrive(
    folder: Path, tiny_recognizer: Callable[..., Path], tmp_path: Path
) -> None:
    path, out = tiny_recognizer(), tmp_path / "norm.parquet"
    common = [
        folder,
        "--aligned",
        "--workers",
        1,
        "--quiet",
        "--model",
        "norm",
        "--recognizer",
        path,
        "-o",
        out,
    ]
    assert call(*common, "--set", "x0=3", "--set", "w=0.5").exit_code == 0
    table = read_table(out)
    crops = np.stack([cv2.imread(name)[..., ::-1] for name in table["path"]])
    scorer = fiqa.load("norm", recognizer=path, x0=3, w=0.5)
    np.testing.assert_allclose(table["raw"], scorer.score(crops), rtol=1e-5)
    assert table["uqs"].to_list() == scorer.unified(scorer.score(crops)).tolist()
    record = read_sidecar(out)
    assert (
        record["inputs"]["recognizer"] == scorer.version.split()[-1]
        or len(record["inputs"]["recognizer"]) == 64
    )
    assert record["arguments"]["version"] == scorer.version
    assert (
        "is current"
        in call(*[a for a in common if a != "--quiet"], "--set", "x0=3", "--set", "w=0.5").stderr
    )
    assert (
        "is current"
        not in call(
            *[a for a in common if a != "--quiet"], "--set", "x0=4", "--set", "w=0.5"
        ).stderr
    )


@pytest.mark.parametrize("how", ["--explain", *(f"--explain-by={who}" for who in EXPLAINERS)])
def test_reasons_are_lists_in_json_lines(folder: Path, tmp_path: Path, how: str) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    common = (folder, "--aligned", "--workers", 1, "--quiet", how)
    printed = call(*common, "--format", "jsonl").stdout.splitlines()
    call(*common, "-o", tmp_path / "t.jsonl")
    written = (tmp_path / "t.jsonl").read_text().splitlines()
    for rows in ([json.loads(line) for line in lines] for lines in (printed, written)):
        assert len(rows) == 4
        for row in rows:
            if row["status"] == "ok":
                assert isinstance(row["reasons"], list)
                assert row["factor_blur"] is not None
            else:
                assert row["reasons"] in ([], None)
        assert any("noisy" in row["reasons"] for row in rows if row["reasons"])


def test_a_model_without_factors_says_so_once_and_the_measures_explain_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    common = (folder, "--aligned", "--workers", 1, "--model", "laplacian")
    assert call(*common).exit_code == 0
    explained = call(*common, "--explain-by", "measures")
    assert "factors" not in caplog.text
    silent = call(*common, "--explain")
    assert caplog.text.count("laplacian has no factors of its own") == 1
    rows, full = (list(csv.DictReader(io.StringIO(r.stdout))) for r in (silent, explained))
    assert [row["score"] for row in rows] == [row["score"] for row in full]
    assert {row["factor_blur"] for row in rows} == {""}
    assert "" not in {row["factor_blur"] for row in full}


def test_both_has_the_models_reasons_and_every_measure(folder: Path, tmp_path: Path) -> None:
    tables = {}
    for who in EXPLAINERS:
        out = tmp_path / f"{who}.parquet"
        call(folder, "--aligned", "--workers", 1, "--explain-by", who, "-o", out, "--quiet")
        tables[who] = read_table(out).filter(pl.col("status") == "ok")
        record = read_sidecar(out)
        assert record["explained_by"] == who
        assert record["measured"] == ("bad_factors" if who == "model" else "all")
    assert tables["both"]["reasons"].to_list() == tables["model"]["reasons"].to_list()
    assert tables["both"]["factors"].to_list() == tables["model"]["factors"].to_list()
    both = [
        {name: value for name, value in row.items() if name != "score_could_be"}
        for row in tables["both"]["measures"].to_list()
    ]
    assert both == tables["measures"]["measures"].to_list()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--model", "norm"], "norm must be given its recognizer"),
        (["--model", "norm", "--set", "x0"], "A setting must be NAME=VALUE, got 'x0'"),
        (["--model", "norm", "--set", "=1"], "A setting must be NAME=VALUE, got '=1'"),
        (
            ["--model", "norm", "--recognizer", "r.onnx", "--set", "size=3"],
            "Unknown setting of norm 'size'",
        ),
        (
            ["--model", "norm", "--recognizer", "r.onnx", "--set", "x0=high"],
            "x0 of norm must be a number, got 'high'",
        ),
        (
            ["--model", "analytic", "--recognizer", "r.onnx"],
            "Unknown setting of analytic 'recognizer'",
        ),
    ],
)
def test_wrong_use_is_said(folder: Path, more: list[str], text: str) -> None:
    result = call(folder, "--aligned", "--workers", 1, *more)
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_map_stands_under_a_low_score_on_the_sheet(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    common = (folder, "--aligned", "--workers", 1, "--quiet")
    assert call(*common, "--html", page, "--map").exit_code in (0, 3)
    assert 'class="map"' in page.read_text()
    call(*common, "--html", page)
    assert 'class="map"' not in page.read_text()
    refused = call(*common, "--map")
    assert refused.exit_code == 2
    assert "name one by --html" in refused.output
    with pytest.raises(InputError, match="maps without html"):
        fiqa.score(folder, aligned=True, maps=True)
