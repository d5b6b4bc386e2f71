"""What a runtime is to an export: it converts an ONNX file, and runs what came of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import WeightsError
from fiqa.types import FloatArray

__all__ = ["Call", "Engine", "failed", "rows"]

Call = Callable[[FloatArray], list[FloatArray]]
"""From the input (N,3,S,S) or (N,S,S,3) float32 to the outputs (N,K), in the order of the file."""


class Engine(ABC):
    """A runtime.

    Attributes:
        name: as `--to` has it.
        suffix: of its file.
        only_static: takes one crop at a time, whatever was asked.
    """

    name: str
    suffix: str
    only_static: bool = False

    def files(self, path: Path) -> tuple[Path, ...]:
        """Returns the files of a model, the one that names it first.

        Args:
            path: of the model.
        """
        return (path,)

    @abstractmethod
    def version(self) -> str:
        """Returns the version of the runtime.

        Raises:
            MissingExtraError: it is not installed.
        """

    @abstractmethod
    def convert(self, model: bytes, path: Path, shape: Sequence[int], *, static: bool) -> None:
        """Writes the files of a model.

        Args:
            model: an ONNX file.
            path: where to; its folder is there.
            shape: of the input for one crop, (1,...).
            static: whether it takes one crop at a time.

        Raises:
            MissingExtraError: the runtime or its converter is not installed.
            WeightsError: it cannot convert this model.
        """

    @abstractmethod
    def open(self, path: Path, outputs: Sequence[str], *, threads: int = 1) -> Call:
        """Returns what runs a model that `convert` wrote.

        Args:
            path: of the model.
            outputs: all names in the ONNX file, in its order.
            threads: of the runtime.

        Raises:
            MissingExtraError: the runtime is not installed.
            WeightsError: it cannot load the model.
        """


def failed(name: str, error: Exception | str) -> WeightsError:
    """Returns the error that a runtime's own error becomes.

    Args:
        name: of the runtime.
        error: what it said.
    """
    text = str(error).strip() or type(error).__name__
    return WeightsError(f"{name} cannot take this model: {text[-400:]}")


def rows(values: Sequence[NDArray[Any]], count: int) -> list[FloatArray]:
    """Returns outputs as (count,K) float32.

    Args:
        values: outputs of any shape.
        count: of crops.
    """
    return [np.asarray(value, np.float32).reshape(count, -1) for value in values]
