"""`fiqa label`: the typer spelling of fiqa.label."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from fiqa.cli import options


def command(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help=(
                "dmsfiqa, clib_fiqa, label_optimization, cr_fiqa, sdd_fiqa, faceqnet, ediffiqa,"
                " norm, or a scoring method."
            ),
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Write here; .parquet, .csv or .jsonl by suffix."
        ),
    ],
    faces: Annotated[
        str | None,
        typer.Option(
            "--faces",
            metavar="FILE",
            help="Manifest of the crops: rows, identities and pixels; or a folder.",
        ),
    ] = None,
    embeddings: Annotated[
        str | None,
        typer.Option(
            "--embeddings", metavar="FILE", help="Vectors of one recognizer, from fiqa embed."
        ),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            metavar="FILE",
            help=(
                "Any quality: for label_optimization (which takes several), faceqnet and ediffiqa."
            ),
        ),
    ] = None,
    templates: Annotated[
        str,
        typer.Option(
            "--templates",
            metavar="auto|FILE",
            help="dmsfiqa: the best candidate, or your edited table.",
        ),
    ] = "auto",
    centers: Annotated[
        str | None,
        typer.Option(
            "--centers",
            metavar="FILE",
            help="cr_fiqa, clib_fiqa: class centers, ids are the people.",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(
            "--html", metavar="FILE", help="dmsfiqa: contact sheet of the proposed templates."
        ),
    ] = None,
    settings: options.Settings = None,
    seed: options.Seed = 0,
    workers: options.Workers = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
    engine: options.Engine = "local",
    address: options.Address = None,
) -> None:
    r"""Make quality labels without people.

    Inputs are joined by id. A face without a label keeps its row, with a status that says why, and
    the exit code is 3. Beside the table stands its sidecar: hashes of the inputs, arguments, seed,
    models, versions, and what the run found.

    Example:
      fiqa label cr_fiqa --faces faces.parquet --embeddings emb.npz -o labels.csv
      fiqa label dmsfiqa --faces faces.csv --embeddings emb.npz --set group_column=track -o v.csv
      fiqa label label_optimization --embeddings emb.npz --prior labels.csv -o better.csv
      fiqa label cr_fiqa --embeddings emb.npy --engine ray --address auto -o labels.parquet
      fiqa label label_optimization --embeddings emb.npz --prior a.csv --prior b.csv \
        --set weights=auto --set theta=auto -o best.csv
    """
    from fiqa.labeling.run import label_rows
    from fiqa.settings import assignments

    run = label_rows(
        method,
        faces=faces,
        embeddings=embeddings,
        prior=prior,
        templates=templates,
        centers=centers,
        seed=seed,
        out=out,
        workers=workers,
        engine=engine,
        address=address,
        options=assignments(settings or ()),
        force=force,
        progress=not quiet,
        html=html,
        command=shlex.join(["fiqa", *sys.argv[1:]]),
    )
    if not quiet:
        state = f"{out} is current, nothing to do; --force does it again. " if run.current else ""
        typer.echo(f"{state}{len(run.quality)} labels, {run.failed} rows without", err=True)
        for line in _lines(run.about):
            typer.echo(f"  {line}", err=True)
    raise typer.Exit(options.SOME_FAILED if run.failed else options.OK)


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a run found, a table as a line for each of its rows."""
    for name, value in about.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{name}:"
            for row in value:
                yield "  " + ", ".join(f"{key} {cell:.4g}" for key, cell in row.items())
        else:
            yield f"{name}: {value}"
