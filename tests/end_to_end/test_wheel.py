"""The wheel, built and unpacked elsewhere, has what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel of a copy of the sources; skipped where no build backend is to be had."""
    folder = tmp_path_factory.mktemp("wheel")
    kept = shutil.ignore_patterns(".*", "__pycache__", "runs", "site", "demo", "dist", "build")
    shutil.copytree(root, folder / "source", ignore=kept)
    words = [sys.executable, "-m", "build", "--wheel", "-o", str(folder), str(folder / "source")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "hatchling" in done.stdout + done.stderr and not list(folder.glob("*.whl")):
        pytest.skip(f"no build backend: {(done.stdout + done.stderr)[-200:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_the_recipes_are_in_the_wheel(root: Path, installed: Path, tmp_path: Path) -> None:
    place = os.environ | {"PYTHONPATH": str(installed)}

    def fiqa(*words: str) -> str:
        command = [sys.executable, "-m", "fiqa", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path, env=place
        )
        return done.stdout

    assert {line.split()[0] for line in fiqa("recipes", "list").splitlines()} > {"labels", "peers"}
    files = fiqa("recipes", "copy", "labels", "mine").split()
    assert files[0] == "mine/labels.sh"
    for file in files:
        source = root / "recipes" / Path(file).name
        assert (tmp_path / file).read_bytes() == source.read_bytes()
    assert (installed / "fiqa/recipes/labels.sh").is_file()
