"""The pages are true: their Python runs, their commands exist, their links lead somewhere, and they
name no private place."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import COMMANDS, build
from fiqa.functional.calibration import LEVEL_CUTS
from fiqa.vocabulary import LEVELS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]
GENERATED = re.compile(r"^(\.\./)?(reference|methods)/")


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S
    )


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_run(page, tmp_path, monkeypatch, photo_folder):
    monkeypatch.chdir(photo_folder)
    scope: dict[str, object] = {}
    for block in _blocks(page, "python"):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block, str(page), "exec"), scope)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_exists(page):
    commands = [
        line.removeprefix("$ ").strip()
        for block in _blocks(page, "(?:console|bash|sh)")
        for line in re.sub(r"\\\n\s*", " ", block).splitlines()
        if re.match(r"(\$ )?fiqa ", line)
    ]
    for command in commands:
        words = re.split(r"\s+[|>]", command)[0].split()[1:]
        if words[0].startswith("-"):
            continue
        assert words[0] in COMMANDS, command
        sub = [words[0], words[1]] if words[0] == "weights" else [words[0]]
        text = CliRunner().invoke(build(), [*sub, "--help"], terminal_width=120).output
        for option in re.findall(r"(?<!\S)(--?[a-z][a-z0-9-]*)", " ".join(words[1:])):
            assert option in text, f"{option} of: {command}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if target.startswith(("http:", "https:")) or GENERATED.match(target):
            continue
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_and_recipe_that_the_code_cites_is_there():
    cited = re.compile(r"(?<![\w/.-])(?:docs|recipes|benchmarks|examples|tests)/[\w./-]*\w\.\w+")
    found = [
        (file.name, name)
        for file in (ROOT / "src").rglob("*.py")
        for name in cited.findall(file.read_text(encoding="utf-8"))
        if "NAME" not in name
    ]
    assert ("analytic.py", "docs/concepts/factors.md") in found
    assert [(where, name) for where, name in found if not (ROOT / name).is_file()] == []


def test_the_level_words_of_the_page_are_those_of_every_exported_card():
    text = " ".join((ROOT / "docs/concepts/scores.md").read_text(encoding="utf-8").split())
    low, high = f"{LEVEL_CUTS[0]:g}", f"{LEVEL_CUTS[-1]:g}"
    words = f"{LEVELS[0]} below {low}, {', '.join(LEVELS[1:-1])}, {LEVELS[-1]} from {high}."
    assert f"the same for every model that `fiqa export` writes: {words}" in text
    assert fiqa.load().calibration.level_cuts == LEVEL_CUTS
    own = [
        f.name for f in (ROOT / "src/fiqa/methods").rglob("*.py") if "level_cuts=" in f.read_text()
    ]
    assert own == ["convert.py"], "the page names CLIB-FIQA as the only one with cuts of its own"


def test_the_output_in_the_readme_is_what_the_command_prints(photo_folder, monkeypatch):
    monkeypatch.chdir(photo_folder)
    lines = next(block for block in _blocks(ROOT / "README.md", "console")).splitlines()
    command, shown = lines[0], lines[1:3]
    assert command == "$ fiqa score photos/astronaut.png --detector dlib"
    result = CliRunner().invoke(build(), [*command.split()[2:], "--quiet", "--workers", "1"])
    printed = result.stdout.splitlines()
    assert printed[0] == shown[0]
    got, wanted = printed[1].split(","), shown[1].split(",")
    assert [*got[:4], got[5]] == [*wanted[:4], wanted[5]]
    assert float(got[4]) == pytest.approx(float(wanted[4]), abs=2e-3)
