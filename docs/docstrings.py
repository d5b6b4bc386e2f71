"""A griffe extension: shows the `>>>` lines of a docstring as an example, and keeps `[0, 1] [2]`
from being read as a link."""

from __future__ import annotations

from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Prepares each docstring for the reference pages."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = prepared(obj.docstring.value)


def prepared(text: str) -> str:
    """Returns the text with an `Examples:` section around its doctest."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(">>> ")), len(lines))
    prose = "\n".join(lines[:start]).replace("] [", "] \\[").replace("][", "]\\[")
    if start == len(lines):
        return prose
    example = "\n".join("    " + line if line else line for line in lines[start:])
    return f"{prose}\nExamples:\n{example}"
