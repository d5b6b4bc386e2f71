"""`fiqa evaluate`: the typer spelling of fiqa.evaluate and of the papers' tables."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Literal

import typer

from fiqa.cli import options

Quality = Annotated[
    list[str] | None,
    typer.Option(
        "--quality",
        metavar="[NAME=]FILE",
        help="Scores or labels, again for each method; `norm`: the embedding norms.",
    ),
]
EmbeddingFiles = Annotated[
    list[str] | None, typer.Option("--embeddings", metavar="FILE", help="Vectors of a recognizer, again for each.")
]
PairFile = Annotated[str | None, typer.Option("--pairs", metavar="FILE", help="The pairs to compare.")]
AllPairs = Annotated[bool, typer.Option("--all-pairs", help="Compare all pairs; so without --pairs.")]
FacesFile = Annotated[
    str | None,
    typer.Option("--faces", metavar="MANIFEST", help="Which images count, and who is on them (column identity)."),
]
Fmr = Annotated[float, typer.Option("--fmr", metavar="RATE", help="False match rate of the threshold.")]
ProtocolName = Annotated[
    str, typer.Option("--protocol", metavar="NAME", help="iso, clib, crfiqa, magface or schlett2023.")
]
StartFnmr = Annotated[
    float | None, typer.Option("--start-fnmr", metavar="RATE", help="schlett2023: the FNMR at discard 0.")
]
Limits = Annotated[
    list[float] | None,
    typer.Option("--limit", metavar="SHARE", help="Areas up to here, again for more. Default: 0.3, 0.95."),
]
Draws = Annotated[int, typer.Option("--draws", metavar="N", min=0, help="Resamples of identities for bands; 0: none.")]
Level = Annotated[float, typer.Option("--level", metavar="SHARE", help="Confidence of bands and intervals.")]
Matching = Annotated[
    Literal["id", "name", "stem"], typer.Option("--match", help="How the names of one file find those of another.")
]
PaperTable = Annotated[
    str | None, typer.Option("--table", metavar="PAPER", help="A paper's tables instead: dms, clib or label-opt.")
]
Target = Annotated[
    str | None, typer.Option("--target", metavar="LABELS", help="--table dms: labels in 0..1 to agree with.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="DIR",
        help="--table clib, label-opt: a data set (quality/, embeddings/, pairs.*, faces.*).",
    ),
]
Same = Annotated[
    str | None,
    typer.Option("--same", metavar="RECOGNIZER", help="--table label-opt: the one that made the labels."),
]
Flip = Annotated[
    list[str] | None,
    typer.Option("--flip", metavar="NAME", help="Of this quality lower is better; again for more."),
]
Thumbnails = Annotated[
    str | None,
    typer.Option("--thumbnails", metavar="DIR", help="Show the faces of the worst pairs, found here by id."),
]
Folder = Annotated[
    str | None,
    typer.Option("-o", "--out", metavar="DIR", help="Write the report here: index.html, plots, tables, JSON."),
]


def command(
    quality: Quality = None,
    embeddings: EmbeddingFiles = None,
    pairs: PairFile = None,
    all_pairs: AllPairs = False,
    faces: FacesFile = None,
    fmr: Fmr = 1e-3,
    protocol: ProtocolName = "iso",
    start_fnmr: StartFnmr = None,
    limit: Limits = None,
    draws: Draws = 200,
    level: Level = 0.95,
    seed: options.Seed = 0,
    match: Matching = "id",
    flip: Flip = None,
    table: PaperTable = None,
    target: Target = None,
    sets: Sets = None,
    same: Same = None,
    thumbnails: Thumbnails = None,
    out: Folder = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove a score: error-versus-discard curves of many qualities under many recognizers.

    Rows are joined by id. Every curve stands beside those of a random quality and of an oracle, and every number beside its protocol and counts.

    Example:
      fiqa evaluate --quality scores.parquet --quality norm --embeddings emb.npz --fmr 1e-3 -o report/
    """
    from fiqa.errors import InputError
    from fiqa.verbs.evaluate import setting
    from fiqa.verbs.evaluate_run import Request, run

    if pairs is not None and all_pairs:
        raise InputError("--pairs and --all-pairs exclude each other.")
    how = setting(fmr, protocol, start_fnmr, limit or (0.3, 0.95), draws, level, seed)
    request = Request(
        tuple(quality or ()),
        tuple(embeddings or ()),
        pairs,
        faces,
        match,
        table,
        target,
        tuple(sets or ()),
        same,
        thumbnails,
        tuple(flip or ()),
    )
    done = run(
        request,
        how,
        out=out,
        force=force,
        command=shlex.join(["fiqa", *sys.argv[1:]]),
        progress=not quiet,
    )
    typer.echo(done.text)
    if out is not None and not quiet:
        typer.echo(
            f"{out} is current, nothing to do; --force does it again" if done.current else f"report in {out}",
            err=True,
        )
