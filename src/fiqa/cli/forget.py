"""`fiqa forget`: the typer spelling of fiqa.forget."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options

Places = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Folders and files that fiqa wrote, all in one call, the gallery among them.",
        show_default=False,
    ),
]
Identity = Annotated[str, typer.Option("--identity", metavar="NAME", help="Who is forgotten.")]
Tracks = Annotated[
    list[str] | None,
    typer.Option(
        "--tracks", metavar="TRACK", help="A track that no gallery among the paths tells; again."
    ),
]


def command(paths: Places, identity: Identity, tracks: Tracks = None) -> None:
    """Remove a person from everything that fiqa has written.

    Rows and vectors are left out, crops removed, and pages that show the person too. Photographs,
    videos and files of other makers are never touched; exit code 3 means that some of them still
    name the person.

    Example:
      fiqa forget --identity Anna gallery.npz monday/ tuesday/ scores.parquet
    """
    from fiqa.verbs.forget import forget

    done = forget(identity, paths, tracks=tracks or ())
    for line in done.lines():
        typer.echo(line)
    raise typer.Exit(options.SOME_FAILED if done.left else options.OK)
