"""Figures as matplotlib holds them: what is drawn is read from its own objects, without
rendering."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each figure that is saved during the test, once, in order; a file becomes one white pixel."""
    from matplotlib.figure import Figure

    saved: list[Any] = []

    def savefig(self: Any, file: Any, **options: Any) -> None:
        if not saved or saved[-1] is not self:
            saved.append(self)
        if options.get("format") == "png":
            pixel = io.BytesIO()
            Image.new("RGB", (1, 1), "white").save(pixel, "png")
            file.write(pixel.getvalue())

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved
