"""The pages are true: their Python runs, their commands exist, their links lead somewhere, and they name no private place."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fiqa.cli import COMMANDS, build

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]
GENERATED = re.compile(r"^(\.\./)?(reference|methods)/")


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


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
