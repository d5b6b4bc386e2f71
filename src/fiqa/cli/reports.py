"""What `evaluate` and `tables` share on the command line: a folder that is current is shown again,
not made again."""

from __future__ import annotations

import shlex
import sys
from typing import Any, Protocol

import typer

__all__ = ["show"]


class _Run(Protocol):
    """A run that is decided and not begun: an EvaluationRun or a TableRun."""

    def make(self, *, told: Any, command: str = "") -> Any: ...
    def is_current(self, out: str) -> bool: ...
    def write(self, made: Any, out: str, /) -> None: ...


def show(run: _Run, out: str | None, *, force: bool, quiet: bool) -> None:
    """Prints what the run finds after writing it to `out`, or what `out` holds where that is
    current."""
    from fiqa.progress import teller
    from fiqa.report.evaluation.folder import summary_path

    if out is not None and not force and run.is_current(out):
        typer.echo(summary_path(out).read_text(encoding="utf-8").rstrip("\n"))
        told = f"{out} is current, nothing to do; --force does it again"
    else:
        made = run.make(told=teller(not quiet), command=shlex.join(["fiqa", *sys.argv[1:]]))
        if out is not None:
            run.write(made, out)
        typer.echo(made.text())
        told = f"written to {out}"
    if out is not None and not quiet:
        typer.echo(told, err=True)
