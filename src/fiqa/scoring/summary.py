"""What became of a run, told from its finished table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fiqa.data.tables import table_suffix
from fiqa.faces.crops import resizing
from fiqa.functional.display import failure_line
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Summary", "resized_in", "summary_of"]


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


def _scanned(path: PathLike) -> pl.LazyFrame:
    """The columns path, status and notes of a finished table."""
    import polars as pl

    suffix, file = table_suffix(path), Path(path)
    if suffix == ".jsonl":
        return pl.scan_ndjson(file, schema=dict.fromkeys(("path", "status", "notes"), pl.String()))
    return pl.scan_parquet(file) if suffix == ".parquet" else pl.scan_csv(file)


def resized_in(path: PathLike) -> str:
    """Returns the sentence on the resized crops of a finished table, whichever run made them.

    Args:
        path: the table.
    """
    notes = _scanned(path).select("notes").drop_nulls().collect()["notes"]
    return resizing(Counter(map(str, notes)))


def summary_of(path: PathLike, *, current: bool = False) -> Summary:
    """Returns the summary of a finished table.

    Args:
        path: the table.
        current: whether nothing had to be done.
    """
    import polars as pl

    table = _scanned(path)
    counts = table.group_by("status").len().collect()
    failed = table.filter(pl.col("status") != "ok").select("path", "status").head(1).collect()
    return Summary(
        dict(counts.iter_rows()), current, failure_line(failed["path"], failed["status"])
    )
