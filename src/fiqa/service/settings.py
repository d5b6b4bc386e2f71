"""How a service runs: what it loads, whom it lets in, and what one request may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from fiqa import checks
from fiqa.data.images import Limits
from fiqa.errors import InputError

__all__ = ["LOOPBACK", "MAX_BODY", "REVIEWS", "ServiceSettings"]

REVIEWS = ("off", "standard", "strict")
"""How images are reviewed: not at all, or as fiqa.service.review says."""

MAX_BODY = 10 * 2**20
"""Bytes of a request's body."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches."""


@dataclass(frozen=True)
class ServiceSettings:
    """How a service runs.

    Attributes:
        host: the address that it listens on.
        port: of that address; 0 takes a free one.
        tokens: who may ask; empty lets everyone in, and is for a loopback address only.
        model, detector, weights, recognizer, orientation: as in fiqa.score. With a recognizer there
            is /v1/embed.
        review: how images are reviewed where a request does not say, one of REVIEWS.
        workers: processes that decode, and as many that score.
        limits: what one image may cost.
        max_body: bytes of one request.
        max_images: images of one request.
        held: bytes of bodies that are held at once.
        queue: images that wait or are worked on at once; beyond it the answer is 429.
        batch: images that are scored together at most.
        wait: seconds that an image waits at most for others to be scored with; none where a core
            would be idle.
        deadline: seconds of a request, from its first byte to the answer.
        image_seconds: seconds of decoding one image, after which its process is ended.
        memory: bytes that decoding may take beyond what the process has when it is loaded.
        rate: requests a second of one token, on average; twice as many may come at once.
        max_video: bytes of a video.
        jobs: videos that come, wait or are worked on at once; beyond it the answer is 429.
        upload_seconds: in which a whole video must come.
        job_seconds: of the work on one video, after which its process is ended.
        job_results: ended jobs that are kept; the oldest go first.
        job_bytes: of the results of all ended jobs together; the oldest results go first.
        job_keep: seconds for which an ended job is kept.

    Raises:
        InputError: a number out of its range, or no token on an address that others reach.
        UnknownNameError: no such review.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    tokens: tuple[str, ...] = field(default=(), repr=False)
    model: str | None = None
    detector: str = "auto"
    weights: str | None = None
    recognizer: str | None = None
    orientation: str = "exif"
    review: str = "off"
    workers: int = 1
    limits: Limits = field(default_factory=lambda: Limits(max_bytes=MAX_BODY))
    max_body: int = MAX_BODY
    max_images: int = 32
    held: int = 256 * 2**20
    queue: int = 256
    batch: int = 16
    wait: float = 0.025
    deadline: float = 30.0
    image_seconds: float = 10.0
    memory: int = 1024 * 2**20
    rate: float = 100.0
    max_video: int = 256 * 2**20
    jobs: int = 4
    upload_seconds: float = 300.0
    job_seconds: float = 900.0
    job_results: int = 64
    job_bytes: int = 512 * 2**20
    job_keep: float = 3600.0

    def __post_init__(self) -> None:
        checks.choice(self.review, "review", REVIEWS)
        checks.in_range(self.port, "port", 0, 65535)
        checks.in_range(self.memory, "memory", 2**24, 2**50)
        whole = ("workers", "max_body", "max_images", "held", "queue", "batch")
        for name in (*whole, "max_video", "jobs", "job_results", "job_bytes"):
            checks.in_range(getattr(self, name), name, 1, 2**50)
        times = ("deadline", "image_seconds", "upload_seconds", "job_seconds", "job_keep")
        for name in (*times, "rate"):
            checks.in_range(getattr(self, name), name, 0, 1e6, open_low=True)
        checks.in_range(self.wait, "wait", 0, 10)
        if not self.tokens and self.host not in LOOPBACK:
            raise InputError(
                f"A service without a token must listen on {' or '.join(LOOPBACK)}, got"
                f" {self.host!r}.",
                hint="leave out --no-token, or give a --token-file",
            )
