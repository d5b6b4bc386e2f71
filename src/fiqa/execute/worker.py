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
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.reduction import ForkingPickler
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from fiqa.errors import InputError, WorkerError
from fiqa.execute import wire
from fiqa.failures import Failures

__all__ = ["PICKLED", "Answer", "Form", "Worker", "compute"]

Answer: TypeAlias = tuple[Exception | None, list[Any], Failures]
"""What became of a batch: an error or None, the results, what was noted as failed."""


class Form(Protocol):
    """How an answer travels from a worker to its parent."""

    @property
    def most(self) -> int | None:
        """Bytes of an answer; None is any number."""
        ...

    def pack(self, answer: Answer) -> Sequence[wire.Buffer]:
        """Returns an answer as bytes; called in the worker.

        Args:
            answer: to a batch.
        """
        ...

    def unpack(self, data: bytearray) -> Answer:
        """Returns the answer that was packed; called in the parent.

        Args:
            data: as it came.

        Raises:
            WorkerError: it is none.
        """
        ...


class _Pickled:
    """Any object; for processes that hold nothing but what their parent gave them, for whoever
    writes a pickle can run what he likes in the one who reads it."""

    most: int | None = None

    def pack(self, answer: Answer) -> Sequence[wire.Buffer]:
        return [ForkingPickler.dumps(answer)]

    def unpack(self, data: bytearray) -> Answer:
        answer: Answer = pickle.loads(data)  # noqa: S301 - of a process that is trusted
        return answer


PICKLED: Form = _Pickled()
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """A process that holds `function` and answers batches of items with lists of results; what it
    notes as failed is counted in `failures`.

    Attributes:
        failures: as they come.
        pipe: to the process.
    """

    def __init__(
        self,
        function: Callable[[list[Any]], Sequence[Any]],
        failures: Failures,
        *,
        form: Form = PICKLED,
    ) -> None:
        self.failures, self._form = failures, form
        self.pipe, theirs = socket.socketpair()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(theirs, form), daemon=True)
        with _sheltered():
            self._process.start()
        theirs.close()
        self.send(function)
        self.send([])

    def ready(self, *, until: float | None = None) -> None:
        """Waits until the function is loaded; raises WorkerError, or what the function raised when
        it was called with no items, or TimeoutError."""
        try:
            self.receive(until=until)
        except WorkerError as error:
            raise WorkerError(
                f"A worker process must start. {error.message}",
                hint="workers=1 runs everything in this process and shows what happens",
            ) from error

    def send(self, message: Any, *, until: float | None = None) -> None:
        """Gives the worker a batch of items; `receive` waits for their results, and finds out when
        there is nobody any more, or nobody who listens in time."""
        with suppress(OSError):
            wire.send(self.pipe, [ForkingPickler.dumps(message)], until=until)

    def receive(self, *, until: float | None = None) -> list[Any]:
        """Returns the results of the batch sent last; raises WorkerError, what the function raised,
        or TimeoutError where they are not all there in time (time.monotonic)."""
        try:
            data = wire.receive(self.pipe, most=self._form.most, until=until)
        except TimeoutError:
            raise
        except (EOFError, OSError) as gone:
            self._process.join(1)  # one that ended by itself has its own exit code
            self._end()
            raise WorkerError(
                f"A worker process ended without an answer, exit code {self._process.exitcode}."
            ) from gone
        error, results, failures = self._form.unpack(data)
        self.failures.merge(failures)
        if error is not None:
            raise error
        return list(results)

    def abort(self) -> None:
        """Ends the process, whatever it does; who waits for it in another thread gets WorkerError
        at once."""
        self._process.kill()
        with suppress(OSError):
            self.pipe.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Ends the process and closes what leads to it; nobody may wait for it any more."""
        self.pipe.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()  # a process could refuse to be terminated
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


def _serve(pipe: socket.socket, form: Form) -> None:
    """The life of a worker: the function first, then batches, until the parent closes the pipe or
    dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        function = pickle.loads(wire.receive(pipe))  # noqa: S301 - of the parent
        while True:
            items = pickle.loads(wire.receive(pipe))  # noqa: S301 - of the parent
            wire.send(pipe, form.pack(_answer(function, items)))
            if "cv2" in sys.modules:
                sys.modules["cv2"].setNumThreads(1)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(function: Callable[[list[Any]], Sequence[Any]], items: list[Any]) -> Answer:
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
