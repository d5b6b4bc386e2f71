"""The pages are true: their Python runs, their commands exist, their links lead somewhere, and they
name no private place."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import COMMANDS, build
from fiqa.data.recipes import recipes
from fiqa.diagnosis.recipe_data import SOURCES
from fiqa.functional.calibration import LEVEL_CUTS
from fiqa.vocabulary import LEVELS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]
NESTED = {
    "weights": ("card", "pull", "list", "verify"),
    "monitor": ("fit", "check", "serve"),
    "recipes": ("list", "copy"),
    "export": ("verify",),
}
"""Commands that have commands of their own."""
OWN_DATA = {"bundled_gpu.sh", "finetune.sh", "starter.sh"}
"""Recipes on the user's own photographs, or on what another wrote, which read no data folder."""


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


@cache
def _help(command: str) -> str:
    """Returns the help of a command, `weights card` and its like included."""
    return CliRunner().invoke(build(), [*command.split(), "--help"], terminal_width=200).output


def _lines(page: Path) -> list[str]:
    """Returns the lines of a page's code blocks and the code in its prose, without comments."""
    text = page.read_text(encoding="utf-8")
    blocks = "".join(_blocks(page, "(?:console|bash|sh)")).replace("\\\n", " ").splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    inline = (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose))
    return [re.sub(r"\s+[|>#].*", "", line.removeprefix("$ ")) for line in (*blocks, *inline)]


def _commands(page: Path) -> list[str]:
    """Returns the `fiqa` commands of a page."""
    return [line for line in _lines(page) if line.startswith("fiqa ") and line[5:6].isalpha()]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_exists(page):
    for command in _commands(page):
        words = command.split()[1:]
        assert words[0] in COMMANDS, command
        inner = words[1] in NESTED.get(words[0], ()) if words[1:] else False
        text = _help(" ".join(words[:2]) if inner else words[0])
        for option in re.findall(r"(?<!\S)(--?[a-z][a-z0-9-]*)", " ".join(words)):
            gone = page.name == "CHANGELOG.md" and option == "--table"
            assert gone or option in text, f"{option} of: {command}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_benchmark_takes_what_the_page_gives_it(page):
    for line in _lines(page):
        name, *words = re.sub(r".*\bpython benchmarks/", "", line).split() or [""]
        file = ROOT / "benchmarks" / name
        if "python benchmarks/" not in line or not file.is_file():
            continue
        if not re.search(r"^from bench import .*\bmain\b", file.read_text("utf-8"), re.M):
            continue
        told = re.sub(
            r"--(?:data|part|scale) \S+|--(?:details|list|quick)(?!\S)", "", " ".join(words)
        )
        assert not told.strip(), line


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_option_in_the_prose_is_one_of_some_command(page):
    subs = [f"{name} {sub}" for name, inner in NESTED.items() for sub in inner]
    known = set(re.findall(r"(?<!\w)--?[a-z][a-z0-9-]*", " ".join(map(_help, [*COMMANDS, *subs]))))
    named = re.findall(r"`(--?[a-z][a-z0-9-]*)[^`]*`", page.read_text(encoding="utf-8"))
    assert set(named) - known <= ({"--all-pairs"} if page.name == "CHANGELOG.md" else set())


