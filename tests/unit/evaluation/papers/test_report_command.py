"""`fiqa evaluate` and `fiqa threshold` as commands: a report once, its sidecar, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.types import Quality

pytestmark = pytest.mark.numeric


@pytest.mark.usefixtures("figures")
def test_the_command_writes_a_report_once(folder: Path, tmp_path: Path) -> None:
    quality, vectors = (
        str(folder / "one/quality/m.optimized.parquet"),
        str(folder / "one/embeddings/rec_a.npz"),
    )
    given = [
        "evaluate",
        "--quality",
        quality,
        "--quality",
        "norm",
        "--embeddings",
        vectors,
        "--fmr",
        "0.05",
        "--draws",
        "10",
    ]
    first = CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert first.exit_code == 0, first.output
    assert "area under the discard curve" in first.stdout
    page = (tmp_path / "report" / "index.html").read_bytes()
    sidecar = json.loads((tmp_path / "report.json").read_text())
    assert (sidecar["verb"], sidecar["protocol"], sidecar["arguments"]["draws"]) == (
        "evaluate",
        "iso",
        10,
    )
    again = CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert again.stdout == first.stdout
    assert "is current, nothing to do" in again.stderr
    (tmp_path / "report" / "index.html").unlink()
    CliRunner().invoke(build(), [*given, "-o", str(tmp_path / "report")])
    assert len((tmp_path / "report" / "index.html").read_bytes()) == pytest.approx(
        len(page), rel=0.01
    )


@pytest.mark.usefixtures("figures")
def test_the_function_writes_the_sidecar_of_the_command(
    folder: Path, here: dict[str, Any], tmp_path: Path
) -> None:
    quality, vectors = (
        str(folder / "one/quality/m.optimized.parquet"),
        str(folder / "one/embeddings/rec_a.npz"),
    )
    call = [
        "evaluate",
        "--quality",
        quality,
        "--embeddings",
        vectors,
        "--fmr",
        "0.05",
        "--draws",
        "0",
    ]
    assert CliRunner().invoke(build(), [*call, "-o", str(tmp_path / "a")]).exit_code == 0
    fiqa.evaluate([quality], [vectors], fmr=0.05, draws=0, out=tmp_path / "b")
    one, other = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    assert one["fingerprint"] == other["fingerprint"]
    assert {name: one[name] for name in ("arguments", "inputs")} == {
        name: other[name] for name in ("arguments", "inputs")
    }
    page = tmp_path / "b" / "index.html"
    made = page.stat().st_mtime_ns
    fiqa.evaluate([quality], [vectors], fmr=0.05, draws=0, out=tmp_path / "b")
    assert page.stat().st_mtime_ns == made, "a report that is current is left alone"
    fiqa.evaluate([quality], [vectors], fmr=0.05, draws=0, out=tmp_path / "b", force=True)
    assert page.stat().st_mtime_ns > made
    assert "is current" in CliRunner().invoke(build(), [*call, "-o", str(tmp_path / "b")]).stderr


@pytest.mark.usefixtures("figures")
def test_what_is_in_memory_is_known_by_its_content(here: dict[str, Any], tmp_path: Path) -> None:
    def digests(quality: Quality) -> dict[str, str]:
        fiqa.evaluate({"x": quality}, here["vectors"], fmr=0.05, draws=0, out=tmp_path / "r")
        sidecar = json.loads((tmp_path / "r.json").read_text())
        assert sidecar["arguments"]["quality"] == ["x=Quality near in memory"]
        return dict(sidecar["inputs"])

    first = digests(here["near"])
    assert set(first) == {
        "Quality near in memory",
        "Embeddings a in memory",
        "Embeddings b in memory",
    }
    assert all(len(digest) == 64 for digest in first.values())
    assert digests(here["near"]) == first
    moved = Quality(here["ids"], here["near"].value[::-1].copy(), "near")
    assert digests(moved)["Quality near in memory"] != first["Quality near in memory"]


def test_exit_codes(folder: Path, tmp_path: Path) -> None:
    quality, vectors = (
        str(folder / "one/quality/m.optimized.parquet"),
        str(folder / "one/embeddings/rec_a.npz"),
    )
    base = ["--quality", quality, "--embeddings", vectors]
    for arguments, code, words in (
        (["evaluate", *base, "--fmr", "1e-9"], 1, "An FMR of 1e-09 needs at least 1000000000"),
        (
            ["evaluate", "--quality", quality],
            2,
            "needs at least one --quality and one --embeddings",
        ),
        (["evaluate", *base, "--protocol", "izo"], 2, "did you mean 'iso'"),
        (["threshold", *base, "--fmr", "0.05"], 2, "Exactly one of fnmr and coverage"),
        (
            ["threshold", *base, "--fmr", "0.05", "--fnmr", "1e-5"],
            1,
            "needs at least 300000 mated pairs",
        ),
        (
            [
                "threshold",
                *base,
                "--fmr",
                "0.05",
                "--coverage",
                "0.9",
                "-o",
                str(tmp_path / "cut.json"),
            ],
            0,
            "",
        ),
    ):
        done = CliRunner().invoke(build(), arguments)
        assert done.exit_code == code, done.output
        assert words in done.stderr
    assert json.loads((tmp_path / "cut.json").read_text())["cut"]["coverage"][
        "value"
    ] == pytest.approx(0.9, abs=0.01)
