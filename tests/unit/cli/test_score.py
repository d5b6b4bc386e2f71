"""`fiqa score` with a method that asks a recognizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table


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
