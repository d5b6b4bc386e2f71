"""Optional dependencies: one way to ask for them, one error when they are absent."""

from __future__ import annotations

import importlib
from types import ModuleType

from fiqa.errors import MissingExtraError

__all__ = ["require"]


def require(package: str, *, extra: str) -> ModuleType:
    """Returns the imported module of an optional dependency.

    Args:
        package: import name, dotted names allowed (`"torch"`, `"transformers"`).
        extra: the extra of the fiqa distribution that brings it (`"train"`, `"vlm"`, `"dlib"`,
            ...).

    Raises:
        MissingExtraError: the package, or something that it imports, is not installed.

    >>> require("json", extra="none").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"{package} must be importable for this, and importing it failed: {error}.",
            hint=f"pip install 'fiqa[{extra}]'",
        ) from error
