"""fiqa doctor: what will go wrong with images, a model file, a table of scores or recipes' data."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli.options import OK, SOME_FAILED, Quiet, Seed


def command(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH|MODEL|DATA",
            help="A folder, image, list or manifest; an .onnx file; or a table of scores.",
            show_default=False,
        ),
    ],
    faces: Annotated[
        str | None,
        typer.Option(
            "--faces",
            metavar="DIR",
            help=(
                "Aligned crops to probe a model with (default: faces drawn by code, which is"
                " weaker), or those of a table of scores, to see whether higher is better in it."
            ),
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=4, help="Use at most so many of these crops.")
    ] = 64,
    seed: Seed = 0,
    purpose: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="recipes|RECIPE",
            help="Check a data folder against what all recipes read, or one of them.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Say what will go wrong with a folder of images, a model file or a table of scores, before it
    does.

    Images: unreadable files, duplicates, sizes, bit depth, modality, identities with one image,
    colors and samples that were converted or guessed, red and blue swapped. Models: card, sha256,
    polarity on degraded copies, blank and noise probes, color order, batches, scores whose range
    has collapsed. Tables of scores: a column that has collapsed, or in which lower is better.
    Data folders of the recipes (--for): what is there, what is missing and where to get it. Exit
    code 3 means that problems were found.

    Example:
      fiqa doctor model.onnx --faces crops/
      fiqa doctor scores.parquet --faces crops/
      fiqa doctor data/ --for recipes
    """
    from fiqa.verbs.doctor import doctor

    report = doctor(path, faces=faces, most=most, seed=seed, purpose=purpose, progress=not quiet)
    for line in report.lines():
        typer.echo(line)
    raise typer.Exit(OK if report.healthy else SOME_FAILED)
