"""The engines that map batches: the processes of this machine, or a Ray cluster. Chosen once per
run; each has `map_batches` with the same arguments and the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fiqa import checks
from fiqa.errors import InputError, WorkerError
from fiqa.execute import local

__all__ = ["ENGINES", "Where", "engine", "every", "held"]

ENGINES = ("local", "ray")
"""Their names."""


def engine(name: str, address: str | None = None, gpus: float = 0) -> Callable[..., Any]:
    """Returns the `map_batches` of an engine.

    Args:
        name: one of ENGINES.
        address: of the Ray cluster, "auto" for the one this machine is part of; None starts one
            here for the time of the run.
        gpus: of each actor of Ray, >= 0; half a GPU lets two actors share one.

    Raises:
        UnknownNameError: another engine.
        InputError: an address or GPUs for an engine that has none.
    """
    checks.in_range(gpus, "gpus", 0, float("inf"))
    if checks.choice(name, "engine", ENGINES) == "local":
        if gpus:
            raise InputError(
                f"gpus is for the engine ray, got {gpus:g} with the engine local.",
                hint="add --engine ray",
            )
        if address is not None:
            raise InputError(
                f"An address is for the engine ray, got {address!r} with the engine local.",
                hint="add --engine ray",
            )
        return local.map_batches
    from fiqa.execute.ray import RayEngine

    return RayEngine(address, gpus).map_batches


@contextmanager
def held(name: str, address: str | None = None, gpus: float = 0) -> Iterator[Callable[..., Any]]:
    """Yields the `map_batches` of an engine that is kept for several calls: a Ray cluster of this
    machine is started once for all of them.

    Args:
        name, address, gpus: as engine.

    Raises:
        UnknownNameError, InputError: as engine.
        MissingExtraError: Ray is not installed.
    """
    run = engine(name, address, gpus)
    if name == "local":
        yield run
        return
    from fiqa.execute.ray import RayEngine

    with RayEngine(address, gpus).cluster():
        yield run


@dataclass(frozen=True)
class Where:
    """Where work is done; the result does not depend on it, but for the rounding of a GPU.

    Attributes:
        engine: one of ENGINES.
        address: as engine.
        workers: processes or actors at most, None one per processor.
        device: "cpu", or "cuda" for a GPU, on this machine in this process, or one for each actor
            of Ray.

    Raises:
        UnknownNameError: another engine or device.
        InputError: an address without a cluster, a number below 1, several processes for one GPU.
    """

    engine: str = "local"
    address: str | None = None
    workers: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        checks.choice(self.device, "device", ("cpu", "cuda"))
        if self.workers is not None:
            checks.in_range(self.workers, "workers", 1, float("inf"))
            if self.device == "cuda" and self.engine == "local" and self.workers > 1:
                raise InputError(
                    f"workers must be 1 with the device cuda, got {self.workers}.",
                    hint="--engine ray gives a GPU to each of several actors",
                )
        engine(self.engine, self.address)

    @contextmanager
    def held(self) -> Iterator[Callable[..., Any]]:
        """Yields the `map_batches` of the engine, which is kept meanwhile.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        gpu = self.device == "cuda"
        with held(self.engine, self.address, float(gpu and self.engine != "local")) as run:
            yield run

    @property
    def processes(self) -> int | None:
        """How many at most: one where they would share a GPU."""
        return 1 if self.device == "cuda" and self.engine == "local" else self.workers


@dataclass(frozen=True)
class _Ended:
    """In the place of a result: the item that ended its process."""

    item: Any


def every(
    run: Callable[..., Any],
    function: Callable[[Sequence[Any]], Sequence[Any]],
    items: Iterable[Any],
    *,
    workers: int | None,
    apart: bool = True,
) -> Iterator[Any]:
    """Yields the function's result for each item, in order, one item at a time.

    Args:
        run: map_batches of an engine.
        function, items, workers, apart: as there.

    Raises:
        WorkerError: an item ended its process again and again. Whatever `function` raises.
    """
    for result in run(function, items, died=_Ended, workers=workers, batch=1, apart=apart):
        if isinstance(result, _Ended):
            raise WorkerError(
                f"A process must live through {getattr(result.item, 'path', 'its part')}; it"
                " ended again and again.",
                hint="is there memory enough? fewer --workers need less",
            )
        yield result
