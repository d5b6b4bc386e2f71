"""`fiqa convert`: the typer spelling of fiqa.verbs.convert.convert."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A .bin, a .rec, a pair list, scores or weights.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT", help="A folder for images, else a file.", show_default=False
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TARGET",
            help="images, pairs, table, ofiq, fiftyone, imagefolder, webdataset or model.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="The column of scores.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            metavar="FOLDER|NAME",
            help="Of a model's prompts; default: CLIP's own ids, shipped.",
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Convert the field's benchmark files into images and tables, scores into the forms of other
    tools, and CLIB-FIQA's weights into a model.

    Pickles (.bin, .pkl, .pth) are read without unpickling: a file that would run code is refused.
    The names of the files written go to stdout.

    Example:
      fiqa convert lfw.bin lfw/
      fiqa convert scores.parquet scores.csv --to ofiq
      fiqa convert CLIB-FIQA_R50.pth clib-fiqa.onnx
    """
    from fiqa.verbs.convert import convert

    done = convert(
        source,
        output,
        to=to,
        column=column,
        tokenizer=tokenizer,
        progress=not quiet,
    )
    for name in done.files:
        typer.echo(name)
    what = "file" if done.target == "model" else "rows"
    typer.echo(
        f"{done.target}: {done.rows} {what}, {done.failed} failed, {done.skipped} skipped", err=True
    )
    if done.left_out:
        typer.echo(f"{done.left_out} pairs that cannot be were left out", err=True)
    raise typer.Exit(options.SOME_FAILED if done.failed else options.OK)
