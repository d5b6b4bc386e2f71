"""`fiqa label` as its users run it: exit codes, files, words; and a real process killed at random
points."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import read_quality, write_quality
from fiqa.types import Embeddings, Quality


@pytest.fixture
def inputs(tmp_path):
    """3,000 vectors of 60 people, and a prior, on disk."""
    rng = np.random.default_rng(8)
    raw = np.repeat(rng.normal(size=(60, 32)), 50, axis=0) + rng.uniform(
        0.3, 2, (3000, 1)
    ) * rng.normal(size=(3000, 32))
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    ids = np.array([f"p{i // 50:02d}/{i % 50:02d}" for i in range(3000)])
    write_embeddings(
        Embeddings(ids, unit, rng.uniform(5, 9, 3000).astype(np.float32), "r"),
        tmp_path / "e.npy",
        half=True,
    )
    write_quality(
        Quality(ids, rng.normal(size=3000).astype(np.float32), "noise"), tmp_path / "prior.parquet"
    )
    return tmp_path


def _run(*arguments):
    return CliRunner().invoke(build(), ["label", *map(str, arguments)])


def test_labels_from_the_command_line(inputs):
    done = _run(
        "cr_fiqa", "--embeddings", inputs / "e.npy", "-o", inputs / "l.csv", "--set", "form=paper"
    )
    assert done.exit_code == 0, done.output
    assert "3000 labels, 0 rows without" in done.stderr
    assert json.loads((inputs / "l.csv.json").read_text())["arguments"]["options"] == {
        "form": "paper",
        "leave_out": True,
        "least": 1,
    }
    again = _run(
        "cr_fiqa", "--embeddings", inputs / "e.npy", "-o", inputs / "l.csv", "--set", "form=paper"
    )
    assert "is current, nothing to do" in again.stderr
    assert (
        "is current"
        not in _run(
            "cr_fiqa",
            "--embeddings",
            inputs / "e.npy",
            "-o",
            inputs / "l.csv",
            "--set",
            "form=paper",
            "--force",
        ).stderr
    )
    assert len(read_quality(inputs / "l.csv")) == 3000


def test_label_optimization_tells_what_it_did(inputs):
    done = _run(
        "label_optimization",
        "--embeddings",
        inputs / "e.npy",
        "--prior",
        inputs / "prior.parquet",
        "-o",
        inputs / "o.parquet",
        "--seed",
        4,
    )
    assert done.exit_code == 0, done.output
    for word in (
        "mean_absolute_move",
        "mated_agreement_before",
        "mated_agreement_after",
        "rank_agreement_old_new",
    ):
        assert word in done.stderr
    assert json.loads((inputs / "o.parquet.json").read_text())["seed"] == 4
    quiet = _run(
        "label_optimization",
        "--embeddings",
        inputs / "e.npy",
        "--prior",
        inputs / "prior.parquet",
        "-o",
        inputs / "o.parquet",
        "-q",
    )
    assert quiet.stderr == ""


def test_rows_without_a_label_are_exit_code_3(inputs):
    few = read_quality(inputs / "prior.parquet")
    write_quality(Quality(few.id[:100], few.value[:100], "few"), inputs / "few.csv")
    done = _run(
        "faceqnet",
        "--embeddings",
        inputs / "e.npy",
        "--prior",
        inputs / "few.csv",
        "-o",
        inputs / "l.jsonl",
    )
    assert done.exit_code == 3
    assert "100 labels, 2900 rows without" in done.stderr
    rows = [json.loads(line) for line in (inputs / "l.jsonl").read_text().splitlines()]
    assert len(rows) == 3000
    assert {row["status"] for row in rows[100:]} == {"no_prior"}
    assert all(row["value"] is None for row in rows[100:])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cr_fiqq", "-o", "x.csv"], ["Unknown method 'cr_fiqq'", "did you mean 'cr_fiqa'?"]),
        (["laplacian", "-o", "x.csv"], ["method must be one that gives labels"]),
        (["cr_fiqa", "-o", "x.csv"], ["label needs faces, embeddings or a prior"]),
        (["dmsfiqa", "-o", "x.csv", "--set", "clip.tua=1"], ["did you mean 'clip.tau'?"]),
        (["cr_fiqa", "-o", "x.csv", "--set", "form"], ["must be NAME=VALUE, got 'form'"]),
        (["cr_fiqa"], ["Missing option"]),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = _run(*arguments)
    assert done.exit_code == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_judge_whose_model_is_not_here_is_one_clear_line(inputs, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    faces = inputs / "faces.csv"
    faces.write_text("id,path,identity\np00/00,a.png,p00\n")
    done = _run(
        "dmsfiqa",
        "--faces",
        faces,
        "--embeddings",
        inputs / "e.npy",
        "--set",
        "judges=clip",
        "-o",
        inputs / "d.csv",
    )
    assert done.exit_code == 1
    error, hint = (line for line in done.stderr.splitlines() if line)
    assert (
        error == "error: Model 'openai/clip-vit-base-patch32' is not here (HF_HUB_OFFLINE is set)."
    )
    assert hint.startswith("hint: download https://huggingface.co/openai/clip-vit-base-patch32")


def test_help_ends_with_an_example():
    done = _run("--help")
    assert done.exit_code == 0
    _, example = done.stdout.split("Example:")
    assert example.strip().splitlines()[0].startswith("fiqa label")
    assert done.stdout.strip().endswith("--set weights=auto --set theta=auto -o best.csv")


_SLOW = """
import sys, time
from fiqa.methods import label_optimization as lo
from fiqa.cli import main
lo._WORDS_SHARE = 0.0  # one repeat at a time
advance, cluster = lo.LabelOptimizer.advance, lo.LabelOptimizer.cluster
def slow(step):
    def wait(*arguments):
        time.sleep(0.08)
        return step(*arguments)
    return wait
