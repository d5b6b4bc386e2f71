"""Which stage of a run the time goes to: noted where the work is done, added up by whoever asks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["STAGES", "Seconds", "counting", "stage"]

STAGES = ("start", "decode", "detect", "align", "network", "explain", "rows", "write")
"""What a run does, in its order: `start` is until every process has loaded what it needs, `rows`
what is left of the work on the images, `write` the table and its sidecar."""

Seconds = dict[str, float]
_running: ContextVar[Seconds | None] = ContextVar("seconds of the stages", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Within it, time is of a stage, less what a stage within this one takes; where nobody counts,
    nothing is done.

    Args:
        name: one of STAGES.

    >>> with counting("rows") as seconds:
    ...     with stage("network"):
    ...         pass
    >>> sorted(seconds)
    ['network', 'rows']
    """
    seconds = _running.get()
    if seconds is None:
        yield
        return
    start, inner = time.perf_counter(), sum(seconds.values())
    try:
        yield
    finally:
        within = sum(seconds.values()) - inner
        seconds[name] += time.perf_counter() - start - within


@contextmanager
def counting(rest: str) -> Iterator[Seconds]:
    """Yields the seconds of the stages within it, complete at its end.

    Args:
        rest: the stage of what is in no other.
    """
    seconds: Seconds = defaultdict(float)
    token = _running.set(seconds)
    try:
        with stage(rest):
            yield seconds
    finally:
        _running.reset(token)
