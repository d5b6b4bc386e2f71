"""`fiqa train`: the typer spelling of fiqa.train."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli.options import OK, Force, Quiet


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

    from fiqa.settings import assignments
    from fiqa.verbs.train import train

    # of torchrun's processes the first one speaks
    quiet = quiet or os.environ.get("RANK", "0") != "0"
    values = assignments(settings or ())
    run = train(recipe, out=out, settings=values, force=force, progress=not quiet)
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
        for line in run.certainty.lines():
            typer.echo(line, err=True)
    raise typer.Exit(OK)