lo.LabelOptimizer.advance, lo.LabelOptimizer.cluster = slow(advance), slow(cluster)
main()
"""


@pytest.mark.slow
def test_killed_at_random_points_the_rerun_ends_with_the_same_bytes(inputs):
    """SIGKILL to a real process, again and again until one run gets through; what it leaves is that
    of an uninterrupted run."""

    def command(out):
        given = [
            "--embeddings",
            str(inputs / "e.npy"),
            "--prior",
            str(inputs / "prior.parquet"),
            "--set",
            "theta=0.3",
            "--set",
            "clusters=5",
        ]
        return [
            sys.executable,
            "-c",
            _SLOW,
            "label",
            "label_optimization",
            *given,
            "-o",
            str(out),
            "-q",
        ]

    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, cut = inputs / "whole.parquet", inputs / "cut.parquet"
    subprocess.run(command(whole), check=True, env=environment)
    chance = random.Random(5)
    seen = set()
    for _ in range(4):
        process = subprocess.Popen(command(cut), env=environment)
        parts = cut.with_name("cut.parquet.optimize.parts")
        wanted = len(list(parts.glob("0*.npz"))) + chance.randint(1, 3)
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < 60:
            if len(list(parts.glob("0*.npz"))) >= wanted:
                time.sleep(chance.uniform(0, 0.1))
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.add(len(list(parts.glob("0*.npz"))))
        if process.returncode == 0:
            break
        assert not cut.with_name("cut.parquet.json").exists() or cut.exists(), "the sidecar is last"
    assert len(seen) > 2, "killed at different points"
    subprocess.run(command(cut), check=True, env=environment)
    assert cut.read_bytes() == whole.read_bytes()
    assert (
        cut.with_name("cut.parquet.json").read_bytes()
        == whole.with_name("whole.parquet.json").read_bytes()
    )
    assert sorted(path.name for path in inputs.iterdir() if path.name.startswith((".", "cut"))) == [
        "cut.parquet",
        "cut.parquet.json",
    ]
