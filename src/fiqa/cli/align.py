"""`fiqa align`: the typer spelling of fiqa.align."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fiqa.cli import options


def command(
    paths: options.Paths,
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="DIR", help="Folder of the crops.", show_default=False),
    ],
    detector: options.Detector = "auto",
    faces: options.FacesPolicy = "largest",
    orientation: options.Orientation = "exif",
    size: Annotated[
        int, typer.Option("--size", metavar="PIXELS", min=16, help="Side of the crops.")
    ] = 112,
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="png (lossless) or jpg.")
    ] = "png",
    workers: options.Workers = None,
    weights: options.Weights = None,
    max_pixels: options.MaxPixels = None,
    max_bytes: options.MaxBytes = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
    engine: options.Engine = "local",
    address: options.Address = None,
    gpus: options.Gpus = 0,
) -> None:
    """Detect faces and write aligned crops to DIR/identity/name.png, with DIR/faces.parquet to list
    them.

    An image that gives no face keeps its row, with a status. Exit code 3 means that some rows
    failed. A run that was stopped goes on where it was.

    Example:
      fiqa align faces.parquet -o crops/ --detector yunet
      fiqa align s3://faces/photos/ --engine ray -o s3://faces/crops/
    """
    from fiqa.alignment.dataset import ShardAligning, aligning_of
    from fiqa.execute.dataset import of_shards
    from fiqa.functional.display import failure_line
    from fiqa.verbs.align import align

    how: dict[str, Any] = {
        "detector": detector,
        "faces": faces,
        "size": size,
        "format": format_,
        "weights": weights,
        "limits": options.limits(max_pixels, max_bytes),
        "orientation": orientation,
    }
    run: dict[str, Any] = {
        "workers": workers,
        "force": force,
        "engine": engine,
        "address": address,
        "gpus": gpus,
    }
    if of_shards(paths, out, engine):  # the rows may be more than memory holds
        shards = ShardAligning(aligning_of(**how))
        options.write_parts(paths, shards, out, quiet=quiet, **run)
    manifest = align(paths, out=out, progress=not quiet, **how, **run)
    failed = int((manifest.status != "ok").sum())
    if not quiet:
        typer.echo(f"{len(manifest)} rows, {failed} failed", err=True)
        if failed:
            typer.echo(failure_line(manifest.path, manifest.status), err=True)
    raise typer.Exit(options.SOME_FAILED if failed else options.OK)
