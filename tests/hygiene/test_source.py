"""What every source file must have and must not have, read from its syntax tree."""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fiqa.vocabulary import ADVICE, STATUSES

SOURCE = Path(__file__).resolve().parents[2] / "src" / "fiqa"
FILES = sorted(SOURCE.rglob("*.py"))
NEEDS_TORCH = {"nets", "training"}


def named(file: Path) -> str:
    return str(file.relative_to(SOURCE))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a module, and the methods of its classes, whose name has no
    underscore in front."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    m
                    for m in node.body
                    if isinstance(m, ast.FunctionDef) and not m.name.startswith("_")
                )


@pytest.mark.parametrize("file", FILES, ids=named)
def test_file_is_documented_annotated_and_short(file):
    text = file.read_text()
    tree = ast.parse(text)
    faults = [] if ast.get_docstring(tree) else ["no module docstring"]
    if len(text.splitlines()) > 400:
        faults.append(f"{len(text.splitlines())} lines, 400 at most")
    faults += [
        f"{node.name} has no docstring" for node in public(tree) if not ast.get_docstring(node)
    ]
    for node in functions(tree):
        # a long signature or docstring is no long function: its statements count
        begins = node.body[1:2] if ast.get_docstring(node) else node.body
        length = node.end_lineno - begins[0].lineno + 1 if begins else 0
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        faults += [f"{node.name} has {length} lines, 60 at most"] if length > 60 else []
        faults += [f"{node.name} does not annotate {', '.join(bare)}"] if bare else []
        faults += [f"{node.name} does not annotate what it returns"] if node.returns is None else []
    assert not faults, f"{named(file)}: {'; '.join(faults)}"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_file_has_no_print_assert_or_bare_except(file):
    for node in ast.walk(ast.parse(file.read_text())):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), (
            f"bare except in line {node.lineno}"
        )
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id in ("print", "eval", "exec")), (
            f"{called.id}()"
        )


def keywords(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == name
            and isinstance(node.value, ast.Constant)
        ):
            yield node.value.value


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_status_that_is_raised_is_in_the_vocabulary(file):
    unknown = {
        s for s in keywords(ast.parse(file.read_text()), "status") if isinstance(s, str)
    } - set(STATUSES)
    assert not (unknown - {"ready", "external", "planned"}), f"{named(file)} uses {unknown}"


def test_every_reason_has_advice_that_is_one_sentence():
    for code, advice in ADVICE.items():
        assert code == code.lower().replace(" ", "_")
        assert advice[0].isupper()
        assert advice.endswith(".")


EXAMPLES = [f for f in FILES if f.parent.name not in NEEDS_TORCH and ">>>" in f.read_text()]


@pytest.mark.parametrize("file", EXAMPLES, ids=named)
def test_the_examples_in_docstrings_run(file):
    module = importlib.import_module(
        ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts)
    )
    failed, tried = doctest.testmod(
        module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert tried
    assert not failed


def test_nothing_names_the_place_where_it_was_made(root):
    """The measuring data may be named by its relative path; the folder that this checkout lies in,
    and the home folder, may not be named."""
    places = [f"{place}/" for place in (root.parent, Path.home()) if len(place.parts) > 1]
    for folder in ("src", "tests", "docs", "recipes", "benchmarks"):
        for file in (root / folder).rglob("*"):
            if file.suffix in (".py", ".md", ".toml", ".yml", ".json", ".sh"):
                text = file.read_text(errors="replace")
                assert not [place for place in places if place in text], file


def test_a_test_that_hangs_prints_its_stacks_before_it_ends_the_run(pytestconfig):
    stacks, end = (float(pytestconfig.getini(name)) for name in ("faulthandler_timeout", "timeout"))
    assert 0 < stacks < end
