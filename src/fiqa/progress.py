"""How long work tells where it is: one callback for every verb, and what it prints on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

__all__ = ["Progress", "Reporter", "Told", "counted", "teller"]

Told = Callable[[str, int, int], None]
"""Called with (what is being done, how much is done, of how much)."""
Progress = bool | Told
"""What a verb takes: True reports on stderr, False is silent, a callable is told instead."""
Item = TypeVar("Item")
_BAR = 20
"""Signs of a full bar."""


class Reporter:
    """Reports on a stream: a bar that is written over on a terminal, else a line now and then.

    Both have the rate and the time that is left.

    A stage that ends within `every` seconds says nothing where there is no terminal.

    Args:
        stream: where to report; None is stderr.
        every: seconds between two lines; a terminal's line changes ten times a second at most.
    """

    def __init__(self, stream: TextIO | None = None, *, every: float = 10.0) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = bool(self._stream) and self._stream.isatty()
        self._every = 0.1 if self._terminal else every
        self._stage = ""
        self._start = self._last = 0.0
        self._offset = 0
        self._shown = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Reports how much is done; a new stage, or fewer than before, begins anew.

        Args:
            stage: what is being done.
            done: how much of it.
            total: of how much.
        """
        now = time.monotonic()
        if stage != self._stage or done < self._offset:
            self._end_line()
            self._stage, self._start, self._last, self._offset = stage, now, now, done
        if now - self._last >= self._every and done < total:
            self._last = now
            self._write(stage, done, total, now - self._start)
        elif done >= total:
            self._end_line()
            self._stage = ""

    def line(self, text: str) -> None:
        """Writes a line of its own, where a bar would be in its way first without the bar.

        Args:
            text: of the line.
        """
        self._end_line()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _write(self, stage: str, done: int, total: int, seconds: float) -> None:
        pace = (done - self._offset) / seconds if seconds > 0 else 0.0
        # "0 per second" would look like a standstill; slow work is told in seconds for one.
        pace_text = f"{pace:.0f} per second" if pace >= 1 else f"{1 / max(pace, 1e-9):.1f} s each"
        text = f"{stage}: {done:,} of {total:,}"
        if done > self._offset:
            text += f", {pace_text}, {_duration((total - done) / max(pace, 1e-9))} left"
        if self._terminal:
            full = _BAR * done // total
            text = f"[{'#' * full}{'.' * (_BAR - full)}] {text}"
            self._stream.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _end_line(self) -> None:
        if self._terminal and self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
        self._shown = 0


def _duration(seconds: float) -> str:
    """A time in the unit that reads best: 42 s, 3 min, 2 h 5 min."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def teller(progress: Progress) -> Told:
    """Returns what a verb calls: a Reporter for True, nothing for False, else the callable itself.

    Args:
        progress: what the verb was given.
    """
    if progress is True:
        return Reporter() if sys.stderr is not None else _silent
    return progress if callable(progress) else _silent


def counted(
    items: Iterable[Item], told: Told, stage: str, total: int, *, done: int = 0
) -> Iterator[Item]:
    """Yields the items and tells after each how many are done.

    Args:
        items: any.
        told: called with (stage, done, total).
        stage: what is being done.
        total: how many items there will be, those before included.
        done: how many were done before.

    >>> list(counted("ab", lambda *at: print(at), "read", 2))
    ('read', 1, 2)
    ('read', 2, 2)
    ['a', 'b']
    """
    for number, item in enumerate(items, done + 1):
        yield item
        told(stage, number, total)


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
