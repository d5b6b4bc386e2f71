"""`make demo`, as a user runs it: the recipe in a process of its own, in an empty folder."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(
    any(
        importlib.util.find_spec(name) is None
        for name in ("skimage", "dlib", "face_recognition_models")
    ),
    reason="needs the demo extra: pip install 'fiqa[demo]'",
)


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(folder, stdout) of one run."""
    folder = tmp_path_factory.mktemp("demo")
    command = [
        sys.executable,
        str(root / "recipes" / "demo.py"),
        "--out",
        "demo",
        "--readme",
        "images",
    ]
    run = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ),
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_it_prints_what_it_found_and_where_the_files_are(demo: tuple[Path, str]) -> None:
    _, out = demo
    assert "$ fiqa score demo/portrait.png --detector dlib --explain" in out
    assert re.search(r"portrait\.png: \d+ of 100, (good|perfect), by \w+", out)
    assert "open demo/sheet.html and demo/ladders.png" in out
    assert "and the timeline of the film: demo/film/index.html" in out
    assert "fiqa studio demo/faces --store demo/studio.sqlite --scores demo/scores.parquet" in out


def test_every_ladder_ends_lower_than_it_begins_and_says_why(demo: tuple[Path, str]) -> None:
    rungs = re.findall(r"^([A-Z][a-z ]+?) +((?:\d+ +){6})(.*)$", demo[1], re.MULTILINE)
    assert len(rungs) == 7
    for kind, numbers, reasons in rungs:
        scores = [int(number) for number in numbers.split()]
        assert scores[-1] < scores[0] - 20, kind
        assert all(after <= before + 3 for before, after in pairwise(scores)), kind
        assert reasons, kind


def test_the_pages_are_there_and_whole(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    page = (folder / "demo" / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<article") == 15
    assert not re.search(r"https?://", page)
    for file, limit in (("demo/ladders.png", 2_000_000), ("images/ladders.png", 300_000)):
        with Image.open(folder / file) as picture:
            assert picture.width > 800
            assert np.asarray(picture.convert("RGB")).std() > 30
        assert (folder / file).stat().st_size < limit


def test_the_film_has_tracks_best_shots_and_a_page(demo: tuple[Path, str]) -> None:
    folder, out = demo
    film = folder / "demo" / "film"
    tracks = re.findall(r"^film-\d+: ([\d.]+) to ([\d.]+) s, best shots (.+)$", out, re.MULTILINE)
    # a hand on the lens and a tunnel, each longer than a second: three tracks
    assert len(tracks) == 3
    events = (film / "events.csv").read_text(encoding="utf-8")
    assert all(f'"{state}"' in events for state in ("covered", "too_dark"))
    shots = sorted(film.glob("best/*/*.png"))
    assert len(shots) == sum(len(shown.split(", ")) for _, _, shown in tracks) >= 3
    # none is of the second in which the camera is out of focus
    times = [float(time) for _, _, shown in tracks for time in re.findall(r"at ([\d.]+) s", shown)]
    assert not any(2.2 < time < 2.8 for time in times)
    page = (film / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<b style="[^"]+">\d+</b>', page)) == len(shots)


def test_the_scores_for_the_studio_put_a_clean_face_first(demo: tuple[Path, str]) -> None:
    rows = pl.read_parquet(demo[0] / "demo" / "scores.parquet").sort("score", descending=True)
    assert len(rows) == 21
    best = rows.group_by("identity", maintain_order=True).first()["id"].to_list()
    assert sorted(best) == ["astronaut/clean", "drawn_a/0", "drawn_b/0"]
