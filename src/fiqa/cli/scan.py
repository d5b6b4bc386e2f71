"""fiqa scan: the images of folders as a manifest."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli.options import OK, SOME_FAILED, MaxBytes, MaxPixels, Output, Paths, Quiet, limits


def command(
    paths: Paths,
    out: Output = None,
    decode: Annotated[
        bool,
        typer.Option(
            "--decode", help="Decode every image: finds damage behind the header. Slower."
        ),
    ] = False,
    max_pixels: MaxPixels = None,
    max_bytes: MaxBytes = None,
    quiet: Quiet = False,
) -> None:
    """List the images of folders as a manifest: id, path, identity, sha256, size, depth,
    duplicates, and the status of each file.

    Example:
      fiqa scan faces/ -o faces.parquet
    """
    import sys

    from fiqa.data.containers import count_videos
    from fiqa.data.manifest import to_frame
    from fiqa.data.scan import scan
    from fiqa.data.tables import write_rows
    from fiqa.functional.display import failure_line

    manifest = scan(
        paths,
        out=out,
        decode=decode,
        limits=limits(max_pixels, max_bytes),
        progress=not quiet,
    )
    if out is None:
        write_rows(to_frame(manifest), sys.stdout.buffer, ".csv")
    failed = int((manifest.status != "ok").sum())
    if not quiet:
        videos = count_videos(paths)
        more = f", {videos} videos: fiqa select finds the faces in them" if videos else ""
        first = failure_line(manifest.path, manifest.status, manifest.columns["message"])
        why = f"; {first}" if first else ""
        typer.echo(f"{len(manifest)} images, {failed} failed{more}{why}", err=True)
    raise typer.Exit(SOME_FAILED if failed else OK)
