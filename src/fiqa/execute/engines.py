"""The engines that map batches: the processes of this machine, or a Ray cluster. Chosen once per
run; each has `map_batches` with the same arguments and the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fiqa import checks
from fiqa.errors import InputError
from fiqa.execute import local

__all__ = ["ENGINES", "engine", "held"]

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
def held(name: str, address: str | None = None) -> Iterator[Callable[..., Any]]:
    """Yields the `map_batches` of an engine that is kept for several calls: a Ray cluster of this
    machine is started once for all of them.

    Args:
        name: as engine.
        address: as engine.

    Raises:
        UnknownNameError, InputError: as engine.
        MissingExtraError: Ray is not installed.
    """
    run = engine(name, address)
    if name == "local":
        yield run
        return
    from fiqa.execute.ray import RayEngine

    with RayEngine(address).cluster():
        yield run
