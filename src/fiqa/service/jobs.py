"""Videos as jobs: a bounded queue, one process at a time, results kept for a while."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from fiqa.execute.worker import Worker
from fiqa.failures import Failures
from fiqa.service.answers import STEPS
from fiqa.service.pool import starting
from fiqa.service.selection import Asked, Step
from fiqa.service.settings import ServiceSettings
from fiqa.service.shelf import Shelf

__all__ = ["ENDED", "STATES", "Job", "Jobs"]

STATES = ("queued", "running", "done", "failed", "cancelled")
"""What a job can be."""
ENDED: tuple[str, ...] = STATES[2:]
_log = logging.getLogger(__name__)
_STARTING_SECONDS = 120.0
_LEAST_PAUSE = 0.1
"""Seconds between two questions to the process of a job, however fast it answers."""


@dataclass
class Job:
    """A video and what became of it.

    Attributes:
        id: 128 random bits.
        holder: whose token made it, as Tokens.holder returns it.
        asked: what is wanted.
        state: one of STATES.
        step: how far it is, or its end, without the tracks.
        tracks: of what was read, as JSON: so their bytes are known; empty without a track.
        gone: whether the tracks had to go, as results were too large together.
        ended: when, on the clock of time.monotonic.
    """

    id: str
    holder: int | None
    asked: Asked
    state: str = "queued"
    step: Step = field(default_factory=Step)
    tracks: bytes = b""
    gone: bool = False
    ended: float = 0.0


class Jobs:
    """The jobs of a service; everything is in memory, and gone when it stops.

    Attributes:
        shelf: where the videos lie.
        ends: how many jobs ended in which state.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        function: Callable[[list[Any]], Any],
        *,
        shelf: Shelf | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        settings: of the service.
        function: as Selection.
        shelf: another than the usual one.
        clock: another than time.monotonic, for tests.
        """
        self.shelf = shelf or Shelf()
        self.ends: dict[str, int] = dict.fromkeys(ENDED, 0)
        self._settings, self._function, self._clock = settings, function, clock
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._reserved = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._working: tuple[Job, Worker] | None = None

    @property
    def waiting(self) -> int:
        """How many wait or are worked on."""
        with self._changed:
            return self._open()

    @property
    def held(self) -> int:
        """Bytes of the results that are kept."""
        with self._changed:
            return sum(len(job.tracks) for job in self._jobs.values())

    def start(self) -> None:
        """Removes what a killed service left, and begins to work.

        Raises:
            WriteError: the folder of files is not this user's alone.
        """
        self.shelf.sweep()
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Cancels every job and removes its video."""
        with self._changed:
            self._closing = True
            for job in self._jobs.values():
                self._end(job, "cancelled")
                self._interrupt(job)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.shelf.close()

    @contextmanager
    def reserved(self) -> Iterator[bool]:
        """Within it a place is kept for a video that is still coming; False where there is none."""
        with self._changed:
            free = self._open() < self._settings.jobs and not self._closing
            self._reserved += free
        try:
            yield free
        finally:
            with self._changed:
                self._reserved -= free

    def add(self, asked: Asked, holder: int | None) -> Job:
        """Returns a new job that waits for its turn.

        Args:
            asked: of a file on the shelf, which is removed when the job ends.
            holder: whose token made it.
        """
        job = Job(secrets.token_hex(16), holder, asked)
        with self._changed:
            self._forget()
            self._jobs[job.id] = job
            self._waiting.append(job)
            if self._closing:
                self._end(job, "cancelled")
            self._changed.notify_all()
        return job

    def get(self, name: str, holder: int | None) -> Job | None:
        """Returns a job; None where there is none of this token, or not any more.

        Args:
            name: its id.
            holder: whose token asks.
        """
        with self._changed:
            self._forget()
            job = self._jobs.get(name)
            return job if job is not None and job.holder == holder else None

    def seen(self, job: Job) -> Job:
        """Returns a copy of a job, all of one moment.

        Args:
            job: one of these.
        """
        with self._changed:
            return replace(job)

    def cancel(self, job: Job) -> None:
        """Ends a job that waits or is worked on; one that has ended is forgotten.

        Args:
            job: one of these.
        """
        with self._changed:
            if job.state in ENDED:
                self._jobs.pop(job.id, None)
            self._end(job, "cancelled")
            self._interrupt(job)

    def _open(self) -> int:
        return self._reserved + sum(job.state not in ENDED for job in self._jobs.values())

    def _forget(self) -> None:
        """Lets go of jobs that are old, of the oldest where there are too many, and of the oldest
        results where they are too large together; one that is too large alone goes itself."""
        ended = sorted((j for j in self._jobs.values() if j.state in ENDED), key=lambda j: j.ended)
        old = self._clock() - self._settings.job_keep
        room = most = self._settings.job_bytes
        for number, job in enumerate(reversed(ended)):
            if job.ended <= old or number >= self._settings.job_results:
                del self._jobs[job.id]
            elif job.tracks:
                room -= len(job.tracks) if len(job.tracks) <= most else 0
                if room < 0 or len(job.tracks) > most:
                    job.tracks, job.gone = b"", True

    def _end(self, job: Job, state: str, step: Step | None = None) -> None:
        """The end of a job, once."""
        if job.state in ENDED:
            return
        job.state, job.ended = state, self._clock()
        job.step = step or Step(job.step.done, job.step.total)
        self.ends[state] += 1
        Path(job.asked.path).unlink(missing_ok=True)

    def _serve(self) -> None:
        """The life of the thread."""
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                job = self._waiting.popleft()
                if job.state != "queued":
                    continue
                job.state = "running"
            self._work(job)

    def _work(self, job: Job) -> None:
        """A job from its beginning to its end."""
        try:
            step = self._run(job)
            tracks = to_json(step.tracks) if step.tracks else b""
        except Exception as error:  # noqa: BLE001 - whatever a video does, the next one is worked on
            if job.state == "running":
                _log.warning("a job failed: %s", type(error).__name__)
            step, tracks = Step(job.step.done, job.step.total, "failed"), b""
        with self._changed:
            if job.state == "running":
                job.tracks = tracks
            self._end(job, "done" if step.status == "ok" else "failed", replace(step, tracks=[]))
            self._forget()

    def _interrupt(self, job: Job) -> None:
        """Ends the process that works on a job: nobody waits for what it does."""
        if self._working is not None and self._working[0] is job:
            self._working[1].abort()

    def _run(self, job: Job) -> Step:
        """The last step of a job, in a process of its own."""
        with starting:
            worker = Worker(self._function, Failures(), form=STEPS)
        with self._changed:
            self._working = (job, worker)
            if job.state != "running":
                worker.abort()
        try:
            return self._followed(job, worker)
        finally:
            with self._changed:
                self._working = None
            worker.stop()

    def _followed(self, job: Job, worker: Worker) -> Step:
        worker.ready(until=time.monotonic() + _STARTING_SECONDS)
        until = time.monotonic() + self._settings.job_seconds
        message: Asked | None = job.asked
        while job.state == "running":
            asked = time.monotonic()
            try:
                worker.send([message], until=until)
                (step,) = worker.receive(until=until)
            except TimeoutError:
                return Step(job.step.done, job.step.total, "timed_out")
            if step.status:
                return step
            # A process that was taken over may answer at once, and tell tracks before its end.
            message, job.step = None, Step(step.done, step.total)
            if time.monotonic() >= until:
                return Step(step.done, step.total, "timed_out")
            time.sleep(max(0.0, asked + _LEAST_PAUSE - time.monotonic()))
        return job.step
