"""`fiqa tables`: the typer spelling of fiqa.tables."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options
from fiqa.cli.evaluate import (
    EmbeddingFiles,
    FacesFile,
    Flip,
    Level,
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
            "A data set (quality/, embeddings/, pairs.*, faces.*), again for more. dms: compared"
            " with the first."
        ),
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="LABELS", help="dms: labels in 0..1 to agree with."),
]
Rates = Annotated[
    list[float] | None,
    typer.Option(
        "--fmr",
        metavar="RATE",
        help="False match rate of the threshold; clib: again for more. Default: 0.001.",
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        "--draws", metavar="N", min=0, help="Resamples of identities for intervals; 0: none."
    ),
]
Same = Annotated[
    str | None,
    typer.Option("--same", metavar="RECOGNIZER", help="label-opt: the one that made the labels."),
]
Times = Annotated[
    str | None,
    typer.Option(
        "--times",
        metavar="TABLE",
        help="label-opt: run times (method, id, ms) of METHOD.baseline and METHOD.optimized.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit", metavar="COLUMN", help="dms: what is drawn as one in a data set. Default: people."
    ),
]
Per = Annotated[
    list[str] | None,
    typer.Option(
        "--per",
        metavar="COLUMN",
        help="dms: the best K of each value of this column of --faces too (track).",
    ),
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
    times: Times = None,
    unit: Unit = None,
    per: Per = None,
    pairs: PairFile = None,
    faces: FacesFile = None,
    fmr: Rates = None,
    protocol: ProtocolName = "iso",
    start_fnmr: StartFnmr = None,
    limits: Limits = None,
    draws: Draws = 0,
    level: Level = 0.95,
    seed: options.Seed = 0,
    match: Matching = "id",
    flip: Flip = None,
    out: Folder = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Make the tables of a paper from your own qualities and recognizers.

    dms: DmsFIQA's agreement with labels, spread, and verification under filtering; of data sets:
    whether scores collapse or shift in another domain. clib: CLIB-FIQA's areas, methods by data
    sets. label-opt: what optimizing labels changes; qualities are named METHOD.baseline,
    METHOD.optimized and, for the ablation, METHOD.prior.

    Example:
      fiqa tables dms --quality scores.csv --embeddings emb.npz --target labels.csv -o tables/
      fiqa tables dms --data-set data/web --data-set data/cabin -o domains/
      fiqa tables clib --data-set data/lfw --data-set data/cplfw --draws 200 -o tables/
    """
    from fiqa.cli.reports import show
    from fiqa.evaluation.request import Request
    from fiqa.evaluation.setting import Setting
    from fiqa.report.evaluation.paper_tables import TableRun

    rates = fmr or (Setting.fmr,)
    areas = limits or Setting.limits
    setting = Setting(rates[0], protocol, start_fnmr, areas, draws, level, seed)
    request = Request(quality or (), embeddings or (), pairs, faces, match, flip or ())
    show(
        TableRun.of(
            paper, request, setting, data_set or (), target, same, rates, unit, per or (), times
        ),
        out,
        force=force,
        quiet=quiet,
    )
