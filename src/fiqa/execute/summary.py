"""What became of a run, in counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """What became of a run: `statuses` status -> how many rows, `current` True where the output was
    there already and nothing was done, `first` the first row that failed, in words."""

    statuses: Mapping[str, int]
    current: bool = False
    first: str = ""

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many of them have no numbers."""
        return self.rows - self.statuses.get("ok", 0)

    def line(self) -> str:
        """Returns the counts in one line, the commonest status first.

        >>> Summary({"no_face": 1, "ok": 9}).line()
        '10 rows: 9 ok, 1 no_face'
        """
        counts = sorted(self.statuses.items(), key=lambda item: (-item[1], item[0]))
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        named = ", ".join(f"{count} {status}" for status, count in counts)
        return f"{rows}: {named}" + (f"; {self.first}" if self.first else "")
