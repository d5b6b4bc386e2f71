"""Where the time of a run went."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.images import write_image
from fiqa.errors import InputError
from fiqa.faces.crops import Source
from fiqa.scoring.profile import Profiled, lost
from fiqa.scoring.run import plan
from fiqa.stages import STAGES, counting, stage

LINE = re.compile(r"^(\w+) +(\d+\.\d+) +(\d+(?:\.\d)?)%", re.MULTILINE)


@pytest.fixture
def crops(tmp_path: Path, rng: np.random.Generator) -> Path:
    for i in range(40):
        write_image(tmp_path / "in" / f"{i:02d}.png", rng.integers(0, 256, (112, 112, 3), np.uint8))
    return tmp_path / "in"


def test_time_within_a_stage_within_another_is_counted_once() -> None:
    start = time.perf_counter()
    with counting("rows") as seconds, stage("network"):
        time.sleep(0.02)
        with stage("explain"):
            time.sleep(0.03)
    assert seconds["network"] >= 0.02
    assert seconds["explain"] >= 0.03
    assert sum(seconds.values()) <= time.perf_counter() - start


def test_nobody_counts_outside() -> None:
    with counting("rows") as seconds:
        pass
    with stage("network"):
        pass
    assert set(seconds) == {"rows"}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_rows_are_the_same_and_the_stages_are_told(crops: Path, workers: int) -> None:
    kind = {"aligned": True, "workers": workers, "explain": True}
    run = plan(crops, profile=True, **kind)
    assert list(run.rows()) == list(plan(crops, **kind).rows())
    assert run.profile is not None
    told = run.profile.seconds
    assert {"start", "decode", "network", "explain", "rows"} <= set(told) <= set(STAGES)
    assert all(told[name] > 0 for name in ("start", "decode", "network"))
    rows = LINE.findall(run.profile.table())
    assert [name for name, _, _ in rows] == [*STAGES, "all"]
    assert sum(float(share) for _, _, share in rows[:-1]) == pytest.approx(100, abs=0.5)
    assert float(rows[-1][1]) == pytest.approx(sum(float(s) for _, s, _ in rows[:-1]), abs=0.01)


def test_an_image_that_ends_its_process_has_a_row_and_no_seconds() -> None:
    rows, took = lost(Source("a", "a.png"))
    assert rows[0]["status"] == "failed"
    assert took == {}


def test_the_start_of_a_process_is_told_once() -> None:
    profiled = Profiled(lambda batch: [[] for _ in batch], time.time() - 5)
    assert profiled([]) == []
    first, second = (profiled([Source("a", "a.png")])[0][1] for _ in range(2))
    assert first["start"] >= 5
    assert second.get("start", 0.0) == 0.0


def test_the_command_prints_the_table_on_stderr(crops: Path, tmp_path: Path) -> None:
    common = ["score", str(crops), "--aligned", "--workers", "1", "--quiet"]
    silent = CliRunner().invoke(build(), common)
    told = CliRunner().invoke(build(), [*common, "--profile"])
    assert silent.stdout == told.stdout
    assert silent.stderr == ""
    assert [name for name, _, _ in LINE.findall(told.stderr)] == [*STAGES, "all"]
    refused = CliRunner().invoke(build(), [*common, "--profile", "-o", f"{tmp_path}/s/"])
    assert refused.exit_code == 2


def test_the_verb_tells_it_too(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fiqa.score(crops, aligned=True, workers=1, profile=True)
    assert "network" in capsys.readouterr().err
    with pytest.raises(InputError, match="profile"):
        fiqa.score(crops, aligned=True, profile=True, out="scores/")


def test_a_process_that_scores_does_not_load_the_tables(crops: Path) -> None:
    code = """
import sys
from fiqa.data.images import Limits
from fiqa.faces.crops import Source
from fiqa.scoring.rows import FaceScoring
how = FaceScoring(None, True, "none", "largest", "model", None, Limits())
assert how([Source("a", sys.argv[1])])[0][0]["status"] == "ok"
print("polars" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(crops / "00.png")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False"]
