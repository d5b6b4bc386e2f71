"""`fiqa threshold`: the typer spelling of fiqa.threshold."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options

Scores = Annotated[
    str, typer.Option("--quality", metavar="[NAME=]FILE", help="Scores of the method to cut.")
]
Vectors = Annotated[
    str, typer.Option("--embeddings", metavar="FILE", help="Vectors of your recognizer.")
]
Fnmr = Annotated[
    list[float] | None,
    typer.Option(
        "--fnmr", metavar="RATE", help="The false non-match rate to reach; again for more."
    ),
]
Coverage = Annotated[
    list[float] | None,
    typer.Option(
        "--coverage", metavar="SHARE", help="Instead: the share of images to keep; again for more."
    ),
]
Fmr = Annotated[
    float,
    typer.Option("--fmr", metavar="RATE", help="False match rate of the recognizer's threshold."),
]
Confidence = Annotated[
    float,
    typer.Option(
        "--confidence", metavar="SHARE", help="How sure the safe cut is to hold for other people."
    ),
]
PairFile = Annotated[
    str | None, typer.Option("--pairs", metavar="FILE", help="The pairs to compare. Default: all.")
]
FacesFile = Annotated[
    str | None,
    typer.Option(
        "--faces", metavar="MANIFEST", help="Which images count, who is on them, and the groups."
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="COLUMN", help="A column of --faces: what the cut does to each group."
    ),
]
Draws = Annotated[
    int, typer.Option("--draws", metavar="N", min=2, help="Resamples of identities for intervals.")
]
Level = Annotated[
    float, typer.Option("--level", metavar="SHARE", help="Confidence of the intervals.")
]
Matching = Annotated[
    Literal["id", "name", "stem"],
    typer.Option("--match", help="How the names of one file find those of another."),
]
Flip = Annotated[
    bool, typer.Option("--flip", help="Lower is better in this quality: turn its sign.")
]
Output = Annotated[
    str | None, typer.Option("-o", "--out", metavar="FILE", help="Write every number here as JSON.")
]
Page = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a page with a plot here, one HTML file."),
]


def command(
    quality: Scores,
    embeddings: Vectors,
    fnmr: Fnmr = None,
    coverage: Coverage = None,
    fmr: Fmr = 1e-3,
    confidence: Confidence = 0.9,
    pairs: PairFile = None,
    faces: FacesFile = None,
    group: Group = None,
    draws: Draws = 200,
    level: Level = 0.95,
    seed: options.Seed = 0,
    match: Matching = "id",
    flip: Flip = False,
    out: Output = None,
    html: Page = None,
    quiet: options.Quiet = False,
) -> None:
    r"""Find the score to cut at, for these images and so that it holds for other people too.

    From your own images and recognizer: the cut that reaches a wanted FNMR at a wanted FMR, or that
    keeps a wanted share. Where the data cannot support the claim it is refused, with the numbers
    that are missing (exit code 1).

    Example:
      fiqa threshold --quality scores.csv --embeddings emb.npz --fnmr 0.01 --html cut.html
    """
    from fiqa.verbs.threshold import threshold

    report = threshold(
        quality,
        embeddings,
        pairs=pairs,
        faces=faces,
        group=group,
        fnmr=fnmr,
        coverage=coverage,
        fmr=fmr,
        confidence=confidence,
        draws=draws,
        level=level,
        seed=seed,
        match=match,
        flip=flip,
        out=out,
        html=html,
        progress=not quiet,
    )
    typer.echo(report.text())
