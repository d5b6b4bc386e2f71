"""What a run says and writes down while it goes: steps, and one row per evaluation, as CSV."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqa.data.tables import frame_of, write_table
from fiqa.progress import Progress, Reporter, teller
from fiqa.types import PathLike

if TYPE_CHECKING:
    from fiqa.training.loop import Step

__all__ = ["columns", "metrics_path", "watcher", "write_history"]


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


def metrics_path(folder: PathLike) -> Path:
    """Returns where the rows are."""
    return Path(folder) / "metrics.csv"


def write_history(
    folder: PathLike, history: Sequence[Mapping[str, Any]], terms: Sequence[str]
) -> None:
    """Writes every row so far, whole or not at all.

    Raises:
        WriteError: the disk refused.
    """
    names = columns(terms)
    write_table(
        frame_of([{name: row.get(name) for name in names} for row in history]), metrics_path(folder)
    )


def watcher(progress: Progress) -> Callable[[Step], None]:
    """Returns what a run calls after every step: lines on stderr for True, nothing for False, else
    the callable is told ("train", step, steps)."""
    if progress is True and sys.stderr is not None:
        return _Lines()
    told = teller(progress)
    return lambda at: told("train", at.step, at.total)


class _Lines:
    """On stderr: a line at each evaluation, and between two what a Reporter shows."""

    def __init__(self) -> None:
        self._reporter = Reporter()
        self._evaluated = -1
        self._first = True

    def __call__(self, at: Step) -> None:
        """Writes a line where one is due."""
        if self._first:
            self._reporter("train", at.resumed, at.total)
            if at.resumed:
                self._reporter.line(f"train: going on from step {at.resumed}")
        self._first = False
        self._reporter("train", at.step, at.total)
        if at.row is not None and at.row["step"] == at.step != self._evaluated:
            self._evaluated = at.step
            self._reporter.line(f"train: {_evaluation(at)}")


def _evaluation(at: Step) -> str:
    row = at.row or {}
    shown = ("loss", "mae", "spearman", "spearman_identity", "spearman_middle")
    numbers = " ".join(f"{name} {row[name]:.4f}" for name in shown if row.get(name) is not None)
    return (
        f"step {at.step} of {at.total}, epoch {row['epoch']:.2f}: {numbers};"
        f" {row['images_per_second']:.0f} images per second, waiting {row['waiting']:.0%}"
    )
