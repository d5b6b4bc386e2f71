"""`fiqa train`: the typer spelling of fiqa.train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fiqa.cli.options import OK, Force, Quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from fiqa.training.loop import Progress


def command(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE.toml", help="What to train on and how.", show_default=False),
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="DIR", help="The run's folder.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="TABLE.KEY=VALUE", help="Recipe setting, TABLE.KEY=VALUE; repeatable."
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a quality network as a recipe says.

    A finished run is not repeated and an interrupted one goes on. On several devices: torchrun
    --nproc-per-node N -m fiqa train ...

    Example:
      fiqa train recipes/dmsfiqa.toml --set optim.lr=3e-4 -o runs/a
    """
    import os

    from fiqa.verbs.train import train

    quiet = (
        quiet or os.environ.get("RANK", "0") != "0"
    )  # of torchrun's processes the first one speaks
    run = train(recipe, out=out, settings=settings or (), force=force, watch=_watcher(quiet))
    if not quiet:
        if run.current:
            typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
        typer.echo(
            f"identities are from {run.identity_from or 'nowhere: nobody is known'}", err=True
        )
        for metric, row in run.best.items():
            value = row.get(metric)
            told = (
                "cannot be computed on this validation set"
                if value is None
                else f"{value:.4f} at epoch {row['epoch']:.2f}"
            )
            typer.echo(f"best {metric}: {told}", err=True)
    raise typer.Exit(OK)


def _watcher(quiet: bool, *, every: float = 5.0) -> Callable[[Progress], None]:
    """Returns what reports the steps on stderr: at each evaluation, and a line every `every`
    seconds."""
    import time

    start = last = time.monotonic()
    told = -1
    first = True

    def watch(at: Progress) -> None:
        nonlocal last, told, first
        if quiet:
            return
        if first and at.resumed:
            typer.echo(f"train: going on from step {at.resumed}", err=True)
        first = False
        now = time.monotonic()
        if at.row is not None and at.row["step"] == at.step != told:
            told, last = at.step, now
            typer.echo(_line(at), err=True)
        elif now - last >= every:
            last = now
            pace = (at.step - at.resumed) / (now - start)
            typer.echo(
                f"train: step {at.step} of {at.total}, {pace:.2g} steps per second", err=True
            )

    return watch


def _line(at: Progress) -> str:
    row = at.row or {}
    shown = ("loss", "mae", "spearman", "spearman_identity", "spearman_middle")
    numbers = " ".join(f"{name} {row[name]:.4f}" for name in shown if row.get(name) is not None)
    return (
        f"train: step {at.step} of {at.total}, epoch {row['epoch']:.2f}: {numbers}; "
        f"{row['images_per_second']:.0f} images per second, waiting {row['waiting']:.0%}"
    )
