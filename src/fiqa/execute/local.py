"""Batches over the processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import Any, TypeVar

from fiqa import checks
from fiqa.errors import WorkerError
from fiqa.execute.worker import Worker, compute
from fiqa.failures import Failures

__all__ = ["cores", "map_batches"]

Item = TypeVar("Item")
Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def cores() -> int:
    """Returns how many cores this process may use, at least 1.

    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_batches(
    function: Callable[[list[Item]], Sequence[Result]],
    items: Iterable[Item],
    *,
    died: Callable[[Item], Result],
    workers: int | None = None,
    batch: int = 32,
    window: int | None = None,
    apart: bool = False,
) -> Generator[Result, None, None]:
    """Yields `function`'s result for every item, in order, computed in batches over local
    processes.

    The batches are the same whatever `workers` is, so the results are too. At most `window` batches
    are held, so memory does not grow with the number of items. A process that dies (a crash in
    native code, killed for its memory) is replaced and its batch done again one item at a time; the
    item that kills gets `died(item)`. What fails without ending anything (fiqa.failures) is told at
    the end, once per cause.

    Args:
        function: takes a list of items, returns as many results; importable and picklable (an
            object with `__call__` that loads what it needs when first called is loaded once per
            process). It is called with `[]` first, to load.
        items: any iterable, read as needed.
        died: the result for an item that killed its process.
        workers: processes at most, >= 1; None is one per core. Never more than there are batches,
            or than the window holds; instead of a single one, this process does it all, and so it
            does, with a word, where it is daemonic and may start no others.
        batch: items per call, >= 1.
        window: batches held at most, >= 1; None is 4 per worker.
        apart: compute nothing in this process, where it may start others: an item may end it.

    Raises:
        InputError: a number below 1.
        WorkerError: processes die before their first item. Whatever `function` raises.

    >>> square = lambda numbers: [n * n for n in numbers]
    >>> list(map_batches(square, range(5), died=lambda n: -1, workers=1, batch=2))
    [0, 1, 4, 9, 16]
    """
    count = cores() if workers is None else workers
    held = 4 * count if window is None else window
    for value, name in ((count, "workers"), (batch, "batch"), (held, "window")):
        checks.in_range(value, name, 1, float("inf"))
    chunks = _chunks(items, batch)
    first = list(islice(chunks, min(count, held)))
    failures, every = Failures(), chain(first, chunks)
    if not first or (len(first) < 2 and not apart) or _childless():
        return _telling(_inline(function, every, failures), failures)
    return _telling(_parallel(function, every, died, len(first), held, failures), failures)


def _childless() -> bool:
    """Whether this process may start no others; says so."""
    if not multiprocessing.current_process().daemon:
        return False
    _log.warning(
        "This process is daemonic and may start no others: the work of several is done in it alone."
    )
    return True


def _telling(
    results: Generator[Result, None, None], failures: Failures
) -> Generator[Result, None, None]:
    try:
        yield from results
    finally:
        failures.tell()


def _inline(
    function: Callable[[list[Item]], Sequence[Result]],
    chunks: Iterator[list[Item]],
    failures: Failures,
) -> Generator[Result, None, None]:
    for chunk in chunks:
        with failures.noting():
            results = compute(function, chunk)
        yield from results


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def _parallel(
    function: Callable[[list[Item]], Sequence[Result]],
    chunks: Iterator[list[Item]],
    died: Callable[[Item], Result],
    count: int,
    window: int,
    failures: Failures,
) -> Generator[Result, None, None]:
    idle: list[Worker] = []
    busy: dict[Any, tuple[int, list[Item], Worker]] = {}
    done: dict[int, list[Result]] = {}
    handed = taken = 0

    def assign() -> None:
        nonlocal handed
        while idle and handed - taken < window and (chunk := next(chunks, None)) is not None:
            worker = idle.pop()
            worker.send(chunk)
            busy[worker.pipe] = (handed, chunk, worker)
            handed += 1

    try:
        idle.extend(Worker(function, failures) for _ in range(count))
        for worker in idle:
            worker.ready()
        assign()
        while busy:
            for pipe in wait(list(busy)):
                index, chunk, worker = busy[pipe]
                done[index], alive = _collect(worker, function, chunk, died)
                del busy[pipe]
                idle.append(alive)
            assign()
            while taken in done:
                yield from done.pop(taken)
                taken += 1
            assign()
    finally:
        for worker in [*idle, *(entry[2] for entry in busy.values())]:
            worker.stop()


def _collect(
    worker: Worker,
    function: Callable[[list[Item]], Sequence[Result]],
    chunk: list[Item],
    died: Callable[[Item], Result],
) -> tuple[list[Result], Worker]:
    """Returns the results of a batch and a living worker; where the batch killed its worker, item
    by item in fresh ones."""
    try:
        return worker.receive(), worker
    except WorkerError:
        worker = _replace(worker, function)
    results: list[Result] = []
    for item in chunk:
        worker.send([item])
        try:
            results.extend(worker.receive())
        except WorkerError as error:
            worker.failures.add(str(getattr(item, "path", item)), error)
            results.append(died(item))
            worker = _replace(worker, function)
    return results, worker


def _replace(worker: Worker, function: Callable[[list[Item]], Sequence[Result]]) -> Worker:
    worker.stop()
    fresh = Worker(function, worker.failures)
    fresh.ready()
    return fresh
