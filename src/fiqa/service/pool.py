"""Processes that hold one function, and the queue before them.

A thread to each process takes what waits, up to a batch, and gives it to the process. While the
stage before has work for every core, what waits is held back for a moment, so that more of it goes
together; where a core would be idle it goes at once. A process that dies or takes too long is
replaced; what it was given is done again one by one, so only the culprit is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fiqa.errors import FiqaError, WorkerError
from fiqa.execute.worker import Form, Worker
from fiqa.failures import Failures

__all__ = ["LostError", "Pool", "starting"]

_log = logging.getLogger(__name__)
starting = threading.Lock()
"""Starting a process swaps `__main__` for a moment: one at a time."""


class LostError(FiqaError):
    """An item has no result: its process took too long, died, or is not there.

    Attributes:
        status: the row status that tells it, timed_out or failed.
    """

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class _Item:
    value: Any
    future: Future[Any]
    since: float = field(default_factory=time.monotonic)


class Pool:
    """Processes that hold one function.

    Attributes:
        broken: why no process can be started any more, None where all is well.
        replaced: how many processes were ended or died.
    """

    def __init__(
        self,
        function: Callable[[list[Any]], Sequence[Any]],
        *,
        name: str,
        form: Form,
        count: int,
        seconds: float,
        batch: int = 1,
        wait: float = 0.0,
    ) -> None:
        """Args:
        function: as fiqa.execute.local.map_batches takes it.
        name: in the log.
        form: of the results.
        count: processes.
        seconds: of a batch, after which its process is ended.
        batch: items that go together at most.
        wait: seconds that an item waits at most for others, where others are expected.
        """
        self.broken: Exception | None = None
        self.replaced = 0
        self._function, self._name, self._form = function, name, form
        self._count = count
        self._seconds, self._batch, self._wait = seconds, batch, wait
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._coming = self._busy = 0
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._workers: set[Worker] = set()

    def start(self) -> None:
        """Starts the processes and returns when all are loaded.

        Raises:
            WorkerError: a process ended while it loaded, or the pool was stopped.
            FiqaError: what the function raised when it loaded.
        """
        workers: list[Worker] = []
        try:
            workers += [self._spawn() for _ in range(self._count)]
            for worker in workers:
                worker.ready()
        except BaseException:
            for worker in workers:
                self._end(worker)
            raise
        for worker in workers:
            thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
            thread.start()
            self._threads.append(thread)  # stop, which may come meanwhile, joins what has begun

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Within it one more item is on its way here, through a stage that works on it."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                if self._waiting:
                    self._changed.notify()

    def submit(self, value: Any) -> Future[Any]:
        """Returns the future of an item's result; it may raise LostError.

        Args:
            value: the item.
        """
        item = _Item(value, Future())
        with self._changed:
            if self.broken is not None or self._closing:
                item.future.set_exception(LostError("The pool is closed.", status="failed"))
                return item.future
            self._waiting.append(item)
            self._changed.notify()
        return item.future

    def stop(self) -> None:
        """Ends the processes, whatever they do; who waits is told."""
        with self._changed:
            self._closing = True
            for worker in self._workers:
                worker.abort()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _spawn(self) -> Worker:
        with starting:
            worker = Worker(self._function, Failures(), form=self._form)
        with self._changed:
            self._workers.add(worker)
            if self._closing:
                worker.abort()
        return worker

    def _end(self, worker: Worker) -> None:
        with self._changed:
            self._workers.discard(worker)
        worker.stop()

    def _serve(self, worker: Worker) -> None:
        """The life of a thread."""
        live: list[_Item] = []
        try:
            while batch := self._take():
                live = [item for item in batch if item.future.set_running_or_notify_cancel()]
                with self._working():
                    worker = self._answer(worker, live) if live else worker
        except Exception as error:  # noqa: BLE001 - no process starts any more: who waits is told
            if not self._closing:
                _log.error("%s: no process starts: %s", self._name, type(error).__name__)
                self.broken = error
        self._give_up(live)
        self._end(worker)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1

    def _take(self) -> list[_Item]:
        """Waits for items and returns those of the next batch; none when all is done."""
        with self._changed:
            while True:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                while (left := self._patience()) > 0:
                    self._changed.wait(left)
                # a fair share, so that no core is idle while another has a long batch
                idle = max(1, self._count - self._coming - self._busy)
                share = min(self._batch, -(-len(self._waiting) // idle))
                if self._closing:
                    return []
                if batch := [self._waiting.popleft() for _ in range(share)]:
                    return batch

    def _patience(self) -> float:
        """Seconds for which it is worth to hold back what waits: none where the batch is full, or
        where too little is on its way to keep every core at work."""
        worth = 0 < len(self._waiting) < self._batch and self._coming >= self._count
        if not worth or self._closing:
            return 0.0
        return self._waiting[0].since + self._wait - time.monotonic()

    def _answer(self, worker: Worker, items: list[_Item]) -> Worker:
        """Gives items to a process and their results to who waits; returns the process, or the one
        in its place."""
        status, results = self._attempt(worker, [item.value for item in items])
        if results is not None:
            for item, result in zip(items, results, strict=True):
                item.future.set_result(result)
            return worker
        if status != "raised":
            worker = self._replace(worker)
        if len(items) == 1:
            lost = "timed_out" if status == "timed_out" else "failed"
            items[0].future.set_exception(LostError(f"The item {status}.", status=lost))
            return worker
        for item in items:
            worker = self._answer(worker, [item])
        return worker

    def _attempt(self, worker: Worker, values: list[Any]) -> tuple[str, list[Any] | None]:
        """What became of a batch, and its results."""
        until = time.monotonic() + self._seconds
        worker.send(values, until=until)
        try:
            results = worker.receive(until=until)
        except TimeoutError:
            return "timed_out", None
        except WorkerError:
            return "died", None
        except Exception:  # noqa: BLE001 - whatever the function raised, the process is fine
            return "raised", None
        # a process that was taken over may answer what was not asked
        return ("ok", results) if len(results) == len(values) else ("died", None)

    def _replace(self, worker: Worker) -> Worker:
        self._end(worker)
        if self._closing:
            raise LostError("The pool is closed.", status="failed")
        self.replaced += 1
        _log.warning("%s: a process is replaced", self._name)
        fresh = self._spawn()
        try:
            fresh.ready()
        except BaseException:
            self._end(fresh)
            raise
        return fresh

    def _give_up(self, held: list[_Item]) -> None:
        """Tells everyone who holds or awaits something that it will not come."""
        with self._changed:
            waiting = [item for item in held if not item.future.done()]
            waiting += [i for i in self._waiting if i.future.set_running_or_notify_cancel()]
            self._waiting.clear()
        for item in waiting:
            item.future.set_exception(LostError("No process is there.", status="failed"))
