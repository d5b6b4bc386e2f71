"""`fiqa tables`: the typer spelling of fiqa.tables."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options
from fiqa.cli.evaluate import (
    EmbeddingFiles,
    FacesFile,
    Flip,
    Fmr,
    Limits,
    Matching,
    PairFile,
    ProtocolName,
    Qualities,
    StartFnmr,
)

PaperName = Annotated[
    Literal["dms", "clib", "label-opt"],
    typer.Argument(metavar="PAPER", help="dms, clib or label-opt.", show_default=False),
]
DataSets = Annotated[
    list[str] | None,
    typer.Option(
        "--data-set",
        metavar="DIR",
        help=(
            "clib, label-opt: a data set (quality/, embeddings/, pairs.*, faces.*), again for more."
        ),
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="LABELS", help="dms: labels in 0..1 to agree with."),
]
Same = Annotated[
    str | None,
    typer.Option("--same", metavar="RECOGNIZER", help="label-opt: the one that made the labels."),
]
Folder = Annotated[
    str | None,
    typer.Option("-o", "--out", metavar="DIR", help="Write the tables here: .csv, .md, JSON."),
]


def command(
    paper: PaperName,
    quality: Qualities = None,
    embeddings: EmbeddingFiles = None,
    data_set: DataSets = None,
    target: Target = None,
    same: Same = None,
    pairs: PairFile = None,
    faces: FacesFile = None,
    fmr: Fmr = 1e-3,
    protocol: ProtocolName = "iso",
    start_fnmr: StartFnmr = None,
    limit: Limits = None,
    seed: options.Seed = 0,
    match: Matching = "id",
    flip: Flip = None,
    out: Folder = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the tables of a paper from your own qualities and recognizers.

    dms: DmsFIQA's agreement with labels, spread, and verification under filtering. clib:
    CLIB-FIQA's areas, methods by data sets. label-opt: what optimizing labels changes; qualities
    are named METHOD.baseline, METHOD.optimized and, for the ablation, METHOD.prior.

    Example:
      fiqa tables dms --quality scores.parquet --embeddings emb.npz --target labels.parquet -o dms/
      fiqa tables clib --data-set data/lfw --data-set data/cplfw -o clib/
    """
    from fiqa.cli.reports import show
    from fiqa.evaluation.request import Request
    from fiqa.verbs.evaluate import setting
    from fiqa.verbs.tables import TableRun

    how = setting(fmr, protocol, start_fnmr, limit or (0.3, 0.95), 0, 0.95, seed)
    request = Request(quality or (), embeddings or (), pairs, faces, match, flip or ())
    show(
        TableRun.of(paper, request, how, data_set or (), target, same),
        out,
        force=force,
        quiet=quiet,
    )
