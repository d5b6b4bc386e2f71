"""`fiqa doctor`: a folder or a model, exit 0 when healthy and 3 when not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.images import write_image

Maker = Callable[..., Path]


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), ["doctor", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_a_folder(tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(2):
        write_image(tmp_path / "ann" / f"{i}.png", rng.integers(0, 256, (112, 112, 3), np.uint8))
    code, stdout, _ = _run(tmp_path)
    assert code == 0
    assert "images: 2" in stdout
    (tmp_path / "ann" / "2.png").write_bytes(b"")
    code, stdout, _ = _run(tmp_path)
    assert code == 3
    assert "empty_file" in stdout


def test_a_model(tiny_recognizer: Maker, tiny_quality: Maker) -> None:
    code, stdout, _ = _run(tiny_recognizer())
    assert code == 0
    assert "drawn faces" in stdout
    code, stdout, _ = _run(tiny_quality(sign=-1.0))
    assert code == 3
    assert "problem polarity" in stdout


def test_a_model_on_the_users_faces(
    tiny_quality: Maker, tmp_path: Path, rng: np.random.Generator
) -> None:
    for i in range(6):
        write_image(tmp_path / "crops" / f"{i}.png", rng.integers(0, 256, (112, 112, 3), np.uint8))
    model = tiny_quality()
    assert "probed with: 6 faces" in _run(model, "--faces", tmp_path / "crops")[1]
    assert (
        "probed with: 4 faces"
        in _run(model, "--faces", tmp_path / "crops", "--most", 4, "--seed", 1)[1]
    )
    code, _, stderr = _run(model, "--faces", tmp_path / "none")
    assert code == 2
    assert "at least 4 faces, got 0" in stderr
