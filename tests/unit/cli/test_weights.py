"""`fiqa weights`: list, pull, verify, card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.runtime import weights
from fiqa.runtime.cards import read_card

Maker = Callable[..., Path]


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(), ["weights", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    content = b"model" * 100
    (tmp_path / "far.onnx").write_bytes(content)
    known = weights.Download(
        "small.onnx",
        (tmp_path / "far.onnx").as_uri(),
        500,
        hashlib.sha256(content).hexdigest(),
        "MIT",
        "here",
        "a test",
    )
    monkeypatch.setattr(weights, "REGISTRY", {"small": known})
    return content


def test_list_pull_verify(served: bytes) -> None:
    assert "small\tabsent\t0.0 MB\tMIT\there\ta test" in _run("list")[1]
    assert _run("verify", "small")[0] == 1
    code, stdout, stderr = _run("pull", "small")
    assert code == 0
    assert Path(stdout.strip()).read_bytes() == served
    assert "license: MIT" in stderr
    assert "small\tpresent" in _run("list")[1]
    assert "sha256 as it must be" in _run("verify", "small")[1]
    Path(stdout.strip()).write_bytes(b"other")
    code, _, stderr = _run("verify", "small")
    assert code == 1
    assert "must have sha256" in stderr


def test_unknown_name_is_wrong_usage() -> None:
    code, _, stderr = _run("pull", "yunt")
    assert code == 2
    assert "did you mean 'yunet'" in stderr


def test_card_is_written_beside_the_model(tiny_quality: Maker) -> None:
    path = tiny_quality()
    arguments = (
        "card", path, "--kind", "quality", "--color", "BGR", "--mean", "127.5", "--std", "128",
        "--scale", 1, "--size", 112, "--output", "q", "--lower-is-better", "--x0", 0.5, "--w", 0.1,
        "--name", "n", "--license", "MIT", "--paper", "p", "--source", "s", "--training-data", "t",
    )  # fmt: skip
    code, _, stderr = _run(*arguments)
    assert code == 2
    assert "--force replaces it" in stderr
    code, stdout, _ = _run(*arguments, "--force")
    assert (code, stdout.strip()) == (0, str(path.with_suffix(".json")))
    card = read_card(path.with_suffix(".json"))
    assert (card.name, card.kind, card.license, card.paper, card.source, card.training_data) == (
        "n",
        "quality",
        "MIT",
        "p",
        "s",
        "t",
    )
    assert (card.input.color, card.input.scale, card.input.mean[2], card.input.std[0]) == (
        "BGR",
        1,
        127.5,
        128,
    )
    assert not card.outputs[0].higher_is_better
    assert card.calibration is not None
    assert (card.calibration.x0, card.calibration.w) == (0.5, 0.1)


def test_no_card_for_two_numbers_a_face(tiny_shaped: Maker) -> None:
    path = tiny_shaped(("Slice", ["m", "zero", "two", "one"], ["q"], {}), shape=["N", 2])
    path.with_suffix(".json").unlink()
    arguments = ("--kind", "quality", "--color", "RGB", "--mean", 0.5, "--std", 0.5)
    code, _, stderr = _run("card", path, *arguments, "--x0", 0, "--w", 1)
    assert code == 2
    assert "output 'q' of shaped.onnx must have shape (32, 1), got (32, 2)" in stderr
    assert not path.with_suffix(".json").exists()


def test_card_of_torch_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from fiqa.nets.catalog import backbone

    path = tmp_path / "r.pt"
    torch.save(backbone("mobilefacenet", 8)[0].state_dict(), path)
    arguments = (
        "card",
        path,
        "--kind",
        "recognizer",
        "--color",
        "RGB",
        "--mean",
        ".5",
        "--std",
        ".5",
        "--backbone",
        "mobilefacenet",
    )
    code, _, stderr = _run(*arguments)
    assert code == 2
    assert "hint: --embedding 128" in stderr
    code, _, stderr = _run(*arguments, "--embedding", 8, "--size", 96)
    assert code == 2
    assert "mobilefacenet must take crops of 96 pixels, it does not" in stderr
    code, stdout, _ = _run(
        *arguments, "--embedding", 8, "--dropout", 0.4, "--objective", "magface",
        "--match-threshold", 0.31,
    )  # fmt: skip
    assert (code, stdout.strip()) == (0, f"{path}.json")
    card = read_card(f"{path}.json")
    assert card.match_threshold == 0.31
    assert (card.backbone, card.embedding_dim, card.dropout, card.objective) == (
        "mobilefacenet",
        8,
        0.4,
        "magface",
    )


def test_the_real_registry_shows_a_license_of_everything() -> None:
    lines = [line.split("\t") for line in _run("list")[1].splitlines()]
    assert {"yunet", "lightqnet-dm100", "ediffiqa_t"} <= {line[0] for line in lines}
    assert all(line[3] for line in lines)
