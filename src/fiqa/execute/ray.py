"""Batches over the machines of a Ray cluster: the interface of fiqa.execute.local, the same results
in the same order.

Each actor loads the function once and asks for half a processor, so that a driver that shares its
machine with them always has room. Ray's usage statistics are off.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from fiqa import checks
from fiqa.errors import WorkerError
from fiqa.execute.worker import compute
from fiqa.extras import require
from fiqa.failures import Failures

__all__ = ["RayEngine"]

Item = TypeVar("Item")
Result = TypeVar("Result")
_TIMES = 3
"""How often an item may end its process before it is given up."""
_LOOK = 2.0
"""Seconds between two looks at how large the cluster is."""


class _Actor:
    """What runs in the cluster: the function, loaded once."""

    def __init__(self, function: Callable[[list[Any]], Sequence[Any]]) -> None:
        self._function = function
        self._loaded = False

    def run(self, items: list[Any]) -> tuple[Exception | None, list[Any], Failures]:
        failures = Failures()
        try:
            with failures.noting():
                if not self._loaded:
                    compute(self._function, [])
                    self._loaded = True
                return None, compute(self._function, items), failures
        except Exception as error:  # noqa: BLE001 - any error is the driver's to raise
            return error, [], failures


@dataclass
class _Work:
    """A batch on its way: its number, the items still to do, what is done, and how often it ended
    its actor."""

    number: int
    items: list[Any]
    results: list[Any]
    deaths: int = 0

    def part(self) -> list[Any]:
        """What is sent next: the whole batch, then, after two deaths, item by item."""
        return self.items if self.deaths < _TIMES - 1 else self.items[:1]


@dataclass(frozen=True)
class RayEngine:
    """Ray as the engine of a run.

    Attributes:
        address: of the cluster; None is one on this machine, started and ended with the run.
        gpus: of each actor; then there are no more actors than the cluster has GPUs for.
    """

    address: str | None = None
    gpus: float = 0

    @contextmanager
    def cluster(self) -> Iterator[Any]:
        """Yields ray, connected; what was not connected before is left again."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray = require("ray", extra="ray")
        running = ray.is_initialized()
        if not running:
            ray.init(
                address=self.address or "local",
                include_dashboard=None if self.address else False,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        try:
            yield ray
        finally:
            if not running:
                ray.shutdown()

    def map_batches(
        self,
        function: Callable[[list[Item]], Sequence[Result]],
        items: Iterable[Item],
        *,
        died: Callable[[Item], Result],
        workers: int | None = None,
        batch: int = 32,
        window: int | None = None,
        apart: bool = True,
    ) -> Generator[Result, None, None]:
        """Yields `function`'s result for every item, in order; arguments and result as
        fiqa.execute.local.map_batches.

        An actor that is lost, or whose node is, is replaced and its batch done again; a batch that
        loses two is done item by item, and an item that then ends its actor gets `died(item)`.

        Args:
            function: as there.
            items: as there.
            died: the result for an item that ended its process three times.
            workers: actors, >= 1; None is one per processor that the cluster has, and never more:
                as nodes come, so do actors. A number is also what a cluster that grows is asked
                for.
            batch: items per call, >= 1.
            window: batches held at most, >= 1; None is 4 per actor.
            apart: as there; here nothing is ever computed in this process.

        Raises:
            InputError: a number below 1.
            MissingExtraError: Ray is not installed.
            WorkerError: an actor cannot start. Whatever `function` raises.
        """
        for value, name in ((workers, "workers"), (batch, "batch"), (window, "window")):
            if value is not None:
                checks.in_range(value, name, 1, float("inf"))
        failures = Failures()
        try:
            with self.cluster() as ray:
                crew = _Crew(ray, function, died, failures, _Room(ray, workers, self.gpus))
                try:
                    yield from crew.results(items, batch, window)
                finally:
                    crew.end()
        finally:
            failures.tell()


class _Room:
    """How many actors the cluster has room for, which changes as nodes come and go."""

    def __init__(self, ray: Any, workers: int | None, gpus: float) -> None:
        self._ray, self._workers, self.gpus = ray, workers, gpus
        self._seen = -math.inf
        self._room = 1
        if workers:
            from ray.autoscaler.sdk import request_resources

            request_resources(num_cpus=workers)  # nobody hears it where the cluster is of one size

    def __call__(self) -> int:
        now = time.monotonic()
        if now - self._seen > _LOOK:
            self._seen = now
            resources = self._ray.cluster_resources()
            there = int(resources.get("CPU", 0))
            if self.gpus:
                there = min(2 * there, int(resources.get("GPU", 0) / self.gpus))
            self._room = max(1, min(self._workers or there, there))
        return self._room

    def end(self) -> None:
        """Lets the cluster shrink again."""
        if self._workers:
            from ray.autoscaler.sdk import request_resources

            request_resources(num_cpus=0)


class _Crew:
    """The actors of a run and what they are doing."""

    def __init__(
        self,
        ray: Any,
        function: Callable[[list[Any]], Sequence[Any]],
        died: Callable[[Any], Any],
        failures: Failures,
        room: _Room,
    ) -> None:
        self._ray, self._died, self._failures, self._room = ray, died, failures, room
        self._function = ray.put(function)
        self._kind = ray.remote(num_cpus=0.5, num_gpus=room.gpus, max_restarts=0)(_Actor)
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[_Work, Any]] = {}
        self._answered = False

    def results(
        self, items: Iterable[Any], batch: int, window: int | None
    ) -> Generator[Any, None, None]:
        """Yields the results in order, at most `window` batches ahead of what was taken, or 4 per
        actor that there is room for."""
        source, again = iter(items), deque[_Work]()
        done: dict[int, list[Any]] = {}
        handed = taken = 0
        more = True
        while True:
            ahead = window or 4 * self._room()
            while more and not again and handed - taken < ahead and self._free():
                chunk = list(islice(source, batch))
                more = bool(chunk)
                if chunk:
                    self._send(_Work(handed, chunk, []))
                    handed += 1
            while again and self._free():
                self._send(again.popleft())
            if not self._busy:
                return
            # not for ever: there may be room for more actors by then
            ready, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_LOOK)
            for reference in ready:
                work = self._collect(reference)
                if work.items:
                    again.append(work)
                else:
                    done[work.number] = work.results
            while taken in done:
                yield from done.pop(taken)
                taken += 1

    def _free(self) -> bool:
        """Whether an actor has nothing to do; one is made while there is room."""
        if not self._idle and len(self._busy) < self._room():
            self._idle.append(self._kind.remote(self._function))
        return bool(self._idle)

    def _send(self, work: _Work) -> None:
        actor = self._idle.pop()
        self._busy[actor.run.remote(work.part())] = (work, actor)

    def _collect(self, reference: Any) -> _Work:
        """Returns the work that an actor ended, well or with its life."""
        work, actor = self._busy.pop(reference)
        lost = self._ray.exceptions
        try:
            error, results, failures = self._ray.get(reference)
        except (lost.RayActorError, lost.ObjectLostError, lost.WorkerCrashedError) as gone:
            return self._lost(work, gone)
        self._answered = True
        self._failures.merge(failures)
        self._idle.append(actor)
        if error is not None:
            raise error
        work.results += results
        work.items = work.items[len(results) :]
        return work

    def _lost(self, work: _Work, gone: Exception) -> _Work:
        work.deaths += 1
        if work.deaths >= _TIMES:
            self._check_start(gone)
            item = work.items.pop(0)
            cause = WorkerError("A process of the cluster ended without an answer.")
            cause.__cause__ = gone
            self._failures.add(str(getattr(item, "path", item)), cause)
            work.results.append(self._died(item))
            work.deaths = _TIMES - 1
        return work

    def _check_start(self, gone: Exception) -> None:
        """Before an item is blamed: an actor must have been able to start at all."""
        if self._answered:
            return
        actor = self._kind.remote(self._function)
        try:
            self._ray.get(actor.run.remote([]))
        except self._ray.exceptions.RayActorError:
            raise WorkerError(
                f"An actor of the cluster must start, it ended: {gone}.",
                hint="--engine local --workers 1 shows what happens",
            ) from gone
        self._answered = True
        self._idle.append(actor)

    def end(self) -> None:
        """Ends the actors."""
        for actor in [*self._idle, *(actor for _, actor in self._busy.values())]:
            self._ray.kill(actor)
        self._room.end()
