"""`fiqa threshold`: the typer spelling of fiqa.threshold."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Literal

import typer

from fiqa.cli import options


def command(
    quality: Annotated[str, typer.Option("--quality", metavar="[NAME=]FILE", help="Scores of the method to cut.")],
    embeddings: Annotated[str, typer.Option("--embeddings", metavar="FILE", help="Vectors of your recognizer.")],
    fnmr: Annotated[
        float | None,
        typer.Option("--fnmr", metavar="RATE", help="The false non-match rate to reach among what is kept."),
    ] = None,
    coverage: Annotated[
        float | None, typer.Option("--coverage", metavar="SHARE", help="Instead: the share of images to keep.")
    ] = None,
    fmr: Annotated[
        float, typer.Option("--fmr", metavar="RATE", help="False match rate of the recognizer's threshold.")
    ] = 1e-3,
    pairs: Annotated[
        str | None, typer.Option("--pairs", metavar="FILE", help="The pairs to compare. Default: all.")
    ] = None,
    faces: Annotated[
        str | None,
        typer.Option("--faces", metavar="MANIFEST", help="Which images count, who is on them, and the groups."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COLUMN", help="A column of --faces: discard rate and FNMR gap per group."),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=2, help="Resamples of identities for intervals.")
    ] = 200,
    level: Annotated[float, typer.Option("--level", metavar="SHARE", help="Confidence of the intervals.")] = 0.95,
    seed: options.Seed = 0,
    match: Annotated[
        Literal["id", "name", "stem"], typer.Option("--match", help="How the names of one file find those of another.")
    ] = "id",
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="FILE", help="Write every number here as JSON.")
    ] = None,
) -> None:
    """Find the score to cut at, with a confidence interval and what the cut costs.

    From your own images and recognizer: the cut that reaches a wanted FNMR at a wanted FMR, or that keeps a wanted share. Where the data cannot support the
    claim it is refused, with the numbers that are missing (exit code 1).

    Example:
      fiqa threshold --quality scores.parquet --embeddings emb.npz --fmr 1e-3 --fnmr 0.01 -o cut.json
    """
    from fiqa.verbs.threshold import files_of, threshold, write_cut

    arguments = {
        "fnmr": fnmr,
        "coverage": coverage,
        "fmr": fmr,
        "group": group,
        "draws": draws,
        "level": level,
        "seed": seed,
    }
    found = threshold(
        quality,
        embeddings,
        pairs=pairs,
        faces=faces,
        group=group,
        fnmr=fnmr,
        coverage=coverage,
        fmr=fmr,
        draws=draws,
        level=level,
        seed=seed,
        match=match,
    )
    if out is not None:
        files = files_of(quality, embeddings, pairs, faces)
        write_cut(
            found,
            out,
            arguments=arguments | {"match": match},
            files=files,
            command=shlex.join(["fiqa", *sys.argv[1:]]),
        )
    typer.echo(found.text())
