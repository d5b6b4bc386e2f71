"""What the fields of the nouns are made of, and how a frozen noun gets them checked."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "FloatArray", "PathLike", "set_fields"]

PathLike = str | os.PathLike[str]
"""What names a file or a folder."""
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def set_fields(noun: object, **values: Any) -> None:
    """Sets fields of a frozen noun to values that have been checked.

    Args:
        noun: while it is being made.
        values: field -> value.
    """
    for name, value in values.items():
        object.__setattr__(noun, name, value)
