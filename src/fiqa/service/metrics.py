"""What Prometheus is told: counts and times, nothing of any image or person."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from fiqa.service.engine import Engine
from fiqa.service.jobs import ENDED
from fiqa.service.schemas import ImageResult

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SCORES = tuple(i / 10 for i in range(1, 11))
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The numbers of one service, in a registry of its own."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("fiqa_requests", "Requests.", ["route", "code"], **own)
        self._seconds = Histogram(
            "fiqa_request_seconds", "Time of a request.", ["route"], buckets=_SECONDS, **own
        )
        self._images = Counter("fiqa_images", "Images by status.", ["status"], **own)
        self._accepted = Counter("fiqa_reviews", "Reviewed images.", ["accepted"], **own)
        self._scores = Histogram("fiqa_score", "Scores of faces in 0..1.", buckets=_SCORES, **own)
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "fiqa_ready": ("1 when requests are answered.", lambda: float(engine.ready)),
            "fiqa_images_waiting": ("Images that wait or are worked on.", lambda: engine.images),
            "fiqa_processes_replaced": (
                "Processes that died or took too long.",
                lambda: engine.finders.replaced + engine.assessors.replaced,
            ),
        }
        gauges["fiqa_jobs_waiting"] = (
            "Videos that wait or are worked on.",
            lambda: engine.jobs.waiting,
        )
        gauges["fiqa_results_bytes"] = (
            "Bytes of the results of videos that are kept.",
            lambda: engine.jobs.held,
        )
        for state in ENDED:
            gauges[f"fiqa_jobs_{state}"] = (
                f"Videos that ended as {state}, since the start.",
                partial(engine.jobs.ends.__getitem__, state),
            )
        for name, (text, value) in gauges.items():
            Gauge(name, text, **own).set_function(value)

    def request(self, route: str, code: int, seconds: float) -> None:
        """Counts a request.

        Args:
            route: its address, of those that there are, or "other".
            code: the status of the response.
            seconds: that it took.
        """
        self._requests.labels(route, str(code)).inc()
        self._seconds.labels(route).observe(seconds)

    def scored(self, image: ImageResult) -> None:
        """Counts an image and its faces.

        Args:
            image: its result.
        """
        self.image(image.status)
        if image.accepted is not None:
            self._accepted.labels("yes" if image.accepted else "no").inc()
        for face in image.faces:
            if face.score is not None:
                self._scores.observe(face.score)

    def image(self, status: str) -> None:
        """Counts an image.

        Args:
            status: of it.
        """
        self._images.labels(status).inc()

    def text(self) -> bytes:
        """Returns the numbers in Prometheus's text format."""
        return generate_latest(self._registry)
