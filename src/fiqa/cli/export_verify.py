"""`fiqa export verify`: the typer spelling of fiqa.verify."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options


def command(
    results: Annotated[
        str,
        typer.Argument(
            metavar="RESULTS", help="The table that the kit's runner wrote.", show_default=False
        ),
    ],
    kit: Annotated[
        str | None,
        typer.Option("--kit", metavar="DIR", help="The kit; default: the folder of the table."),
    ] = None,
    min_spearman: Annotated[
        float,
        typer.Option(
            "--min-spearman", metavar="R", help="Gate: rank correlation with what is expected."
        ),
    ] = 0.99,
    max_spread: Annotated[
        float,
        typer.Option(
            "--max-spread", metavar="X", help="Gate: relative change of the standard deviation."
        ),
    ] = 0.1,
) -> None:
    """Say whether a chip computes what the model does, and which fault explains it if not.

    Ends with 0 where it does, with 4 where it does not.

    Example:
      fiqa export verify results.csv --kit kit/
    """
    from fiqa.training.gate import Gate
    from fiqa.verbs.verify import verify

    found = verify(results, kit, gate=Gate(min_spearman, max_spread))
    typer.echo(found.lines())
    raise typer.Exit(options.OK if found.ok else options.ALARM)
