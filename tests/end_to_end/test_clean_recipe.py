"""The recipe of planted faults: the same seed plants the same, and what it counts is what was
planted."""

from __future__ import annotations

import csv
import sys

import pytest

from fiqa.cleaning.findings import Finding, Findings
from fiqa.types import Manifest


@pytest.fixture
def recipe(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "recipes"))
    import clean

    yield clean
    sys.modules.pop("clean", None)


def test_found_missed_and_beside_are_counted_by_hand(recipe, tmp_path):
    truth = tmp_path / "truth.csv"
    with open(truth, "w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("issue", "path", "other"),
                ("dark", "s/ann/1", ""),
                ("dark", "s/ann/2", ""),
                ("near_duplicate", "s/ann/3", "s/ann/4"),
                ("two_names", "ann", "bob"),
            ]
        )
    found = [
        Finding("s/ann/1", "1", "dark", 0.6),
        Finding("s/ann/9", "9", "dark", 0.6),
        Finding("s/ann/4", "4", "near_duplicate", 0.6, other="s/ann/3", other_id="3"),
        Finding("s/bob/4", "4", "two_names", 0.6, other="s/ann/7", other_id="7"),
    ]
    counts = recipe.counted(Findings(found, Manifest(["1"], ["1"])), truth)
    assert {(name, *numbers) for name, *numbers in counts} == {
        ("dark", 2, 1, 1),
        ("near_duplicate", 1, 1, 0),
        ("two_names", 1, 1, 0),
    }


def test_without_the_data_it_says_what_is_missing(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["clean.py", "plant", str(tmp_path), str(tmp_path / "o")])
    with pytest.raises(SystemExit, match=r"lacks:\n  lfw/aligned\n"):
        recipe.main()
