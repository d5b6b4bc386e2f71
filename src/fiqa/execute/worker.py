"""One worker process and the pipe to it.

It lives as long as its parent, computes one batch at a time, and may die without taking anything
along.

Processes are spawned, not forked: OpenCV and ONNX Runtime threads do not survive a fork. The
standard pool is not used because it cannot say which batch killed a worker, and because its workers
outlive a killed parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

from fiqa.errors import InputError, WorkerError
from fiqa.failures import Failures

__all__ = ["Worker", "compute"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """A process that holds `function` and answers batches of items with lists of results; what it
    notes as failed is counted in `failures`."""

    def __init__(self, function: Callable[[list[Any]], Sequence[Any]], failures: Failures) -> None:
        self.failures = failures
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _sheltered():
            self._process.start()
        theirs.close()
        self.send(function)
        self.send([])

    def ready(self) -> None:
        """Waits until the function is loaded; raises WorkerError, or what the function raised when
        it was called with no items."""
        try:
            self.receive()
        except WorkerError as error:
            raise WorkerError(
                f"A worker process must start. {error.message}",
                hint="workers=1 runs everything in this process and shows what happens",
            ) from error

    def send(self, message: Any) -> None:
        """Gives the worker a batch of items; `receive` waits for their results, and finds out when
        there is nobody any more."""
        with suppress(OSError):
            self.pipe.send(message)

    def receive(self) -> list[Any]:
        """Returns the results of the batch sent last; raises WorkerError, or what the function
        raised."""
        try:
            error, results, failures = self.pipe.recv()
        except (EOFError, OSError) as gone:
            self._process.join()
            raise WorkerError(
                f"A worker process ended without an answer, exit code {self._process.exitcode}."
            ) from gone
        self.failures.merge(failures)
        if error is not None:
            raise error
        return list(results)

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def compute(function: Callable[[list[Any]], Sequence[Any]], items: list[Any]) -> list[Any]:
    """Returns the function's results for a batch; raises InputError unless there are as many as
    items.

    >>> compute(sorted, [2, 1])
    [1, 2]
    """
    results = list(function(items))
    if len(results) != len(items):
        raise InputError(
            f"The function must return one result per item ({len(items)}), got {len(results)}."
        )
    return results


def _serve(pipe: Connection) -> None:
    """The life of a worker: the function first, then batches, until the parent closes the pipe or
    dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        function = pipe.recv()
        while True:
            pipe.send(_answer(function, pipe.recv()))
            if "cv2" in sys.modules:
                sys.modules["cv2"].setNumThreads(1)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(
    function: Callable[[list[Any]], Sequence[Any]], items: list[Any]
) -> tuple[Exception | None, list[Any], Failures]:
    failures = Failures()
    try:
        with failures.noting():
            return None, compute(function, items), failures
    except Exception as error:  # noqa: BLE001 - any error is the parent's to raise
        error.add_note(traceback.format_exc())
        return error, [], failures


@contextmanager
def _sheltered() -> Iterator[None]:
    """A child started in here does not run the caller's script again, which it does if it sees
    `__main__` (workers need only importable functions), and is not interrupted by a Ctrl-C while it
    imports: a blocked signal stays blocked in it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    before = (
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        if hasattr(signal, "pthread_sigmask")
        else None
    )
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
