"""What type checkers make of the public names: right use passes, wrong use fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fiqa

GOOD = """
from collections.abc import Mapping
import numpy as np
import fiqa

scorer: fiqa.Scorer = fiqa.load("laplacian")
raw = scorer.score(np.zeros((1, 112, 112, 3), np.uint8))
uqs: int = int(scorer.unified(raw)[0])
manifest: fiqa.Manifest = fiqa.scan("photos")
embeddings: fiqa.Embeddings = fiqa.embed("crops", recognizer="a.onnx")
labels: fiqa.Quality = fiqa.label("norm", embeddings=embeddings)
area: float = fiqa.evaluate(labels, embeddings).curve("norm").curve.area(0.3)
"""
BAD = {
    "fiqa.no_such_name": "no_such_name",
    "fiqa.evaluate(nonsense=1)": "nonsense",
    "fiqa.load('laplacian').scoer": "scoer",
    "fiqa.scan('a').identities": "identities",
    "fiqa.label(3)": "label",
}
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-error-summary", "--cache-dir"],
    "pyright": ["basedpyright", "--level", "error"],
}


@pytest.fixture(scope="module", params=list(CHECKERS))
def complaints(request, tmp_path_factory) -> dict[str, str]:
    """What a checker prints of each snippet; one run for all of them."""
    folder = tmp_path_factory.mktemp(request.param)
    snippets = {"good": GOOD} | {f"bad{i}": f"import fiqa\n\n{s}\n" for i, s in enumerate(BAD)}
    for name, text in snippets.items():
        (folder / f"{name}.py").write_text(text)
    source = str(Path(fiqa.__file__).parents[1])
    (folder / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "standard", "extraPaths": ["{source}"]}}'
    )
    words = [sys.executable, "-m", *CHECKERS[request.param]]
    words += [str(folder / "cache"), "."] if request.param == "mypy" else ["."]
    run = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)
    text = run.stdout + run.stderr
    assert "good" not in text, text
    return {
        name: "\n".join(line for line in text.splitlines() if f"{name}.py" in line)
        for name in snippets
    }


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BAD)), ids=list(BAD))
def test_wrong_use_of_a_public_name_is_an_error(complaints, number):
    assert "error" in complaints[f"bad{number}"]
    assert list(BAD.values())[number] in complaints[f"bad{number}"]


@pytest.mark.slow
def test_right_use_passes(complaints):
    assert complaints["good"] == ""
