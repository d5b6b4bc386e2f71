"""Heavy things import when used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "numpy",
    "scipy",
    "sklearn",
    "torch",
    "polars",
    "cv2",
    "pydantic",
    "matplotlib",
    "PIL",
    "onnxruntime",
    "rich",
}


def imported(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after `code`."""
    report = (
        "import sys, json; sys.stderr.write(json.dumps(sorted({m.partition('.')[0] for m in"
        " sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


def command(*arguments: str) -> str:
    return (
        f"import sys; sys.argv = ['fiqa', *{list(arguments)!r}]\nfrom fiqa.cli import main\ntry:\n "
        "   main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )


def test_import_fiqa_imports_no_third_party_package():
    new = imported("import fiqa") - imported("pass")
    assert {name for name in new if name not in sys.stdlib_module_names} == {"fiqa"}


def test_help_of_the_program_imports_typer_and_nothing_heavy():
    assert not imported(command("--help")) & HEAVY
    assert not imported(command("--version")) & HEAVY


def test_help_of_a_command_imports_nothing_heavy():
    assert not imported(command("score", "--help")) & (HEAVY - {"pydantic"}), (
        "typer itself imports pydantic for that"
    )


def test_listing_methods_needs_no_heavy_package():
    assert not imported(command("methods")) & (HEAVY - {"numpy", "pydantic", "rich"})


def test_the_client_of_the_service_needs_the_standard_library_alone():
    new = imported("import fiqa; fiqa.Client") - imported("pass")
    assert {name for name in new if name not in sys.stdlib_module_names} == {"fiqa"}


@pytest.mark.parametrize("noun", ["Faces", "Manifest", "Scorer"])
def test_a_noun_imports_numpy_only(noun):
    assert imported(f"import fiqa; fiqa.{noun}") & HEAVY == {"numpy"}
