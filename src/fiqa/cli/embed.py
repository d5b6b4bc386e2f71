"""fiqa embed: recognition vectors of aligned crops."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli.options import (
    OK,
    SOME_FAILED,
    Address,
    Engine,
    Force,
    Gpus,
    MaxBytes,
    MaxPixels,
    Paths,
    Quiet,
    Workers,
    limits,
    write_parts,
)


def command(
    paths: Paths,
    recognizer: Annotated[
        str,
        typer.Option(
            "--recognizer",
            metavar="FILE|NAME",
            help="dlib, an .onnx file with its card, or a name in FIQA_HOME.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="Write here: .npz, .npy (ids beside it) or .parquet; of shards, a folder/.",
        ),
    ],
    flip: Annotated[
        bool, typer.Option("--flip", help="Mean of the vectors of each crop and its mirror image.")
    ] = False,
    half: Annotated[bool, typer.Option("--half", help="Store float16: half the size.")] = False,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", min=1, help="Crops held at once.")
    ] = 64,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", metavar="N", min=1, help="Threads of the recognizer; one per core."
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    max_bytes: MaxBytes = None,
    force: Force = False,
    quiet: Quiet = False,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    gpus: Gpus = 0,
) -> None:
    """Compute recognition vectors of aligned crops.

    A crop that cannot be read, or whose vector is NaN or zero, has no vector: it is listed with its
    status in FILE.failed.csv, and the exit code is 3.

    Example:
      fiqa embed crops/ --recognizer recognizer.onnx -o emb.npz
      fiqa embed crops/ --recognizer dlib -o emb.npz
      fiqa embed s3://faces/shards/ --recognizer recognizer.onnx --engine ray -o s3://faces/emb/
    """
    from fiqa.embedding.dataset import shard_embedding
    from fiqa.embedding.run import embed_rows
    from fiqa.execute.dataset import for_shards, is_dataset
    from fiqa.functional.display import failure_line

    if is_dataset(out):
        shards = shard_embedding(
            recognizer,
            flip=flip,
            limits=limits(max_pixels, max_bytes),
            threads=threads,
            batch=batch,
            half=half,
        )
        write_parts(
            paths,
            shards,
            out,
            quiet=quiet,
            engine=engine,
            address=address,
            gpus=gpus,
            workers=workers,
            force=force,
        )
    for_shards(engine, address, workers, gpus)
    run = embed_rows(
        paths,
        recognizer=recognizer,
        batch=batch,
        out=out,
        flip=flip,
        threads=threads,
        limits=limits(max_pixels, max_bytes),
        half=half,
        force=force,
        progress=not quiet,
    )
    if not quiet:
        state = "already there, " if run.current else ""
        typer.echo(
            f"{state}{len(run.embeddings)} vectors of {run.embeddings.vector.shape[1]} numbers,"
            f" {run.failed} failed",
            err=True,
        )
        if run.failed:
            typer.echo(failure_line(run.manifest.path, run.manifest.status), err=True)
    raise typer.Exit(SOME_FAILED if run.failed else OK)
