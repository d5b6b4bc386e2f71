"""Arrays that the processes of a run share: on this machine a file that each of them maps, in a
cluster an object of its store."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from fiqa.methods.partitions import Mapped

__all__ = ["Shared"]


class Shared:
    """An array that travels to other processes; nothing is written where it does not travel.

    Args:
        array: of one or two axes.
        folder: where its file is written when it first travels; None: it travels itself, which
            Ray's store does without a copy for each process of a machine.
    """

    def __init__(self, array: NDArray[Any], folder: Path | None) -> None:
        self.array = array
        self._folder = folder
        self._mapped: Mapped | None = None

    def __getstate__(self) -> tuple[tuple[int, ...], Mapped | NDArray[Any]]:
        if self._folder is None:
            return self.array.shape, self.array
        if self._mapped is None:
            self._mapped = Mapped.of(np.atleast_2d(self.array), self._folder, uuid4().hex)
        return self.array.shape, self._mapped

    def __setstate__(self, state: tuple[tuple[int, ...], Mapped | NDArray[Any]]) -> None:
        shape, there = state
        array = there.array() if isinstance(there, Mapped) else there
        self.__init__(np.asarray(array).reshape(shape), None)  # type: ignore[misc]
