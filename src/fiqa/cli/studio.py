"""`fiqa studio`: the typer spelling of fiqa.studio."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options
from fiqa.cli.serve import Host, Token, TokenFile

Faces = Annotated[
    str,
    typer.Argument(
        metavar="FACES",
        help="A folder of aligned crops, a list of them (.txt) or a manifest.",
        show_default=False,
    ),
]
Scores = Annotated[
    list[str] | None,
    typer.Option("--scores", metavar="FILE", help="A table of scores; twice for the page Compare."),
]
Candidates = Annotated[
    str | None,
    typer.Option(
        "--candidates", metavar="FILE", help="Template candidates that fiqa label dmsfiqa wrote."
    ),
]
Labels = Annotated[str | None, typer.Option("--labels", metavar="FILE", help="A table of labels.")]
Embeddings = Annotated[
    list[str] | None,
    typer.Option("--embeddings", metavar="FILE", help="Vectors; once for each recognizer."),
]
Findings = Annotated[
    str | None, typer.Option("--findings", metavar="FILE", help="The table of fiqa clean.")
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        "--group-column",
        metavar="COLUMN",
        help="Column of the faces that tells their segments; track where there is one.",
    ),
]
Store = Annotated[
    str, typer.Option("--store", metavar="FILE", help="The file that decisions are added to.")
]
Annotator = Annotated[
    str,
    typer.Option("--annotator", metavar="NAME", help="Who decides; without it the browser asks."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|FILE", help="What scores a photograph in Look."),
]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")
]


def command(
    faces: Faces,
    scores: Scores = None,
    candidates: Candidates = None,
    labels: Labels = None,
    embeddings: Embeddings = None,
    findings: Findings = None,
    group_column: GroupColumn = None,
    store: Store = "studio.sqlite",
    annotator: Annotator = "",
    model: Model = None,
    host: Host = "127.0.0.1",
    port: Port = 8001,
    token_file: TokenFile = None,
    token: Token = True,
    max_pixels: options.MaxPixels = None,
    max_bytes: options.MaxBytes = None,
) -> None:
    """Choose templates and review faces in a browser.

    It listens on this machine alone, prints a link that opens it once, and keeps every decision in
    a file of SQLite. Ctrl-C ends it; begun again with the same --store it goes on where it was.

    Example:
      fiqa studio faces/ --candidates labels.parquet.templates.csv
    """
    from fiqa.studio_app.server import studio

    studio(
        faces,
        scores=scores or (),
        candidates=candidates,
        labels=labels,
        embeddings=embeddings or (),
        findings=findings,
        group_column=group_column,
        store=store,
        annotator=annotator,
        model=model,
        host=host,
        port=port,
        token_file=token_file,
        token=token,
        limits=options.limits(max_pixels, max_bytes),
    )
