"""A mkdocs hook: the pages that are built from the code itself, so that they cannot say anything
else than the code does.

`methods/NAME.md` comes from each method's card, `reference/ROOM.md` from docstrings,
`reference/words.md` from the vocabulary, `reference/commands.md` from the command line's own help.

A page that is written by hand links to the code that such a page is built from, which is there in
the repository, too; on the site the link leads to the page.
"""

from __future__ import annotations

import pkgutil
import re
import textwrap
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import fiqa
from fiqa import methods, vocabulary
from fiqa.languages import REASONS
from fiqa.types import MethodCard

ROOMS = (
    *(
        "functional",
        "data",
        "runtime",
        "faces",
        "nets",
        "methods",
        "training",
        "execute",
        "evaluation",
    ),
    *(
        "monitoring",
        "report",
        "diagnosis",
        "conversion",
        "deployment",
        "alignment",
        "embedding",
        "scoring",
        "cleaning",
    ),
    *("enrolment", "streams", "labeling", "verbs", "service", "studio_app"),
)
SINGLE = (
    "types.tables",
    "types.face",
    "types.faces",
    "types.tracks",
    "types.methods",
    "errors",
    "checks",
    "extras",
    "progress",
    "privacy",
)
BUILT_FROM = {
    "src/fiqa/cli": "reference/commands.md",
    "src/fiqa/data": "reference/data.md",
    "src/fiqa/methods": "methods/index.md",
    "src/fiqa/types": "reference/nouns.md",
    "src/fiqa/vocabulary.py": "reference/words.md",
}
"""Code of the repository -> the page that is built from it."""
WIDTH = 84
"""Columns of text that a page shows whole on a screen of 1280 pixels."""
GLOSSARY = {
    "mated": r"(?<![\w-])[Mm]ated\b",
    "fmr": r"\bFMR\b",
    "fnmr": r"\bFNMR\b",
    "edc": r"\bEDC\b",
    "area": r"\b[Aa]reas?\b",
    "template": r"\b[Tt]emplates?\b",
    "protocol": r"\b[Pp]rotocols?\b",
}
"""Anchor of the glossary -> how the word is written; a page's first use of it is linked."""
SEARCH = '<div class="md-search" data-md-component="search" role="dialog"'
"""How the theme opens its search, which has no name for a screen reader."""


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages to the site."""
    pages = {
        f"methods/{name}.md": linked(method_page(methods.card(name))) for name in methods.names()
    }
    pages["methods/index.md"] = linked(method_list())
    pages |= {f"reference/{room}.md": room_page(room) for room in ROOMS}
    pages["reference/nouns.md"] = (
        "# Nouns, errors and checks\n\n" + "\n\n".join(f"::: fiqa.{m}" for m in SINGLE) + "\n"
    )
    pages["reference/words.md"] = words_page()
    pages["reference/commands.md"] = commands_page()
    pages["changelog.md"] = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    config.nav = [filled(entry, list(pages)) for entry in config.nav]
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Returns a page whose links to code lead to what is built from it."""
    up = "../" * page.file.src_uri.count("/")

    def led(link: re.Match[str]) -> str:
        return f"]({up}{BUILT_FROM[link[1]]})"

    return re.sub(rf"\]\({up}\.\./({'|'.join(map(re.escape, BUILT_FROM))})\)", led, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Returns a finished page whose search has a name."""
    return output.replace(SEARCH, f'{SEARCH} aria-label="Search"')


def linked(page: str) -> str:
    """Returns a method's page with the words of the glossary linked at their first use."""
    code = re.compile(r"^```.*?^```|`[^`]*`|^(?:#|:::)[^\n]*", flags=re.M | re.S)
    prose = code.sub(lambda found: " " * len(found[0]), page)
    uses = {anchor: re.search(written, prose) for anchor, written in GLOSSARY.items()}
    found = [(use.span(), anchor) for anchor, use in uses.items() if use]
    for (start, end), anchor in sorted(found, reverse=True):
        link = f"[{page[start:end]}](../concepts/glossary.md#{anchor})"
        page = page[:start] + link + page[end:]
    return page


def filled(entry: Any, pages: list[str]) -> Any:
    """Returns an entry of the navigation; a folder of generated pages in it, "methods/", becomes
    all of them, in the order in which they are generated, its index first."""
    if isinstance(entry, str):
        return entry
    (title, target), *_ = entry.items()
    listed = [target] if isinstance(target, str) else target
    if not any(isinstance(each, str) and each.endswith("/") for each in listed):
        return entry
    return {title: [page for each in listed for page in _inside(each, pages)]}


def _inside(each: Any, pages: list[str]) -> list[Any]:
    if not isinstance(each, str) or not each.endswith("/"):
        return [each]
    found = [page for page in pages if page.startswith(each)]
    first = [page for page in ("methods/index.md", "reference/commands.md") if page in found]
    return [*first, *(page for page in found if page not in first)]


def method_page(card: MethodCard) -> str:
    """Returns a method's page from its card."""
    rows = {
        "paper": card.paper,
        "year": str(card.year),
        "family": card.family,
        "computes from": ", ".join(card.needs),
        "gives": ", ".join(card.gives),
        "needs the extras": ", ".join(card.extras) or "none",
        "sees": card.preprocess or "as its inputs are",
        "weights and their license": card.weights,
        "cost of one face": card.cost,
        "status": card.status,
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items() if value)
    lines = "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False)
        for line in card.equation.splitlines()
    )
    equation = f"\n```text\n{lines}\n```\n" if lines else ""
    told = {"When to use it": card.use, "When it fails": card.limits, "Use": _usage(card)}
    parts = "".join(f"\n## {title}\n\n{text}\n" for title, text in told.items() if text)
    head = f"# {card.name}\n\n{card.summary}\n{equation}\n| | |\n|---|---|\n{table}\n{parts}"
    return f"{head}\n## In the code\n\n::: {methods.TABLE[card.name]}\n"


