"""The programs of the page about deployment: in Python, C++ and JavaScript, each complete, and each
gives what fiqa gives."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

import fiqa
from fiqa.faces.align import align
from fiqa.methods.bundled import WEIGHTS
from fiqa.runtime.cards import card_path, read_card
from fiqa.vocabulary import LEVELS

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples" / "deploy"
POINTS = [
    "203.35",
    "103.62",
    "247.52",
    "104.45",
    "224.10",
    "127.69",
    "203.96",
    "143.14",
    "242.91",
    "143.67",
]
TILTED = ["190", "120", "240", "90", "225", "125", "215", "155", "250", "135"]
OUTSIDE = ["-9", "40", "38", "38", "14", "60", "-5", "84", "33", "83"]
RAW, POINT = 0.01, 2
"""The tolerance that the page states: OpenCV, with which fiqa aligns, rounds the place of a pixel
to 1/32."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A portrait as PNG and as PPM."""
    for suffix in ("png", "ppm"):
        Image.fromarray(astronaut()).save(tmp_path / f"photo.{suffix}")
    return tmp_path


def agrees(line: str, numbers: list[str]) -> None:
    """A printed line is what fiqa gives."""
    raw, uqs, level = line.split()
    crop = align(astronaut(), np.array(numbers, float).reshape(5, 2)).crop
    scorer = fiqa.load()
    wanted = scorer.score(crop[None])
    assert float(raw) == pytest.approx(float(wanted[0]), abs=RAW)
    assert abs(int(uqs) - int(scorer.unified(wanted)[0])) <= POINT
    assert level == LEVELS[sum(int(uqs) >= cut for cut in scorer.calibration.level_cuts)]


def run(*words: object) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["score.py", "score.cpp", "score.mjs"])
def test_the_page_prints_the_programs_as_they_are(name):
    language = {"py": "python", "cpp": "cpp", "mjs": "js"}[name.partition(".")[2]]
    page = (ROOT / "docs" / "guides" / "deploy.md").read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)
    assert (PROGRAMS / name).read_text("utf-8") in blocks


@pytest.mark.parametrize("points", [POINTS, TILTED, OUTSIDE])
def test_the_program_in_python(photo, points):
    program = (PROGRAMS / "score.py").read_text("utf-8")
    assert "fiqa" not in re.findall(r"^(?:import|from) (\w+)", program, re.M)
    agrees(
        run(sys.executable, PROGRAMS / "score.py", WEIGHTS, photo / "photo.png", *points), points
    )


def headers() -> Path | None:
    """Where onnxruntime's C++ headers are, None where they are not."""
    places = [os.environ.get("ONNXRUNTIME_INCLUDE", ""), "/usr/include", "/usr/local/include",
              "/usr/include/onnxruntime", "/usr/local/include/onnxruntime"]  # fmt: skip
    return next((Path(p) for p in places if p and Path(p, "onnxruntime_cxx_api.h").is_file()), None)


def library() -> Path | None:
    """The shared library in the Python package."""
    found = importlib.util.find_spec("onnxruntime")
    folder = Path(found.origin).parent / "capi" if found and found.origin else Path()
    return next(iter(sorted(folder.glob("libonnxruntime.so.*"))), None)


@pytest.mark.slow
@pytest.mark.parametrize("points", [POINTS, TILTED, OUTSIDE])
def test_the_program_in_cpp(photo, tmp_path, points):
    compiler, include, shared = shutil.which("c++"), headers(), library()
    if compiler is None or include is None or shared is None:
        pytest.skip(
            "needs a C++ compiler, onnxruntime's headers (ONNXRUNTIME_INCLUDE) and its library:"
            f" {compiler}, {include}, {shared}"
        )
    strict = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-I", include]
    program = tmp_path / "score"
    run(compiler, *strict, PROGRAMS / "score.cpp", shared, f"-Wl,-rpath,{shared.parent}", "-o",
        program)  # fmt: skip
    calibration = read_card(card_path(WEIGHTS)).calibration
    words = (WEIGHTS, photo / "photo.ppm", calibration.x0, calibration.w, *points)
    agrees(run(program, *words), points)


@pytest.mark.slow
@pytest.mark.parametrize("points", [POINTS, TILTED, OUTSIDE])
def test_the_program_in_javascript(photo, points):
    node, modules = shutil.which("node"), os.environ.get("ONNXRUNTIME_NODE", "")
    if node is None or not Path(modules, "onnxruntime-node").is_dir():
        pytest.skip(
            "needs node, and ONNXRUNTIME_NODE: the node_modules that npm install onnxruntime-node"
            f" made: {node}, {modules or 'not set'}"
        )
    shutil.copy(PROGRAMS / "score.mjs", photo)
    (photo / "node_modules").symlink_to(modules, target_is_directory=True)
    words = (WEIGHTS, card_path(WEIGHTS), photo / "photo.ppm", *points)
    agrees(run(node, photo / "score.mjs", *words), points)
