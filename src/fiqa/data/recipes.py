"""The recipes that come with fiqa: from data to a model or a table, to run and to change."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fiqa import checks
from fiqa.data.store import atomic_path
from fiqa.errors import InputError, ReadError
from fiqa.types import PathLike

__all__ = ["Recipe", "copy_recipe", "folder", "recipes"]

_SUFFIXES = (".sh", ".toml", ".py")
"""What a recipe is started with, the first that it has: a script, a training, a program."""
_CITED = re.compile(r"(?:\$here\"?/|with_name\(\")(\w+\.(?:sh|toml|py))\b")


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: of it.
        summary: in one sentence.
        files: it consists of, by name, the one to start with first.
        reads: paths below its data folder that it cannot do without; none where it takes other
            arguments.
    """

    name: str
    summary: str
    files: tuple[str, ...]
    reads: tuple[str, ...] = ()


def folder() -> Path:
    """Returns where the recipes lie: in the installed package, or beside `src` in a checkout.

    Raises:
        ReadError: in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package / "recipes", package.parents[1] / "recipes"):
        if (place / "needs.sh").is_file():
            return place
    raise ReadError(
        f"The recipes must lie in {package / 'recipes'}, they do not.", hint="install fiqa again"
    )


@cache
def recipes() -> dict[str, Recipe]:
    """Returns name -> recipe, sorted by name.

    Parts that only other recipes use are no recipes of their own.

    Raises:
        ReadError: as `folder`.
    """
    texts = {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder().iterdir())
        if file.suffix in _SUFFIXES
    }
    uses = {name: _used(text, texts) - {name} for name, text in texts.items()}
    imported = {part for name, text in texts.items() for part in _imported(name, text, texts)}
    found = {}
    for stem in sorted({Path(name).stem for name in texts}):
        first = next(stem + suffix for suffix in _SUFFIXES if stem + suffix in texts)
        if first == "needs.sh" or (first in imported and first.endswith(".py")):
            continue
        files = [first]
        for name in files:
            files += sorted(uses[name] - set(files))
        found[stem] = Recipe(stem, _summary(texts[first]), tuple(files), _reads(texts[first]))
    return found


def copy_recipe(name: str, out: PathLike = "recipes") -> list[Path]:
    """Writes the files of a recipe and returns their paths, the one to start with first.

    A file that is there and is the same stays.

    Args:
        name: in `recipes()`.
        out: a folder.

    Raises:
        UnknownNameError: another name.
        InputError: a file of that name is there and is another one.
        WriteError: the disk refused.
    """
    files = recipes()[checks.choice(name, "recipe", recipes())].files
    contents = {Path(out) / file: (folder() / file).read_bytes() for file in files}
    for path, content in contents.items():
        if path.exists() and path.read_bytes() != content:
            raise InputError(
                f"{path} must not exist yet, or be the same as the recipe's; it is another file.",
                hint="give another folder; nothing was written",
            )
    for path, content in contents.items():
        with atomic_path(path) as aside:
            aside.write_bytes(content)
    return list(contents)


def _used(text: str, texts: dict[str, str]) -> set[str]:
    """The files that a script calls or a program imports; what its comments name does not count."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    cited = set(_CITED.findall(code))
    # A name that is put together, "$here/$name.toml": every training that the script names.
    if '"$here/$name.toml"' in code:
        cited |= {each for each in texts if each.endswith(".toml") and each[:-5] in code.split()}
    return (cited | _imported("", text, texts)) & set(texts)


def _imported(name: str, text: str, texts: dict[str, str]) -> set[str]:
    """Files whose modules a program imports."""
    found = re.findall(r"^from (\w+) import", text, flags=re.M)
    return {f"{module}.py" for module in found if f"{module}.py" in texts} - {name}


def _reads(text: str) -> tuple[str, ...]:
    """What a recipe checks before it begins: a script's line `needs`, a program's READS."""
    script = re.search(r"^needs ((?:.*\\\n)*.*)$", text, re.M)
    if script:
        return tuple(script[1].replace("\\\n", " ").split())
    program = re.search(r"^READS = (\([^)]*\))", text, re.M)
    return tuple(ast.literal_eval(program[1])) if program else ()


def _summary(text: str) -> str:
    """The first sentence of a file's comment or docstring, without the full stop."""
    if text.lstrip().startswith('"""'):
        head = ast.get_docstring(ast.parse(text)) or ""
    else:
        lines = [line for line in text.splitlines() if not line.startswith("#!")]
        head = "\n".join(line.lstrip("# ") for line in lines)
    paragraph = " ".join(head.split("\n\n")[0].split())
    return re.split(r"\.(?: |$)", paragraph)[0]
