"""What became of a run, told from its finished table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fiqa.data.tables import table_suffix
from fiqa.execute.summary import Summary
from fiqa.faces.notes import notices
from fiqa.functional.display import failure_line
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["notices_in", "summary_of"]


def _scanned(path: PathLike) -> pl.LazyFrame:
    """The columns path, status and notes of a finished table."""
    import polars as pl

    suffix, file = table_suffix(path), Path(path)
    if suffix == ".jsonl":
        return pl.scan_ndjson(file, schema=dict.fromkeys(("path", "status", "notes"), pl.String()))
    return pl.scan_parquet(file) if suffix == ".parquet" else pl.scan_csv(file)


def notices_in(path: PathLike) -> list[str]:
    """Returns what the notes of a finished table tell, whichever run made its rows.

    Args:
        path: the table.
    """
    notes = _scanned(path).select("notes").drop_nulls().collect()["notes"]
    return notices(Counter(map(str, notes)))


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
