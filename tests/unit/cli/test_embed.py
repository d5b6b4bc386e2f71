"""`fiqa embed`: data to the file, progress and counts to stderr, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import Limits, write_image
from fiqa.embedding.run import Embedded
from fiqa.types import Embeddings, Manifest

Maker = Callable[..., Path]


@pytest.fixture
def crops(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("01", "02"):
        write_image(
            tmp_path / "crops" / "ann" / f"{name}.png",
            rng.integers(0, 256, (112, 112, 3), np.uint8),
        )
    return tmp_path / "crops"


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), ["embed", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".parquet"])
def test_writes_embeddings(
    crops: Path, tmp_path: Path, tiny_recognizer: Maker, suffix: str
) -> None:
    out, model = tmp_path / f"e{suffix}", tiny_recognizer()
    code, stdout, stderr = _run(crops, "--recognizer", model, "-o", out)
    assert (code, stdout) == (0, "")
    assert "2 vectors of 8 numbers, 0 failed" in stderr
    assert read_embeddings(out).id.tolist() == ["ann/01", "ann/02"]
    assert "already there" in _run(crops, "--recognizer", model, "-o", out)[2]
    assert "already there" not in _run(crops, "--recognizer", model, "-o", out, "--force")[2]
    assert _run(crops, "--recognizer", model, "-o", out, "-q") == (0, "", "")


def test_options_change_what_is_written(
    crops: Path, tmp_path: Path, tiny_recognizer: Maker
) -> None:
    model, out = tiny_recognizer(), tmp_path / "e.npz"
    assert _run(crops, "--recognizer", model, "-o", out, "--batch", 1, "--threads", 1)[0] == 0
    plain = read_embeddings(out).vector
    assert _run(crops, "--recognizer", model, "-o", out, "--flip", "--half")[0] == 0
    assert not np.allclose(read_embeddings(out).vector, plain, atol=1e-2)
    assert np.load(out)["vector"].dtype == np.float16


def test_a_failed_row_is_exit_3(crops: Path, tmp_path: Path, tiny_recognizer: Maker) -> None:
    (crops / "ann" / "03.png").write_bytes(b"")
    code, _, stderr = _run(crops, "--recognizer", tiny_recognizer(), "-o", tmp_path / "e.npz")
    assert code == 3
    assert "2 vectors of 8 numbers, 1 failed" in stderr
    assert "empty_file" in (tmp_path / "e.npz.failed.csv").read_text()


def test_wrong_usage_and_fatal_errors(crops: Path, tmp_path: Path, tiny_recognizer: Maker) -> None:
    model, out = tiny_recognizer(), tmp_path / "e.npz"
    assert _run(crops, "--recognizer", model)[0] == 2
    assert _run(crops, "--recognizer", model, "-o", tmp_path / "e.pkl")[0] == 2
    assert _run(crops, "--recognizer", model, "-o", out, "--batch", 0)[0] == 2
    assert _run(crops, "--recognizer", model, "-o", tmp_path / "e.parquet", "--half")[0] == 2
    code, _, stderr = _run(crops, "--recognizer", "nobody", "-o", out)
    assert code == 1
    assert "looked for" in stderr
    model.with_suffix(".json").unlink()
    code, _, stderr = _run(crops, "--recognizer", model, "-o", out)
    assert code == 1
    assert "fiqa weights card" in stderr


def test_every_option_reaches_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def spy(paths: list[str], **given: object) -> Embedded:
        seen.update(given, paths=paths)
        empty = Embeddings(np.empty(0, "U1"), np.empty((0, 8), np.float32))
        return Embedded(empty, Manifest(np.empty(0, "U1"), np.empty(0, "U1")))

    monkeypatch.setattr("fiqa.embedding.run.embed_rows", spy)
    options = [
        "--flip",
        "--half",
        "--batch",
        3,
        "--threads",
        2,
        "--max-pixels",
        99,
        "--max-bytes",
        88,
        "--force",
    ]
    assert _run("a", "b", "--recognizer", "r.onnx", "-o", "e.npz", *options)[0] == 0
    del seen["progress"]
    assert seen == {
        "paths": ["a", "b"],
        "recognizer": "r.onnx",
        "out": "e.npz",
        "flip": True,
        "half": True,
        "batch": 3,
        "threads": 2,
        "limits": Limits(max_pixels=99, max_bytes=88),
        "force": True,
    }
