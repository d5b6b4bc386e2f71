"""No verb writes over what it reads: by the same name, through a link, by a hard link, into a
sidecar, or into a folder that holds an input."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

import fiqa
from fiqa.cli import COMMANDS, _load, build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.guard import guard_outputs
from fiqa.errors import InputError
from fiqa.types import Embeddings, Manifest

Case = tuple[list[str], str, str]
"""Arguments without the output, the output, and the input that it must not touch."""
EMBED = ["embed", "crops", "--recognizer", "recognizer.onnx", "-o"]
EVALUATE = [
    "evaluate",
    "--quality",
    "scores.csv",
    "--embeddings",
    "emb.npz",
    "--fmr",
    "0.5",
    "--draws",
    "0",
    "-o",
]
TABLES = ["tables", "dms", "--quality", "scores.csv", "--embeddings", "emb.npz", "-o"]
THRESHOLD = [
    "threshold",
    "--quality",
    "scores.csv",
    "--embeddings",
    "emb.npz",
    "--coverage",
    "0.9",
    "--fmr",
    "0.5",
    "-o",
]
CALIBRATE = ["calibrate", "--quality", "scores.csv", "--embeddings", "emb.npz", "-o"]
MONITOR = ["monitor", "check", "scores.csv", "--reference", "ref.json"]
LABEL = ["label", "cr_fiqa", "--faces", "faces.csv", "--embeddings", "emb.npz", "-o"]
CLEAN = ["clean", "--aligned", "--workers", "1"]
CASES: dict[str, list[Case]] = {
    "scan": [
        (["scan", "faces.csv", "-o"], "faces.csv", "faces.csv"),
        (["scan", "list.txt", "-o"], "o.csv", "list.txt"),
    ],
    "align": [
        (["align", "crops", "--detector", "none", "-o"], "crops", "crops/a/0.png"),
        (
            ["align", "crops/faces.parquet", "--detector", "none", "-o"],
            "crops",
            "crops/faces.parquet",
        ),
    ],
    "score": [
        (["score", "faces.csv", "--aligned", "-o"], "faces.csv", "faces.csv"),
        (["score", "faces.csv", "--aligned", "-o"], "o.csv", "crops/a/0.png"),
        (["score", "list.txt", "--aligned", "--workers", "1", "--html"], "o.html", "list.txt"),
    ],
    "select": [
        (["select", "drive.mp4", "--detector", "none", "-o"], "drive.mp4", "drive.mp4"),
        (["select", "drive.mp4", "--detector", "none", "-o"], "o", "o.json"),
    ],
    "embed": [
        ([*EMBED], "o.npz", "crops/a/0.png"),
        ([*EMBED], "o.npz", "recognizer.onnx"),
        (["embed", "faces.csv", "--recognizer", "recognizer.onnx", "-o"], "o.parquet", "faces.csv"),
    ],
    "enroll": [
        (["enroll", "crops", "--people", "faces.csv", "-o"], "faces.parquet", "faces.csv"),
        (["enroll", "report", "--people", "faces.csv", "-o"], "o.npz", "report/templates.npz"),
    ],
    "label": [([*LABEL], "faces.csv", "faces.csv"), ([*LABEL], "o.parquet", "emb.npz")],
    "evaluate": [([*EVALUATE], "report", "report/scores.csv"), ([*EVALUATE], "o", "o.json")],
    "tables": [([*TABLES], "report", "report/scores.csv"), ([*TABLES], "o", "o.json")],
    "threshold": [([*THRESHOLD], "scores.csv", "scores.csv"), ([*THRESHOLD], "o.json", "emb.npz")],
    "calibrate": [([*CALIBRATE], "scores.csv", "scores.csv"), ([*CALIBRATE], "o.json", "emb.npz")],
    "clean": [
        ([*CLEAN, "report/findings.csv", "-o"], "report", "report/findings.csv"),
        ([*CLEAN, "crops", "--embeddings", "emb.npz", "-o"], "report", "report/findings.parquet"),
    ],
    "monitor": [
        (["monitor", "fit", "scores.csv", "-o"], "scores.csv", "scores.csv"),
        ([*MONITOR, "-o"], "o.json", "scores.csv"),
        ([*MONITOR, "--state"], "o.json", "ref.json"),
        ([*MONITOR, "--prometheus"], "o.prom", "ref.json"),
        ([*MONITOR, "--html"], "o.html", "scores.csv"),
    ],
    "convert": [
        (["convert", "scores.csv"], "scores.csv", "scores.csv"),
        (["convert", "scores.csv", "--to", "ofiq"], "o.csv", "scores.csv"),
    ],
    "train": [
        (["train", "recipe.toml", "-o"], "run", "run/metrics.csv"),
        (["train", "recipe.toml", "-o"], "o", "o.json"),
    ],
    "export": [
        (["export", "run", "-o"], "run/recipe.onnx", "run/recipe.json"),
        (["export", "run", "-o"], "run.onnx", "run.json"),
        (["export", "run", "-o"], "o.onnx", "run/best_mae.safetensors"),
    ],
    "weights": [
        (
            [
                "weights",
                "card",
                "--kind",
                "recognizer",
                "--color",
                "RGB",
                "--mean",
                "0",
                "--std",
                "1",
                "--force",
            ],
            "recognizer.onnx",
            "recognizer.json",
        )
    ],
}


@pytest.fixture
def work(
    tmp_path: Path, tiny_recognizer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with one input of every kind."""
    import cv2

    from fiqa.training.config import resolve

    tiny_recognizer("recognizer")
    rng = np.random.default_rng(2)
    rows = []
    for person in "ab":
        (tmp_path / "crops" / person).mkdir(parents=True)
        for k in range(3):
            cv2.imwrite(
                str(tmp_path / "crops" / person / f"{k}.png"),
                rng.integers(0, 256, (112, 112, 3), np.uint8),
            )
            rows.append(
                {"id": f"{person}/{k}", "path": f"crops/{person}/{k}.png", "identity": person}
            )
    frame = pl.DataFrame(rows)
    frame.write_csv(tmp_path / "faces.csv")
    frame.with_columns(pl.col("path").str.replace("crops/", "")).write_parquet(
        tmp_path / "crops" / "faces.parquet"
    )
    (tmp_path / "list.txt").write_text("crops/a/0.png\n")
    scores = frame.select("id", pl.Series("score", rng.random(len(frame))))
    scores.write_csv(tmp_path / "scores.csv")
    vectors = rng.normal(size=(len(frame), 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_embeddings(Embeddings(frame["id"].to_numpy().astype(str), vectors), tmp_path / "emb.npz")
    recipe = {"data": {"faces": "crops", "labels": "scores.csv", "size": 32, "validation": 0.5}}
    (tmp_path / "recipe.toml").write_text(
        '[data]\nfaces = "crops"\nlabels = "scores.csv"\nsize = 32\n'
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(resolve(recipe).record()))
    (tmp_path / "run" / "best_mae.safetensors").write_bytes(b"weights")
    (tmp_path / "run" / "best_mae.json").write_text("{}")
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "ref.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _placed(work: Path, output: str, victim: str, link: str) -> str:
    """Puts `output` and `victim` so that they are one file, and returns what is given as the
    output."""
    out, read = work / output, work / victim
    if read.is_file() and not out.exists() and out.suffix:
        (os.symlink if link == "symlink" else os.link)(read, out)
        return output
    if link == "symlink" and out.exists():
        alias = out.with_name(f"alias{out.suffix}")
        alias.symlink_to(out)
        return alias.name if alias.parent == work else str(alias.relative_to(work))
    return output


def _bytes(work: Path) -> dict[str, bytes | str]:
    return {
        str(file.relative_to(work)): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in work.rglob("*")
        if file.is_file() or file.is_symlink()
    }


ALL = [(name, *case) for name, cases in CASES.items() for case in cases]


@pytest.mark.parametrize("link", ["same", "symlink"])
@pytest.mark.parametrize(
    ("name", "arguments", "output", "victim"), ALL, ids=[f"{n}-{o}-{v}" for n, _, o, v in ALL]
)
def test_an_output_over_an_input_is_refused(
    work: Path, name: str, arguments: list[str], output: str, victim: str, link: str
) -> None:
    if name in ("train", "export"):
        pytest.importorskip("torch")
    arguments = _arranged(work, name, list(arguments), output, victim)
    out = output if name in ("weights", "export") else _placed(work, output, victim, link)
    before = _bytes(work)
    result = CliRunner().invoke(build(), [*arguments, out])
    assert result.exit_code == 2, result.output
    assert "must not be one of the inputs" in result.stderr
    assert "nothing was written" in result.stderr
    assert _bytes(work) == before


def _arranged(work: Path, name: str, arguments: list[str], output: str, victim: str) -> list[str]:
    """Brings the input of a case to where its output would meet it."""
    if victim == "report/scores.csv":
        (work / "report").mkdir()
        shutil.copy(work / "scores.csv", work / victim)
        arguments[arguments.index("scores.csv")] = victim
    elif (name, victim) in (("evaluate", "o.json"), ("tables", "o.json")):
        shutil.copy(work / "scores.csv", work / victim)
        arguments[arguments.index("emb.npz") + 1 : 1] = ["--faces", victim]
        (work / "o.json").write_text("{}")
    elif victim == "report/findings.csv":
        (work / "report").mkdir()
        shutil.copy(work / "faces.csv", work / victim)
    elif name == "select":
        (work / "drive.mp4").write_bytes(b"no video")
        if victim == "o.json":
            os.link(work / "drive.mp4", work / victim)
    elif victim == "report/templates.npz":
        (work / "report").mkdir()
        shutil.copy(work / "emb.npz", work / victim)
    elif victim == "report/findings.parquet":
        (work / "report").mkdir()
        os.link(work / "emb.npz", work / victim)
    elif victim == "run/metrics.csv":
        shutil.copy(work / "scores.csv", work / victim)
        arguments += ["--set", "data.labels=run/metrics.csv"]
        arguments.append(arguments.pop(arguments.index("-o")))
    elif (name, victim) == ("train", "o.json"):
        shutil.copy(work / "recipe.toml", work / "o.json")
        arguments[1] = "o.json"
    elif name == "export" and output == "o.onnx":
        os.link(work / victim, work / output)
    elif name == "weights":
        os.remove(work / "recognizer.json")
        os.link(work / "recognizer.onnx", work / "recognizer.json")
    return arguments


def test_every_command_that_writes_has_its_cases() -> None:
    writing = set()
    for name in COMMANDS:
        command = _load(name)
        if isinstance(command, typer.core.TyperGroup):
            continue  # weights: card writes, pull reads nothing of the user's; monitor
        options = {option for parameter in command.params for option in parameter.opts}
        if {"--output", "--html"} & options or any(
            p.name in ("output", "out") for p in command.params
        ):
            writing.add(name)
    assert writing == set(CASES) - {"weights", "monitor"}


def test_the_api_refuses_as_the_command_does(work: Path) -> None:
    before = _bytes(work)
    manifest = Manifest(np.array(["a/0"]), np.array(["crops/a/0.png"]), np.array(["a"]))
    os.link(work / "crops/a/0.png", work / "o.parquet")
    for call in (
        lambda: fiqa.score(manifest, aligned=True, out="o.parquet"),
        lambda: fiqa.score("faces.csv", aligned=True, html="faces.csv"),
        lambda: fiqa.embed(manifest, recognizer="recognizer.onnx", out="o.parquet"),
        lambda: fiqa.scan("crops", out="o.parquet"),
        lambda: fiqa.align(manifest, out="crops", detector="none"),
        lambda: fiqa.label("analytic", faces=manifest, out="o.parquet"),
    ):
        with pytest.raises(InputError, match="must not be one of the inputs"):
            call()
    os.remove(work / "o.parquet")
    assert _bytes(work) == before


def test_what_is_not_an_input_is_written(work: Path) -> None:
    assert len(fiqa.align("crops", out="crops/aligned", detector="none")) == 6
    fiqa.scan("crops", out="crops/found.csv")
    fiqa.scan("crops", out="crops/found.csv")
    assert CliRunner().invoke(build(), ["convert", "scores.csv", "scores.parquet"]).exit_code == 0


def test_an_input_in_the_parts_of_an_output_is_kept(tmp_path: Path) -> None:
    (tmp_path / "o.csv.parts").mkdir()
    inside = tmp_path / "o.csv.parts" / "mine.txt"
    inside.write_text("mine")
    with pytest.raises(InputError, match="which lies in it"):
        guard_outputs([tmp_path / "o.csv"], inside)
    guard_outputs([tmp_path / "p.csv"], inside)


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ("emb.npz.json", "emb.npz"),
        ("m.json", "m.onnx"),
        ("v.ids.txt", "v.npy"),
        ("x.csv", ["NAME=x.csv"]),
        ("x.csv", {"a": ("b", Path("x.csv"))}),
    ],
)
def test_what_belongs_to_an_input_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, read: object
) -> None:
    monkeypatch.chdir(tmp_path)
    guard_outputs([output], read)
    for file in ("emb.npz", "m.onnx", "v.npy", output):
        Path(file).write_text(file)
    with pytest.raises(InputError, match="must not be one of the inputs"):
        guard_outputs([output], read)
    guard_outputs(["other.csv"], read, np.zeros(3), None)
