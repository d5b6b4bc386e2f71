"""The benchmark of shards, labels and pairs, at a size that shows that it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "scale.py"


def said(*arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, str(FILE), *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_labels_of_a_training_set_at_a_small_share():
    told = said("--part", "large", "--scale", "0.0001", "--engines", "local", "local")
    assert told.startswith("310 images x 512, 20 of each person\n")
    assert len(re.findall(r"label_optimization, local, \d+ at once +\d+\.\d s", told)) == 2
    assert "the same bytes: [True]" in told


@pytest.mark.slow
def test_pairs_on_an_engine_have_the_area_of_one_process():
    told = said("--part", "pairs", "--images", "2000", "--engines", "local")
    areas = re.findall(r"(held|counted), local, \d+ at once +[\d,]+ mated, area (\S+)", told)
    assert len(areas) == 8
    assert len({area for how, area in areas if how == "held"}) == 2
    assert len({area for how, area in areas if how == "counted"}) == 2


@pytest.mark.slow
def test_the_start_of_a_run_is_told_for_each_number_of_processes():
    told = said("--part", "start", "--turns", "1")
    lines = re.findall(r"^(.{22}) +\d+\.\d\d s of the processor +\d+\.\d\d s", told, re.MULTILINE)
    assert [line.strip() for line in lines][2:] == [
        "one crop",
        *(f"96 crops, {count} at once" for count in (1, 2, 3)),
    ]
