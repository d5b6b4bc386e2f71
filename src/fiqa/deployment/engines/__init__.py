"""The runtimes that a model can be exported for, one file each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from fiqa import checks
from fiqa.deployment.engines.engine import Engine

__all__ = ["ENGINES", "SUFFIXES", "engine"]

ENGINES: Mapping[str, str] = MappingProxyType(
    {"onnx": ".onnx", "openvino": ".xml", "ncnn": ".param", "tflite": ".tflite"}
)
"""Name -> suffix of the file."""
SUFFIXES = tuple(ENGINES.values())


def engine(name: str) -> Engine:
    """Returns a runtime by its name; its package is imported when it is used.

    Args:
        name: one of ENGINES.

    Raises:
        UnknownNameError: another name.

    >>> engine("ncnn").suffix
    '.param'
    """
    checks.choice(name, "runtime", ENGINES)
    made: Engine = importlib.import_module(f"fiqa.deployment.engines.{name}").ENGINE
    return made
