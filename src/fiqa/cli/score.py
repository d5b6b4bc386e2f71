"""`fiqa score`: the typer spelling of fiqa.score."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fiqa.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fiqa.scoring.rows import Row
    from fiqa.scoring.run import Scoring, Summary


def command(
    paths: options.Paths,
    aligned: Annotated[
        bool,
        typer.Option(
            "--aligned", help="The images are aligned crops; other sizes than 112 are resized."
        ),
    ] = False,
    detector: options.Detector = "auto",
    faces: options.FacesPolicy = "largest",
    orientation: options.Orientation = "exif",
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME|FILE", help="A method's name, or an .onnx file with a card."
        ),
    ] = None,
    recognizer: Annotated[
        str | None,
        typer.Option(
            "--recognizer",
            metavar="FILE",
            help="Of a method that asks one: .onnx or torch weights, with a card.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting of the method; again for more."
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the six factors and the reasons.")
    ] = False,
    out: options.Output = None,
    html: Annotated[
        str | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a contact sheet: crops, scores, what to do."
        ),
    ] = None,
    format_: Annotated[
        Literal["csv", "jsonl"],
        typer.Option("--format", help="Form of the rows on stdout, without -o."),
    ] = "csv",
    workers: options.Workers = None,
    weights: options.Weights = None,
    max_pixels: options.MaxPixels = None,
    max_bytes: options.MaxBytes = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Score faces from 0 to 100 and say why.

    Whole photographs: faces are detected, aligned and scored. A face that fails keeps its row, with
    a status and no numbers. Exit code 3 means that some rows failed.

    Example:
      fiqa score photos/ --explain -o scores.parquet --html sheet.html
      fiqa score crops/ --aligned --model grafiqs --recognizer recognizer.pt -o grafiqs.parquet
    """
    from fiqa.scoring.run import plan

    if html is not None:
        options.check_page(html)
    run = plan(
        paths,
        model=model,
        recognizer=recognizer,
        settings=_settings(settings or ()),
        aligned=aligned,
        detector=detector,
        faces=faces,
        explain=explain or html is not None,
        weights=weights,
        limits=options.limits(max_pixels, max_bytes),
        workers=workers,
        orientation=orientation,
    )
    run.guard(out, html)
    if out is None:
        rows, summary = _to_stdout(run, format_, explain, quiet, keep=html is not None)
    else:
        rows, summary = _to_file(run, out, force, quiet, keep=html is not None)
    if html is not None:
        from fiqa.scoring.sheet import write_sheet

        write_sheet(rows, html, limits=run.how.limits, footer=shlex.join(["fiqa", *sys.argv[1:]]))
    if not quiet:
        typer.echo(summary.line(), err=True)
    raise typer.Exit(options.SOME_FAILED if summary.failed else options.OK)


def _settings(texts: Iterable[str]) -> dict[str, Any]:
    """The settings in NAME=VALUE texts; a value that is a number is one, all else is text."""
    import json

    from fiqa.errors import InputError

    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise InputError(
                f"--set must be NAME=VALUE, got {text!r}.",
                hint="fiqa methods NAME lists the settings",
            )
        try:
            number = json.loads(value)
        except ValueError:
            number = None
        found[name] = number if isinstance(number, int | float) else value
    return found


def _to_file(
    run: Scoring, out: str, force: bool, quiet: bool, *, keep: bool
) -> tuple[list[Row], Summary]:
    """Writes the table and returns its rows if they are wanted."""
    from fiqa.data.tables import read_table
    from fiqa.scoring.run import write_scores

    summary = write_scores(run, out, force=force, progress=not quiet)
    if summary.current and not quiet:
        typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
    return read_table(out).to_dicts() if keep else [], summary


def _to_stdout(
    run: Scoring, form: str, explain: bool, quiet: bool, *, keep: bool
) -> tuple[list[Row], Summary]:
    """Prints one short row per face as it comes and returns the whole rows if they are wanted."""
    from fiqa.data.tables import frame_of, write_rows
    from fiqa.functional.display import failure_line
    from fiqa.progress import counted, teller
    from fiqa.scoring.run import Summary

    kept: list[Row] = []
    statuses: Counter[str] = Counter()
    first = ""
    quiet = quiet or sys.stdout.isatty()
    told = teller(not quiet)
    with closing(run.rows()) as images:
        for number, image in enumerate(counted(images, told, "score", len(run))):
            write_rows(
                frame_of(_short(row, explain) for row in image),
                sys.stdout.buffer,
                f".{form}",
                header=number == 0,
            )
            sys.stdout.buffer.flush()
            statuses.update(row["status"] for row in image)
            kept += image if keep else []
            first = first or failure_line(
                [row["path"] for row in image], [row["status"] for row in image]
            )
    return kept, Summary(statuses, first=first)


def _short(row: Row, explain: bool) -> Row:
    """The columns of a row that a person reads."""
    from fiqa.vocabulary import FACTORS

    short = {name: row[name] for name in ("path", "face_index", "status", "uqs", "score", "level")}
    short["score"] = None if row["score"] is None else round(row["score"], 4)
    if explain:
        factors = row["factors"] or {}
        short["reasons"] = list(row["reasons"] or ())
        short |= {
            f"factor_{name}": None if factors.get(name) is None else round(factors[name], 3)
            for name in FACTORS
        }
    return short
