"""`fiqa evaluate`: the typer spelling of fiqa.evaluate."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options

Qualities = Annotated[
    list[str] | None,
    typer.Option(
        "--quality",
        metavar="[NAME=]FILE",
        help="Scores or labels, again for each method; `norm`: the embedding norms.",
    ),
]
EmbeddingFiles = Annotated[
    list[str] | None,
    typer.Option("--embeddings", metavar="FILE", help="Vectors of a recognizer, again for each."),
]
PairFile = Annotated[
    str | None, typer.Option("--pairs", metavar="FILE", help="The pairs to compare. Default: all.")
]
FacesFile = Annotated[
    str | None,
    typer.Option(
        "--faces",
        metavar="MANIFEST",
        help="Which images count, and who is on them (column identity).",
    ),
]
Fmr = Annotated[
    float, typer.Option("--fmr", metavar="RATE", help="False match rate of the threshold.")
]
ProtocolName = Annotated[
    str,
    typer.Option("--protocol", metavar="NAME", help="iso, clib, crfiqa, magface or schlett2023."),
]
StartFnmr = Annotated[
    float | None,
    typer.Option("--start-fnmr", metavar="RATE", help="schlett2023: the FNMR at discard 0."),
]
Limits = Annotated[
    list[float] | None,
    typer.Option(
        "--limits", metavar="SHARE", help="Areas up to here, again for more. Default: 0.3, 0.95."
    ),
]
Draws = Annotated[
    int,
    typer.Option("--draws", metavar="N", min=0, help="Resamples of identities for bands; 0: none."),
]
Level = Annotated[
    float, typer.Option("--level", metavar="SHARE", help="Confidence of bands and intervals.")
]
Matching = Annotated[
    Literal["id", "name", "stem"],
    typer.Option("--match", help="How the names of one file find those of another."),
]
Flip = Annotated[
    list[str] | None,
    typer.Option("--flip", metavar="NAME", help="Of this quality lower is better; again for more."),
]
Across = Annotated[
    str | None,
    typer.Option(
        "--across",
        metavar="COLUMN",
        help="Mated pairs only between two values of this column of --faces (drive, segment).",
    ),
]
Count = Annotated[
    bool | None,
    typer.Option(
        "--count/--no-count",
        help=(
            "Count mated pairs in cells and hold none: flat memory, bounds in the place of bands."
            " Default: above 20 million."
        ),
        show_default=False,
    ),
]
Thumbnails = Annotated[
    str | None,
    typer.Option(
        "--thumbnails", metavar="DIR", help="Show the faces of the worst pairs, found here by id."
    ),
]
Device = Annotated[
    Literal["cpu", "cuda"],
    typer.Option("--device", help="cuda: where pairs are counted, the non-mated ones on a GPU."),
]
Folder = Annotated[
    str | None,
    typer.Option(
        "-o", "--out", metavar="DIR", help="Write the report here: index.html, plots, tables, JSON."
    ),
]


def command(
    quality: Qualities = None,
    embeddings: EmbeddingFiles = None,
    pairs: PairFile = None,
    faces: FacesFile = None,
    fmr: Fmr = 1e-3,
    protocol: ProtocolName = "iso",
    start_fnmr: StartFnmr = None,
    limits: Limits = None,
    draws: Draws = 200,
    level: Level = 0.95,
    seed: options.Seed = 0,
    match: Matching = "id",
    flip: Flip = None,
    across: Across = None,
    count: Count = None,
    thumbnails: Thumbnails = None,
    out: Folder = None,
    workers: options.Workers = None,
    engine: options.Engine = "local",
    address: options.Address = None,
    device: Device = "cpu",
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Prove a score: error-versus-discard curves of many qualities under many recognizers.

    Rows are joined by id. Every curve stands beside those of a random quality and of an oracle, and
    every number beside its protocol and counts.

    Example:
      fiqa evaluate --quality scores.csv --quality norm --embeddings emb.npz --fmr 1e-3 -o report/
      fiqa evaluate --quality scores/ --embeddings emb/ --count --engine ray -o report/
    """
    from fiqa.cli.reports import show
    from fiqa.errors import InputError
    from fiqa.evaluation.request import Request
    from fiqa.evaluation.setting import Setting
    from fiqa.execute.engines import Where
    from fiqa.report.evaluation.run import EvaluationRun

    if not quality or not embeddings:
        raise InputError(
            "Evaluation needs at least one --quality and one --embeddings.",
            hint="see the example of fiqa evaluate --help",
        )
    limit = limits or Setting.limits
    setting = Setting(fmr, protocol, start_fnmr, limit, draws, level, seed, count=count)
    request = Request(quality, embeddings, pairs, faces, match, flip or (), across)
    run = EvaluationRun(request, setting, thumbnails, Where(engine, address, workers, device))
    show(run, out, force=force, quiet=quiet)
