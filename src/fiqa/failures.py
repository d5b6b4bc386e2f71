"""What fails on one image and does not end a run: told once per cause with a count, whichever
process it happens in.

    failed("a.jpg", error)      where an image fails: notes it, or tells it at once outside a run
    with telling(): ...         a run: tells at its end what was noted in it

fiqa.execute carries what its worker processes note to the process that asked.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Failures", "failed", "telling"]

_log = logging.getLogger(__name__)


@dataclass
class _Cause:
    """One cause: the error in words, the first image it was seen on, where it came from, how
    often."""

    error: str
    first: str
    trace: str
    count: int


class Failures:
    """The failures of a run by cause; two have the same cause where the same kind of error comes
    from the same line of code, so a message that names the image makes no cause of its own."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, str], _Cause] = {}

    def add(self, what: str, error: BaseException) -> None:
        """Counts a failure; `what` names the image."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        kind, lines = type(error).__name__, str(error).splitlines()
        trace = "".join(traceback.format_exception(error))
        cause = _Cause(f"{kind}: {lines[0]}" if lines else kind, what, trace, 1)
        self._count((kind, place), cause)

    def merge(self, other: Failures) -> None:
        """Adds the failures of another process."""
        for key, cause in other._causes.items():
            self._count(key, cause)

    def tell(self) -> None:
        """Warns once of each cause, and forgets them; a traceback of each goes to the debug log."""
        for cause in self._causes.values():
            first = f"the first is {cause.first!r}" if cause.count > 1 else f"it is {cause.first!r}"
            _log.warning("%d failed with %s; %s", cause.count, cause.error, first)
            _log.debug("%s", cause.trace)
        self._causes.clear()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within it, `failed` counts here."""
        token = _open.set(self)
        try:
            yield
        finally:
            _open.reset(token)

    def _count(self, key: tuple[str, str], cause: _Cause) -> None:
        earlier = self._causes.setdefault(key, cause)
        if earlier is not cause:
            earlier.count += cause.count


_open: ContextVar[Failures | None] = ContextVar("failures of the run", default=None)


def failed(what: str, error: BaseException) -> None:
    """Notes that an image failed, for the run to tell at its end; outside any run it is told at
    once."""
    run = _open.get()
    if run is not None:
        run.add(what, error)
        return
    with telling():
        failed(what, error)


@contextmanager
def telling() -> Iterator[None]:
    """Tells at its end, also of an error, each cause of what failed within it."""
    run = Failures()
    try:
        with run.noting():
            yield
    finally:
        run.tell()
