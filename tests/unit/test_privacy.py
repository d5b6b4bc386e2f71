"""Nothing leaves the machine, and nothing but fiqa's own files is left in the home folder; with CI
unset, which telemetry watches."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fiqa import privacy

ROOT = Path(__file__).resolve().parents[2]
SPY = """
import sys

_SENDS = ("connect", "bind", "sendto", "sendmsg", "getaddrinfo")

def _seen(event, arguments):
    if event in [f"socket.{{name}}" for name in _SENDS]:
        where = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        with open({log!r}, "a") as file:
            file.write(f"{{event}} {{where!r}}\\n")

sys.addaudithook(_seen)
"""
_LOCAL = re.compile(r"'(127\.[\d.]+|::1|localhost)'|^\S+ (None|b?'/)")
_OUTSIDE = re.compile(r"sa_family=AF_INET6?\b(?!.*(inet_addr\(\"127\.|\"::1\"))")


def _fresh(folder: Path, **more: str) -> dict[str, str]:
    """An environment of a new user: a home folder of its own, no CI, no XDG_*, no FIQA_HOME, and
    the spy in every Python process."""
    (folder / "spy").mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / "spy" / "sitecustomize.py").write_text(
        SPY.format(log=str(folder / "sockets.txt")), encoding="utf-8"
    )
    kept = {
        name: os.environ[name]
        for name in ("PATH", "LANG", "SYSTEMROOT", "LD_LIBRARY_PATH")
        if name in os.environ
    }
    source = os.pathsep.join((str(folder / "spy"), str(Path(privacy.__file__).parents[1])))
    return (
        kept | {"HOME": str(folder / "home"), "PYTHONPATH": source, "OMP_NUM_THREADS": "1"} | more
    )


def _tracer(folder: Path) -> list[str]:
    """strace before the command, where it is installed and may trace: it sees what native code
    sends, which no audit hook does."""
    if shutil.which("strace") is None:
        return []
    line = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-A",
        "-e",
        "trace=connect,sendto,sendmsg,bind",
        "-o",
        str(folder / "trace.txt"),
    ]
    return (
        line
        if subprocess.run([*line, "true"], capture_output=True, check=False).returncode == 0
        else []
    )


def _outside(folder: Path) -> list[str]:
    """What was sent or looked up beyond this machine, by both instruments."""
    seen = []
    for name, wanted in (
        ("sockets.txt", lambda line: not _LOCAL.search(line)),
        ("trace.txt", _OUTSIDE.search),
    ):
        file = folder / name
        seen += (
            [line for line in file.read_text().splitlines() if wanted(line)]
            if file.exists()
            else []
        )
    return seen


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Forty crops of five people: enough for two worker processes."""
    import cv2

    rng = np.random.default_rng(5)
    for person in range(5):
        face = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (112, 112))
        (tmp_path / "crops" / f"p{person}").mkdir(parents=True)
        for k in range(8):
            noisy = np.clip(face + rng.normal(0, 2 + 3 * k, face.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "crops" / f"p{person}" / f"{k}.png"), noisy)
    return tmp_path / "crops"


@pytest.mark.slow
def test_scoring_embedding_and_evaluating_leave_no_trace(
    tmp_path: Path, crops: Path, tiny_recognizer: Callable[..., Path]
) -> None:
    spied = tmp_path / "spied"
    environment = _fresh(spied)
    tracer = _tracer(spied)
    score, vectors = str(tmp_path / "scores.parquet"), str(tmp_path / "emb.npz")
    sheet, model = str(tmp_path / "sheet.html"), str(tiny_recognizer())
    for command in (
        ["score", str(crops), "--aligned", "--workers", "2", "-o", score, "--html", sheet],
        ["embed", str(crops), "--recognizer", model, "-o", vectors],
        [
            "evaluate",
            "--quality",
            score,
            "--embeddings",
            vectors,
            "--fmr",
            "0.1",
            "--draws",
            "0",
            "-o",
            str(tmp_path / "r"),
        ],
    ):
        line = [*tracer, sys.executable, "-m", "fiqa", *command]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert _outside(spied) == []
    left = {
        file.relative_to(spied / "home").as_posix()
        for file in (spied / "home").rglob("*")
        if file.is_file()
    }
    # fontconfig is a program of the system, which matplotlib asks for fonts, and not fiqa's to move
    assert {
        name for name in left if not name.startswith((".cache/fiqa/", ".cache/fontconfig/"))
    } == set()
    assert (tmp_path / "r" / "index.html").is_file()


def test_the_spy_sees_a_socket(tmp_path: Path) -> None:
    code = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    )
    local = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    )
    for name, run, count in (("far", code, 1), ("near", local, 0)):
        environment = _fresh(tmp_path / name)
        tracer = _tracer(tmp_path / name)
        subprocess.run(
            [*tracer, sys.executable, "-c", run], env=environment, check=False, capture_output=True
        )
        assert len(_outside(tmp_path / name)) == count * (2 if tracer else 1)


@pytest.mark.parametrize(
    "module",
    [
        "fiqa",
        "fiqa.runtime.onnx",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("fiqa.execute.worker", "fiqa.cli")
        ),
    ],
)
def test_every_way_in_turns_telemetry_off(tmp_path: Path, module: str) -> None:
    code = f"import {module}, os, json; print(json.dumps(dict(os.environ)))"
    for mine, wanted in ({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0"):
        environment = _fresh(tmp_path / f"set{len(mine)}", **mine)
        told = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seen = json.loads(told.stdout)
        assert seen["ORT_DISABLE_TELEMETRY"] == wanted
        assert (
            seen["HF_HUB_DISABLE_TELEMETRY"],
            seen["DO_NOT_TRACK"],
            seen["RAY_USAGE_STATS_ENABLED"],
        ) == (
            "1",
            "1",
            "0",
        )


@pytest.mark.parametrize(
    ("version", "told"), [("1.29.0", True), pytest.param("1.28.3", False, marks=pytest.mark.slow)]
)
def test_an_onnxruntime_that_came_first_is_said(tmp_path: Path, version: str, told: bool) -> None:
    code = (
        "import sys, types\n"
        f"fake = types.ModuleType('onnxruntime'); fake.__version__ = {version!r}\n"
        "fake.disable_telemetry_events = lambda: print('stopped')\n"
        "sys.modules['onnxruntime'] = fake\n"
        "from fiqa.runtime.onnx import runtime_version\n"
        "runtime_version(); print(runtime_version())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=_fresh(tmp_path / "a"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == (["stopped", version] if told else [version])
    assert done.stderr.count("imported before fiqa") == told
    again = _fresh(tmp_path / "b", ORT_DISABLE_TELEMETRY="1")
    quiet = subprocess.run(
        [sys.executable, "-c", code], env=again, capture_output=True, text=True, check=True
    )
    assert quiet.stderr == ""


def test_the_line_of_doctor_says_what_is_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    assert (
        privacy.telemetry_line("1.31.1")
        == "onnxruntime 1.31.1 sends no telemetry (ORT_DISABLE_TELEMETRY=1)"
    )
    for word in ("0", "false", ""):
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", word)
        assert "may send telemetry" in privacy.telemetry_line("1.31.1")


def test_the_users_own_place_for_plots_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIQA_HOME", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", "/mine")
    privacy.keep_plots_home()
    assert os.environ["MPLCONFIGDIR"] == "/mine"
    monkeypatch.delenv("MPLCONFIGDIR")
    privacy.keep_plots_home()
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / "matplotlib")
