"""The public names, pinned: a change here is a change of the API."""

from __future__ import annotations

import importlib

import pytest

import fiqa

PUBLIC = [
    "Client",
    "DiscardCurve",
    "Embeddings",
    "Face",
    "FaceReader",
    "Faces",
    "Factors",
    "Manifest",
    "MethodCard",
    "Pairs",
    "Quality",
    "Recognizer",
    "Scorer",
    "Stream",
    "Track",
    "__version__",
    "align",
    "calibrate",
    "clean",
    "convert",
    "doctor",
    "embed",
    "enroll",
    "evaluate",
    "export",
    "forget",
    "label",
    "load",
    "monitor",
    "scan",
    "score",
    "select",
    "serve",
    "studio",
    "tables",
    "threshold",
    "train",
    "verify",
]


def test_public_names_are_pinned_and_sorted():
    assert fiqa.__all__ == PUBLIC == sorted(PUBLIC) == dir(fiqa)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves(name):
    assert getattr(fiqa, name) is not None


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match=r"no attribute 'scroe'; it has: Client, DiscardCurve"):
        _ = fiqa.scroe


def test_verbs_are_functions_named_like_themselves():
    for name in (
        "align",
        "clean",
        "convert",
        "doctor",
        "embed",
        "enroll",
        "evaluate",
        "export",
        "forget",
        "label",
        "load",
        "monitor",
        "scan",
        "score",
        "serve",
        "studio",
        "tables",
        "threshold",
        "train",
        "verify",
    ):
        assert getattr(fiqa, name).__name__ == name


def test_version_is_that_of_the_distribution(root):
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["version"] == fiqa.__version__


def test_every_module_declares_what_is_public(root):
    for file in sorted((root / "src/fiqa").rglob("*.py")):
        if file.name in ("__init__.py", "__main__.py"):
            continue
        name = ".".join(file.relative_to(root / "src").with_suffix("").parts)
        text = file.read_text()
        if "__all__" not in text:
            assert "\ndef command(" in text or "\napp = " in text, f"{name} has no __all__"
            continue
        module = importlib.import_module(name)
        for public in module.__all__:
            assert hasattr(module, public), f"{name}.__all__ names {public!r}, which is not there"
