"""The profile of a run: the seconds of its stages, brought home from every process."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from fiqa.faces.crops import Source
from fiqa.scoring.row import Row
from fiqa.scoring.rows import blank_row
from fiqa.stages import STAGES, Seconds, counting

__all__ = ["Profile", "Profiled", "lost"]

Timed = tuple[list[Row], Seconds]
"""The rows of an image, and the seconds of the stages since the last one that had some."""


@dataclass(frozen=True)
class Profiled:
    """A function of batches of images that says with the rows what they took.

    Attributes:
        how: the function.
        began: when the run did, by time.time.
    """

    how: Callable[[Sequence[Source]], list[list[Row]]]
    began: float

    def __call__(self, batch: Sequence[Source]) -> list[Timed]:
        """Returns the rows of each image; the seconds stand beside those of the last."""
        if not batch:
            self.how([])
            # A process is there for the first batch once it has loaded.
            self.__dict__["started"] = time.time() - self.began
            return []
        with counting("rows") as seconds:
            rows = self.how(batch)
        seconds["start"] += self.__dict__.pop("started", 0.0)
        return [(row, {}) for row in rows[:-1]] + [(rows[-1], dict(seconds))]


def lost(source: Source) -> Timed:
    """Returns the rows of an image that ended its process, with no seconds."""
    return [blank_row(source, "failed")], {}


@dataclass
class Profile:
    """The seconds of a run's stages.

    Attributes:
        seconds: stage -> seconds, over all processes.
        before: seconds of this process before the run was planned: what it imported.
        planned: when that was, by time.time.
    """

    seconds: Seconds = field(default_factory=lambda: defaultdict(float))
    before: float = field(default_factory=lambda: _age())
    planned: float = field(default_factory=time.time)

    def rows(self, made: Generator[Timed, None, None]) -> Generator[list[Row], None, None]:
        """Yields the rows of what a Profiled returned, and counts what they took.

        Args:
            made: rows and seconds of each image.
        """
        with closing(made):
            for rows, took in made:
                for name, seconds in took.items():
                    self.seconds[name] += seconds
                yield rows

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Within it, this process is in a stage.

        Args:
            name: one of STAGES.
        """
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def table(self) -> str:
        """Returns the table: stage, seconds, share of all."""
        took = {name: self.seconds.get(name, 0.0) for name in STAGES}
        took["start"] += self.before
        total = sum(took.values()) or 1.0
        wall = self.before + time.time() - self.planned
        lines = [f"{'stage':<8}{'seconds':>10}{'share':>9}"]
        lines += [f"{name:<8}{took[name]:>10.3f}{took[name] / total:>9.1%}" for name in STAGES]
        lines += [
            f"{'all':<8}{total:>10.3f}{1:>9.0%}  over all processes, {wall:.3f} s by the clock"
        ]
        return "\n".join(lines)

    def tell(self) -> None:
        """Prints the table on stderr."""
        sys.stderr.write(self.table() + "\n")


def _age() -> float:
    """Seconds since this process began; 0 where the system does not tell."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            ticks = float(file.read().rpartition(")")[2].split()[19])
        began = ticks / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - began, 0.0)
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0