def _anchors(page: Path) -> set[str]:
    """Returns what a heading of a page is called in a link, on the site and in the repository."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere_in_the_repository(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if target.startswith(("http:", "https:")):
            continue
        there = page if not target else page.parent / target
        assert there.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in _anchors(there), f"{page.name} links to {link}"


def test_links_to_code_lead_to_the_page_that_is_built_from_it():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    assert spec
    assert spec.loader
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        place = page.relative_to(ROOT / "docs").as_posix()
        built = SimpleNamespace(file=SimpleNamespace(src_uri=place))
        text = pages.on_page_markdown(page.read_text("utf-8"), page=built)
        for target in re.findall(r"\]\(([^)#]+)", text):
            if not target.startswith(("http:", "https:")):
                inside = (page.parent / target).resolve().is_relative_to(ROOT / "docs")
                assert inside, f"{place} links to {target}, which the site does not have"
    assert all((ROOT / code).exists() for code in pages.BUILT_FROM)
    made = {f"reference/{room}.md" for room in pages.ROOMS}
    made |= {f"reference/{name}.md" for name in ("nouns", "words", "commands")}
    assert set(pages.BUILT_FROM.values()) <= made | {"methods/index.md"}


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
    command = "fiqa score photos/astronaut.png --detector dlib"
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(
        rf"^```sh\n{re.escape(command)}\n```\n\n```text\n(.*?)^```", readme, re.M | re.S
    )
    assert found, "the command, and below it a block with its output"
    shown = found[1].splitlines()
    result = CliRunner().invoke(build(), [*command.split()[1:], "--quiet", "--workers", "1"])
    printed = result.stdout.splitlines()
    assert printed[0] == shown[0]
    got, wanted = printed[1].split(","), shown[1].split(",")
    assert [*got[:4], got[5]] == [*wanted[:4], wanted[5]]
    assert float(got[4]) == pytest.approx(float(wanted[4]), abs=2e-3)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_command_can_be_copied(page):
    """No prompt before a command, and its output in a block of its own."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert [line for _, text in fenced for line in text.splitlines() if line.startswith("$ ")] == []
    for language, text in fenced:
        assert language != "console", text
        if language == "sh":
            lines = text.replace("\\\n", " ").splitlines()
            cut = [line for line in lines if line.rstrip().endswith(("...", "…", "\\"))]
            assert cut == [], "a command is whole"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_prose_stands_at_100_columns_and_uses_one_word_for_one_thing(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "!["))]
    assert [line for line in prose if len(line) > 100 and " " in line.strip()] == []
    words = re.findall(
        r"\b(?:spoil\w*|rivals?|genuine|impostors?|competitors?)\b", "\n".join(prose)
    )
    assert words == [] or page.name == "CHANGELOG.md", "the changelog may name what was renamed"


@pytest.mark.parametrize(
    "name",
    [*COMMANDS, "weights card", "weights pull", *(f"monitor {sub}" for sub in NESTED["monitor"])],
)
def test_an_example_of_a_help_is_commands_one_a_line(name):
    text = _help(name)
    lines = text.partition("Example:\n")[2].rstrip().replace("\\\n", " ").splitlines()
    assert lines
    for line in lines:
        words = line.split()
        assert words[:2] == ["fiqa", name.split()[0]]
        assert words.count("fiqa") == 1
        for option in (word for word in words if word.startswith("-")):
            assert option in text, f"{option} of: {line}"


def test_the_navigation_has_every_page():
    named = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M))
    pages = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}
    assert named - {"changelog.md"} == pages


def test_the_navigation_follows_a_day_of_its_user():
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    assert re.findall(r"^  - ([^:]+):", nav, re.M) == [
        "Start here",
        "Score",
        "Find bad data",
        "Where to cut",
        "Prove it",
        "Video and driving",
        "Service",
        "Scale",
        "Label",
        "Train",
        "Deploy",
        "Methods",
        "Papers",
        "Reference",
    ]


def test_the_page_of_the_data_names_what_every_recipe_needs():
    text = (ROOT / "docs/guides/data.md").read_text("utf-8")
    rows = {
        name: set(reads.split(", "))
        for name, reads in re.findall(r"^\| (\w+\.\w+) \| (.*) \|$", text, re.M)
    }
    words = {
        "lfw/aligned": "LFW",
        "lfw/peopleDevTest.txt": "lists",
        "lfw/peopleDevTrain.txt": "lists",
        "lfw/faceqnet_v1_scores.csv": "FaceQnet",
        "pins/aligned": "pins",
        "models/recognizer_a.onnx": "A and B",
        "models/recognizer_b.onnx": "A and B",
        "models/recognizer_a.pt": "A.pt",
        "models/yunet.onnx": "YuNet",
        "lfw/landmarks.csv": "points of LFW",
        "video/carphone.mp4": "carphone",
        "photos": "photos",
        "rmfd": "RMFD",
        "yaleb": "Yale B",
        "models/landmarks68.onnx": "landmarks",
        "models/expression.onnx": "expression",
        **{f"models/lightqnet-dm{width}.pb": "LightQNet" for width in ("025", "050", "100")},
    }
    readers = {recipe.files[0]: recipe.reads for recipe in recipes().values() if recipe.reads}
    assert {script: {words[name] for name in reads} for script, reads in readers.items()} == rows
    assert set(words) == set(SOURCES), "what fiqa doctor --for recipes says of each path"
    scripts = {p.name for p in (ROOT / "recipes").glob("*.sh")}
    assert scripts - set(readers) == OWN_DATA | {"needs.sh"}, "a script checks its data"
    # Each path is in the page's table of sources: whole, or as the name that the table has for it.
    shown = text.replace("`, `.pt`", ".onnx`, `models/recognizer_a.pt`")
    for path in words:
        stem = re.sub(r"dm\d+", "dm*", path)
        assert f"`{stem}" in shown, path
