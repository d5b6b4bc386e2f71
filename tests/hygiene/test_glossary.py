"""A reader who meets a word of the field for the first time on a page is one click from what it
means."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from fiqa import methods

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "concepts" / "glossary.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _site() -> Any:
    """docs/pages.py, which builds the site."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = _site()


def _read(text: str) -> str:
    """Returns a page without what is not read as prose (code, headings, pictures), as long as it
    was."""
    code = r"^```.*?^```|^    [^\n]*|`[^`]*`|^#[^\n]*|!\[[^\]]*\]\([^)]*\)"
    blank = re.compile(code, flags=re.M | re.S)
    return blank.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _unlinked(text: str) -> list[str]:
    """Returns what stands at the first use of each word that is not linked there."""
    prose, missing = _read(text), []
    links = [
        (link.start(), link.end(), link[1]) for link in re.finditer(r"\[[^\]]*\]\(([^)]*)\)", prose)
    ]
    for anchor, written in SITE.GLOSSARY.items():
        use = re.search(written, prose)
        if use is None:
            continue
        over = [to for start, end, to in links if start < use.start() < end]
        if not any(to.endswith(f"glossary.md#{anchor}") for to in over):
            line = prose[: use.start()].count("\n") + 1
            missing.append(f"line {line}, {anchor}: {prose[use.start() - 30 : use.end() + 20]!r}")
    return missing


def test_the_glossary_has_every_word():
    heads = re.findall(r"^## (.+)$", GLOSSARY.read_text("utf-8"), re.M)
    assert SITE.GLOSSARY.keys() == {
        "mated", "fmr", "fnmr", "edc", "area", "template", "protocol",
    }  # fmt: skip
    assert SITE.GLOSSARY.keys() <= {head.lower() for head in heads}


def test_a_first_use_without_a_link_is_found():
    linked = "The [FMR](glossary.md#fmr) and [mated](glossary.md#mated) pairs; FMR again."
    assert _unlinked(linked) == []
    assert _unlinked(f"# FNMR\n\n`mated` non-mated\n\n```sh\nFMR\n```\n{linked}") == []
    (told,) = _unlinked(f"{linked} An FNMR, and the [FNMR](glossary.md#fnmr).")
    assert told.startswith("line 1, fnmr:")
    (told,) = _unlinked("See\n[areas](glossary.md#edc).")
    assert told.startswith("line 2, area:")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != GLOSSARY],
    ids=[str(p.relative_to(ROOT)) for p in PAGES if p != GLOSSARY],
)
def test_a_word_of_the_glossary_is_linked_where_it_is_first_used(page: Path):
    assert _unlinked(page.read_text("utf-8")) == []


def test_the_pages_of_the_methods_link_them_too():
    assert SITE.linked("`mated`, a mated pair") == (
        "`mated`, a [mated](../concepts/glossary.md#mated) pair"
    )
    made = {name: SITE.linked(SITE.method_page(methods.card(name))) for name in methods.names()}
    assert "[mated](../concepts/glossary.md#mated)" in made["label_optimization"]
    assert {name: _unlinked(page) for name, page in made.items() if _unlinked(page)} == {}
    assert _unlinked(SITE.linked(SITE.method_list())) == []
