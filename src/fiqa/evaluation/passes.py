"""Passes over all pairs of a set, shared out over an engine: what parts count is added.

The parts are tiles of the matrix of all similarities (fiqa.functional.streams), each multiplied by
one thread. So the counts are the same whoever does which part, where products of matrices are
rounded alike: one kind of processor, one library.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa.execute.engines import Where, every
from fiqa.execute.shared import Shared
from fiqa.functional.streams import ByIdentity
from fiqa.progress import Told, counted

__all__ = ["Counting", "PairSet", "Passes", "added", "held_passes"]

_LEAST = 1 << 27
"""Pairs of a part, some seconds of work: fewer are not worth a process."""
_MOST = 1 << 10
"""Parts at most, unless each is small."""


class Counting(Protocol):
    """What is counted of the pairs of a part; it travels to other processes."""

    def counts(self, pairs: ByIdentity, part: int, parts: int, /) -> Any:
        """Returns the counts of a part."""
        ...


@dataclass(frozen=True)
class _Part:
    """A part of a pass."""

    number: int
    path: str


@dataclass(frozen=True)
class _Pass:
    """Parts of a pass -> what they count, as `map_batches` wants it."""

    unit: Shared
    code: Shared
    order: Shared
    counting: Counting
    parts: int

    def __call__(self, items: Sequence[_Part]) -> list[Any]:
        from threadpoolctl import threadpool_limits

        pairs = ByIdentity(self.unit.array, self.code.array, self.order.array)
        with threadpool_limits(1, user_api="blas"):
            return [self.counting.counts(pairs, item.number, self.parts) for item in items]


@dataclass(frozen=True)
class Passes:
    """How passes over pairs are done.

    Attributes:
        where: they are done.
        run: map_batches of its engine.
        folder: for arrays that processes of this machine map; None where arrays travel.
        told: hears of the parts.
    """

    where: Where
    run: Callable[..., Any]
    folder: Path | None
    told: Told

    def of(self, embeddings: ArrayLike, identities: ArrayLike) -> PairSet:
        """Returns all pairs of a set, to be passed over.

        Args:
            embeddings, identities: as fiqa.functional.streams.nonmated_blocks.

        Raises:
            ShapeError, InputError: as there.
        """
        pairs = ByIdentity.of(embeddings, identities)
        return PairSet(self, *(self.shared(array) for array in pairs))

    def shared(self, array: NDArray[Any]) -> Shared:
        """Returns an array that may travel to the processes.

        Args:
            array: of one or two axes.
        """
        return Shared(array, self.folder)


@dataclass(frozen=True)
class PairSet:
    """The pairs of a set, as passes go over them.

    Attributes:
        passes: how.
        unit, code, order: of fiqa.functional.streams.ByIdentity.
    """

    passes: Passes
    unit: Shared
    code: Shared
    order: Shared

    def parts(self, total: int, least: int = 0) -> int:
        """Returns in how many parts a pass is done.

        Args:
            total: how many pairs it is over.
            least: that a part must have, so that its counts are worth their way back.
        """
        return max(1, -(-total // max(_LEAST, least, -(-total // _MOST))))

    def counted(self, counting: Counting, parts: int, stage: str) -> Iterator[Any]:
        """Yields what each part counts.

        Args:
            counting: what is counted.
            parts: as `parts` returns.
            stage: what the progress is called.

        Raises:
            WorkerError: a part ended its process again and again.
        """
        how = self.passes
        work = _Pass(self.unit, self.code, self.order, counting, parts)
        items = [_Part(k, f"part {k + 1} of {parts} of the pairs") for k in range(parts)]
        # several parts are worth processes of their own; one is done here, but by a cluster there
        found = every(how.run, work, items, workers=how.where.processes, apart=False)
        return counted(found, how.told, stage, parts) if parts > 1 else found


@contextmanager
def held_passes(where: Where, told: Told) -> Iterator[Passes]:
    """Yields how passes are done; the engine and a folder for arrays are kept meanwhile.

    Args:
        where: they are done.
        told: hears of the parts.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    with where.held() as run, tempfile.TemporaryDirectory(prefix="fiqa-") as folder:
        yield Passes(where, run, Path(folder) if where.engine == "local" else None, told)


def added(parts: Iterator[NDArray[Any]]) -> NDArray[Any]:
    """Returns the sum of arrays of counts.

    Args:
        parts: at least one.

    >>> added(iter([np.array([1, 2]), np.array([3, 4])])).tolist()
    [4, 6]
    """
    total = np.array(next(parts))
    for part in parts:
        total += part
    return total
