"""From the bytes of requests to rows of scores: two pools, a bound on what waits, the clock."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fiqa.data.video import VideoLimits
from fiqa.errors import FiqaError
from fiqa.scoring.row import Row
from fiqa.scoring.rows import blank_row
from fiqa.scoring.run import scoring_of
from fiqa.service.answers import FOUND, ROWS, UNSEEN
from fiqa.service.jobs import Jobs
from fiqa.service.pool import LostError, Pool
from fiqa.service.selection import Selection
from fiqa.service.settings import ServiceSettings
from fiqa.service.stages import Assessor, Finder, Found, Picture, Work

__all__ = ["BusyError", "Engine"]


class BusyError(FiqaError):
    """More waits than the queue holds.

    Attributes:
        seconds: after which it is worth asking again.
    """

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class Engine:
    """The pools of a service; `start` loads them, then `rows` answers.

    Attributes:
        settings: of the service.
        error: why it could not be loaded, None where it could.
        about: what is loaded, in words; empty before.
        images: how many wait or are worked on.
        jobs: the videos.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.error: Exception | None = None
        self.about: dict[str, Any] = {}
        self.images = 0
        self._seconds = 0.05  # of an image, a guess until the first was timed
        decided = scoring_of(
            model=settings.model,
            detector=settings.detector,
            weights=settings.weights,
            limits=settings.limits,
            orientation=settings.orientation,
        )
        # as many processes as cores: none needs threads of its own
        scoring = replace(decided, threads=1)
        self._detector = scoring.detector
        self.finders = Pool(
            Finder(scoring, settings.memory),
            name="decoding",
            form=FOUND,
            count=settings.workers,
            seconds=settings.image_seconds,
        )
        self.assessors = Pool(
            Assessor(scoring, settings.recognizer),
            name="scoring",
            form=ROWS,
            count=settings.workers,
            seconds=settings.deadline,
            batch=settings.batch,
            wait=settings.wait,
        )
        limits = VideoLimits(
            max_bytes=settings.max_video, max_pixels=settings.limits.max_pixels, max_seconds=3600.0
        )
        self.jobs = Jobs(
            settings,
            Selection(
                settings.model,
                scoring.detector,
                settings.weights,
                limits,
                settings.memory,
                settings.recognizer,
            ),
        )
        self._ready = threading.Event()
        self._stopping = False

    @property
    def ready(self) -> bool:
        """Whether it answers: loaded, and every pool has its processes."""
        return self._ready.is_set() and self.fault is None

    @property
    def fault(self) -> Exception | None:
        """Why it will not answer any more, None where it does or will."""
        return self.error or self.finders.broken or self.assessors.broken

    def start(self) -> None:
        """Loads everything and scores a drawn face, so that the first request waits for nothing.

        An error is kept in `error`.
        """
        try:
            self.finders.start()
            self.assessors.start()
            self.about = self.assessors.submit(Work("about")).result()
            self.about["detector"] = self._detector
            self.jobs.start()
        except Exception as error:  # noqa: BLE001 - told by whoever started the service
            if not self._stopping:
                self.error = error
        else:
            self._ready.set()

    def stop(self) -> None:
        """Ends the processes at once, those too that still load; videos are cancelled, and who
        waits is told."""
        self._stopping = True
        self.jobs.stop()
        self.finders.stop()
        self.assessors.stop()

    @contextmanager
    def admitted(self, count: int) -> Iterator[None]:
        """Within it `count` images count as waiting.

        Args:
            count: images of a request.

        Raises:
            BusyError: with them more would wait than the queue holds.
        """
        if self.images + count > self.settings.queue:
            needed = self._seconds * self.images / self.settings.workers
            raise BusyError(
                f"At most {self.settings.queue} images may wait, {self.images} do.",
                seconds=min(max(1, math.ceil(needed)), 60),
            )
        self.images += count
        try:
            yield
        finally:
            self.images -= count

    def late(self, until: float) -> bool:
        """Tells whether the time of a request is over.

        Args:
            until: as in rows.
        """
        return time.monotonic() >= until

    async def rows(
        self, pictures: Sequence[Picture], kind: str, *, until: float
    ) -> list[list[Row]]:
        """Returns the rows of each picture, in order.

        What is not done in time has the status timed_out.

        Args:
            pictures: of one request, admitted.
            kind: score, explain or embed.
            until: when the request must be answered, on the clock of time.monotonic.
        """
        tasks = [asyncio.ensure_future(self._read(picture, kind)) for picture in pictures]
        try:
            done, _ = await asyncio.wait(tasks, timeout=max(0.0, until - time.monotonic()))
        finally:
            # what is late, or all where the request itself was given up; nothing where it is done
            for task in tasks:
                task.cancel()
        return [
            task.result() if task in done else [blank_row(UNSEEN, "timed_out")] for task in tasks
        ]

    async def _read(self, picture: Picture, kind: str) -> list[Row]:
        began = time.monotonic()
        try:
            with self.assessors.expecting():
                found: Found = await asyncio.wrap_future(self.finders.submit(picture))
                work = Work(kind, found.rows, found.faces)
                filled = self.assessors.submit(work) if found.faces else None
            rows = found.rows if filled is None else await asyncio.wrap_future(filled)
        except LostError as error:
            return [blank_row(UNSEEN, error.status)]
        waited = (time.monotonic() - began) * self.settings.workers / max(self.images, 1)
        self._seconds += 0.05 * (waited - self._seconds)
        return rows
