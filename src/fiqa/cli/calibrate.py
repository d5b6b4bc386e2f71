"""`fiqa calibrate`: the typer spelling of fiqa.calibrate."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options

Scores = Annotated[
    str, typer.Option("--quality", metavar="[NAME=]FILE", help="Scores of the method.")
]
Vectors = Annotated[
    str, typer.Option("--embeddings", metavar="FILE", help="Vectors of your recognizer.")
]
FacesFile = Annotated[
    str | None,
    typer.Option(
        "--faces", metavar="MANIFEST", help="Which images count, who is on them, and the regimes."
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="COLUMN", help="A column of --faces: a curve for each value."),
]
Across = Annotated[
    str | None,
    typer.Option(
        "--across",
        metavar="COLUMN",
        help="A column of --faces, such as drive: only pairs across its values count.",
    ),
]
Factors = Annotated[
    str | None,
    typer.Option(
        "--factors",
        metavar="FILE",
        help="From fiqa score --explain: a curve for each factor too.",
    ),
]
Fmr = Annotated[
    float,
    typer.Option("--fmr", metavar="RATE", help="False match rate of the recognizer's threshold."),
]
Matching = Annotated[
    Literal["id", "name", "stem"],
    typer.Option("--match", help="How the names of one file find those of another."),
]
Output = Annotated[
    str | None, typer.Option("-o", "--out", metavar="FILE", help="Write every number here as JSON.")
]


def command(
    quality: Scores,
    embeddings: Vectors,
    faces: FacesFile = None,
    by: By = None,
    across: Across = None,
    factors: Factors = None,
    fmr: Fmr = 1e-3,
    seed: options.Seed = 0,
    match: Matching = "id",
    out: Output = None,
) -> None:
    r"""Map scores to the chance of a correct match, by regime.

    Each curve never falls. Exit code 3 means that a regime is refused: it has mated pairs of fewer
    than 10 people.

    Example:
      fiqa calibrate --quality scores.parquet --embeddings emb.npz --faces faces.parquet \
        --by regime -o chance.json
    """
    from fiqa.verbs.calibrate import calibrate

    found = calibrate(
        quality,
        embeddings,
        faces=faces,
        by=by,
        across=across,
        factors=factors,
        fmr=fmr,
        seed=seed,
        match=match,
        out=out,
    )
    typer.echo(found.text())
    raise typer.Exit(options.SOME_FAILED if found.refused else options.OK)
