"""The films of tests/unit/streams/films.py, loaded by path: tests are no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def films() -> ModuleType:
    """Makers of films, and the fakes that read them."""
    if "films" not in sys.modules:
        spec = importlib.util.spec_from_file_location("films", Path(__file__).with_name("films.py"))
        if spec is None or spec.loader is None:
            raise ImportError("films.py")
        # Dataclasses look their module up by its name.
        sys.modules["films"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["films"])
    return sys.modules["films"]
