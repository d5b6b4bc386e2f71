"""`fiqa align`: what it prints where, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.images import Limits, read_image, write_image
from fiqa.types import Manifest


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("01", "02"):
        write_image(
            tmp_path / "photos" / "ann" / f"{name}.png",
            rng.integers(0, 256, (112, 112, 3), dtype=np.uint8),
        )
    return tmp_path / "photos"


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), ["align", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_writes_crops_and_manifest(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "crops"
    code, stdout, stderr = _run(
        photos, "-o", out, "--detector", "none", "--size", 64, "--format", "jpg", "--workers", 1
    )
    assert (code, stdout) == (0, "")
    assert "2 rows, 0 failed" in stderr
    assert read_image(out / "ann" / "01.jpg").pixels.shape == (64, 64, 3)
    assert (out / "faces.parquet").is_file()
    assert _run(
        out / "faces.parquet", "-o", tmp_path / "again", "--detector", "none", "--quiet"
    ) == (0, "", "")


def test_a_failed_row_is_exit_3(photos: Path, tmp_path: Path) -> None:
    (photos / "ann" / "03.jpg").write_bytes(b"")
    code, _, stderr = _run(photos, "-o", tmp_path / "crops", "--detector", "none", "--workers", 1)
    assert code == 3
    assert "3 rows, 1 failed" in stderr
    assert (
        _run(photos, "-o", tmp_path / "few", "--detector", "none", "--max-pixels", 100, "-q")[0]
        == 3
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--detector", "yunt"], 2, "did you mean 'yunet'"),
        (["--detector", "yunet"], 1, "weights pull yunet"),
        (["--detector", "none", "--faces", "most"], 2, "must be one of: all, largest, one"),
        (["--detector", "none", "--size", "3"], 2, "--size"),
        (["--detector", "none", "--format", "gif"], 2, "Unknown format 'gif'"),
    ],
)
def test_wrong_usage(
    photos: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    result = _run(photos, "-o", tmp_path / "crops", *arguments)
    assert result[0] == code
    assert message in result[2]


def test_help_ends_with_an_example() -> None:
    code, stdout, _ = _run("--help")
    assert code == 0
    assert stdout.rstrip().endswith(
        "fiqa align s3://faces/photos/ --engine ray -o s3://faces/crops/"
    )


def test_every_option_reaches_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def spy(paths: list[str], **given: object) -> Manifest:
        seen.update(given, paths=paths)
        return Manifest(np.empty(0, "U1"), np.empty(0, "U1"))

    monkeypatch.setattr("fiqa.verbs.align.align", spy)
    options = [
        "--detector",
        "yunet",
        "--faces",
        "all",
        "--size",
        64,
        "--format",
        "jpg",
        "--workers",
        3,
    ]
    limits = [
        "--orientation",
        "auto",
        "--weights",
        "w.onnx",
        "--max-pixels",
        99,
        "--max-bytes",
        88,
        "--force",
    ]
    assert _run("a", "b", "-o", "crops", *options, *limits)[0] == 0
    assert seen == {
        "paths": ["a", "b"],
        "out": "crops",
        "detector": "yunet",
        "faces": "all",
        "orientation": "auto",
        "size": 64,
        "format": "jpg",
        "workers": 3,
        "weights": "w.onnx",
        "limits": Limits(max_pixels=99, max_bytes=88),
        "force": True,
        "progress": True,
        "engine": "local",
        "address": None,
        "gpus": 0,
    }