def _usage(card: MethodCard) -> str:
    """The command that scores with the method, and its settings; nothing for the others."""
    settings = methods.settings_of(card.name)
    if not settings and "score" not in card.gives:
        return ""
    asks = " --recognizer recognizer.pt" if "recognizer" in settings else ""
    asks += " --set reference=scores.parquet" if "reference" in settings else ""
    named = {
        key: value for key, value in settings.items() if key not in ("recognizer", "reference")
    }
    lines = "".join(f"| `{key}` | {value} |\n" for key, value in named.items())
    table = f"\n| setting | default |\n|---|---|\n{lines}" if lines else ""
    return (
        f"```sh\nfiqa score crops/ --aligned --model {card.name}{asks} -o"
        f" scores.parquet\n```\n{table}".rstrip()
    )


def method_list() -> str:
    """Returns the table of all methods."""
    cards = [methods.card(name) for name in methods.names()]
    rows = [
        f"| [{c.name}]({c.name}.md) | {c.summary} | {', '.join(c.gives)} | {c.status} |"
        for c in cards
    ]
    return (
        "# Methods\n\n| method | what it is | gives | status |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def room_page(room: str) -> str:
    """Returns the reference of one room: every module in it that has no page of its own."""
    folder = Path(fiqa.__file__).parent / room
    found = [m.name for m in pkgutil.walk_packages([str(folder)], f"fiqa.{room}.")]
    own = set(methods.TABLE.values())
    names = [name for name in found if "._" not in name and name not in own]
    return (
        f"# {room}\n\n::: fiqa.{room}\n\n"
        + "\n\n".join(f"::: {name}" for name in sorted(names))
        + "\n"
    )


def words_page() -> str:
    """Returns the statuses, reasons, factors, levels, events and flags."""
    status = "\n".join(f"| `{k}` | {v} |" for k, v in vocabulary.STATUSES.items())
    advice = "\n".join(
        f"| `{code}` | {language} | {name} | {told} |"
        for code, words in REASONS.items()
        for language, (name, told) in words.items()
    )
    notes = "\n".join(f"| `{k}` | {v} |" for k, v in vocabulary.NOTES.items())
    issues = "\n".join(
        f"| `{k}` | {v} | {vocabulary.REMEDIES[k]} |" for k, v in vocabulary.ISSUES.items()
    )
    events = "\n".join(f"| `{k}` | {v} |" for k, v in vocabulary.STREAM_EVENTS.items())
    flags = "\n".join(f"| `{k}` | {v} |" for k, v in vocabulary.TRACK_FLAGS.items())
    head = "|---|---|\n"
    return (
        f"# Words that are interface\n\nFactors, in order: {', '.join(vocabulary.FACTORS)}. Levels,"
        f" worst to best: {', '.join(vocabulary.LEVELS)}.\n\n"
        f"## Row statuses\n\n| status | meaning |\n{head}{status}\n\n"
        "## Reason codes\n\n| reason | language | name | what to do |\n|---|---|---|---|\n"
        f"{advice}\n\n"
        f"## Notes on an image\n\n| note | meaning |\n{head}{notes}\n\n"
        "## What fiqa clean finds\n\n| issue | meaning | what to do |\n|---|---|---|\n"
        f"{issues}\n\n"
        f"## Events of a stream\n\n| event | meaning |\n{head}{events}\n\n"
        f"## Flags of a track\n\n| flag | meaning |\n{head}{flags}\n"
    )


def commands_page() -> str:
    """Returns the help of every command, as the command line prints it."""
    from typer.testing import CliRunner

    from fiqa.cli import COMMANDS, build

    parts = ["# Commands\n"]
    for name in COMMANDS:
        asked = [*name.split(), "--help"]
        run = CliRunner().invoke(build(), asked, prog_name="fiqa", terminal_width=WIDTH)
        text = run.output
        parts.append(f"## fiqa {name}\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)
