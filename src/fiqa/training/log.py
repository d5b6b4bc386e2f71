"""What a run writes down while it goes: one row per evaluation, as CSV."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fiqa.data.tables import frame_of, write_table

__all__ = ["columns", "metrics_path", "write_history"]


def columns(terms: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns of a run whose loss has these terms.

    Where it stood; the means of the losses since the row before; what validation gave (missing
    where it cannot be computed); the pace, and `waiting`, the share of the time in which the device
    waited for data.

    >>> columns(["loss_quality"])[:6]
    ('step', 'epoch', 'images', 'lr', 'loss', 'loss_quality')
    """
    return (
        "step", "epoch", "images", "lr", "loss", *terms,
        "mae", "rmse", "spearman", "spearman_identity", "spearman_middle", "mae_factors",
        "q90_q10", "std",
        "seconds", "images_per_second", "waiting",
    )  # fmt: skip


def metrics_path(folder: str | os.PathLike[str]) -> Path:
    """Returns where the rows are."""
    return Path(folder) / "metrics.csv"


def write_history(
    folder: str | os.PathLike[str], history: Sequence[Mapping[str, Any]], terms: Sequence[str]
) -> None:
    """Writes every row so far, whole or not at all.

    Raises:
        WriteError: the disk refused.
    """
    names = columns(terms)
    write_table(
        frame_of([{name: row.get(name) for name in names} for row in history]), metrics_path(folder)
    )
