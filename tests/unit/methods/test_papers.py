"""The map of the three papers: its modules exist, its commands too, and the page says the same."""

from __future__ import annotations

import importlib
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.methods import names
from fiqa.methods.papers import PAPERS

PLACES = [(name, place) for name, places in PAPERS.items() for place in places]


@pytest.mark.parametrize(("name", "place"), PLACES, ids=lambda value: getattr(value, "what", value))
def test_every_place_exists(root, name, place):
    assert name in names()
    if place.where:
        module, _, attribute = f"fiqa.{place.where}".rpartition(".")
        found = importlib.import_module(module)
        if not hasattr(found, attribute):
            importlib.import_module(f"fiqa.{place.where}")
    else:
        assert place.command.startswith("bash ") or place.holds.startswith("not here")
    words = place.command.split()
    if words and words[0] == "bash":
        assert (root / words[1]).is_file()
    elif words:
        assert words[0] == "fiqa"
        told = CliRunner().invoke(build(), [words[1], "--help"], env={"COLUMNS": "200"})
        assert told.exit_code == 0
        assert all(word in told.stdout for word in words if word.startswith("--"))
        recipes = [word for word in words if word.startswith("recipes/")]
        assert all((root / recipe).is_file() for recipe in recipes)


def test_the_page_has_the_same_rows(root):
    text = (root / "docs" / "papers.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [line for line in rows if not line.startswith("| in the paper")]
    expected = [
        f"| {place.what} | {f'`fiqa.{place.where}`' if place.where else ''} |"
        f" {f'`{place.command}`' if place.command else ''} | {place.holds} |"
        for _, place in PLACES
    ]
    assert rows == expected


@pytest.mark.parametrize("name", PAPERS)
def test_methods_prints_them(name):
    done = CliRunner().invoke(build(), ["methods", name])
    assert done.exit_code == 0
    for place in PAPERS[name]:
        assert place.what in done.stdout
        assert place.holds in done.stdout
    assert "Eq. 3" not in CliRunner().invoke(build(), ["methods", "pcnet"]).stdout


def test_every_setting_that_a_command_names_is_one():
    from fiqa.methods import module
    from fiqa.training.settings import ClibFiqa

    for name, place in PLACES:
        words = place.command.split()
        for word in (b for a, b in pairwise(words) if a == "--set"):
            key = word.partition("=")[0]
            if words[1] == "train":
                assert hasattr(ClibFiqa(), key.removeprefix("clib_fiqa."))
            else:
                assert key in module(name).labeler().options
