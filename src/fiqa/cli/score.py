"""`fiqa score`: the typer spelling of fiqa.score."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from fiqa.cli import options

if TYPE_CHECKING:
    from fiqa.execute.summary import Summary
    from fiqa.scoring.row import Row
    from fiqa.scoring.run import Scoring

Aligned = Annotated[
    bool,
    typer.Option(
        "--aligned", help="The images are aligned crops; other sizes than 112 are resized."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME|FILE", help="A method's name, or an .onnx file with a card."
    ),
]
Recognizer = Annotated[
    str | None,
    typer.Option(
        "--recognizer",
        metavar="FILE",
        help="Of a method that asks one: dlib, .onnx or torch weights with a card.",
    ),
]
Explain = Annotated[bool, typer.Option("--explain", help="Add the six factors and the reasons.")]
ExplainBy = Annotated[
    Literal["model", "measures", "both"] | None,
    typer.Option(
        "--explain-by",
        help="Whose factors and reasons: the model's own, the analytic measures', or the model's"
        " with all measures.",
    ),
]
Html = Annotated[
    str | None,
    typer.Option(
        "--html", metavar="FILE", help="Write a contact sheet: crops, scores, what to do."
    ),
]
Map = Annotated[
    bool,
    typer.Option(
        "--map", help="With --html: under each score below 60, a map of what it comes from."
    ),
]
Calibration = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="From fiqa calibrate: adds match_chance, the chance of a correct match.",
    ),
]
Profile = Annotated[
    bool, typer.Option("--profile", help="Print where the time went: stage, seconds, share.")
]
Format = Annotated[
    Literal["csv", "jsonl"],
    typer.Option("--format", help="Form of the rows on stdout, without -o."),
]


def command(
    paths: options.Paths,
    aligned: Aligned = False,
    detector: options.Detector = "auto",
    faces: options.FacesPolicy = "largest",
    orientation: options.Orientation = "exif",
    language: options.Language = "en",
    model: Model = None,
    recognizer: Recognizer = None,
    settings: options.Settings = None,
    explain: Explain = False,
    explain_by: ExplainBy = None,
    calibration: Calibration = None,
    out: options.Output = None,
    html: Html = None,
    map_: Map = False,
    format_: Format = "csv",
    workers: options.Workers = None,
    weights: options.Weights = None,
    max_pixels: options.MaxPixels = None,
    max_bytes: options.MaxBytes = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
    engine: options.Engine = "local",
    address: options.Address = None,
    gpus: options.Gpus = 0,
    profile: Profile = False,
) -> None:
    """Score faces from 0 to 100 and say why.

    Whole photographs: faces are detected, aligned and scored. A face that fails keeps its row, with
    a status and no numbers. Exit code 3 means that some rows failed.

    Example:
      fiqa score photos/ --explain -o scores.parquet --html sheet.html
      fiqa score crops/ --aligned --model grafiqs --recognizer recognizer.pt -o scores.csv
      fiqa score s3://faces/shards/ --engine ray -o s3://faces/scores/
    """
    from fiqa.execute.dataset import for_shards, is_dataset
    from fiqa.scoring.chances import refuse_calibration
    from fiqa.scoring.dataset import ShardScoring
    from fiqa.scoring.run import plan, scoring_of
    from fiqa.settings import assignments

    _check_sheet(html, map_)
    how: dict[str, Any] = {
        "model": model,
        "recognizer": recognizer,
        "settings": assignments(settings or ()),
        "aligned": aligned,
        "detector": detector,
        "faces": faces,
        "explain": explain_by or explain or html is not None,
        "weights": weights,
        "limits": options.limits(max_pixels, max_bytes),
        "orientation": orientation,
        "language": language,
    }
    run_by: dict[str, Any] = {"workers": workers, "engine": engine, "address": address}
    if out is not None and is_dataset(out):
        if html is not None:
            raise typer.BadParameter("a contact sheet is of one file, -o names a folder of parts")
        refuse_calibration(out, calibration)
        if profile:
            raise typer.BadParameter("a profile is of one file, -o names a folder of parts")
        work = ShardScoring(scoring_of(**how))
        options.write_parts(paths, work, out, quiet=quiet, gpus=gpus, force=force, **run_by)
    for_shards("local", None, gpus=gpus)
    run = plan(
        paths,
        **how,
        **run_by,
        calibration=calibration,
        profile=profile,
        piecewise=True,
    )
    run.guard(out, html)
    if out is None:
        shown = explain or explain_by is not None
        rows, summary = _to_stdout(run, format_, shown, quiet, keep=html is not None)
    else:
        rows, summary = _to_file(run, out, force, quiet, keep=html is not None)
    if html is not None:
        from fiqa.scoring.sheet import write_sheet

        write_sheet(
            rows,
            html,
            limits=run.how.limits,
            footer=shlex.join(["fiqa", *sys.argv[1:]]),
            language=language,
            mapped=run.how.scorer if map_ else None,
        )
    if run.profile is not None:
        run.profile.tell()
    if not quiet:
        typer.echo(summary.line(), err=True)
    raise typer.Exit(options.SOME_FAILED if summary.failed else options.OK)


def _check_sheet(html: str | None, mapped: bool) -> None:
    if html is not None:
        options.check_page(html)
    elif mapped:
        raise typer.BadParameter("--map draws on a contact sheet, name one by --html")


def _to_file(
    run: Scoring, out: str, force: bool, quiet: bool, *, keep: bool
) -> tuple[list[Row], Summary]:
    """Writes the table and returns its rows if they are wanted."""
    from fiqa.data.tables import read_table
    from fiqa.scoring.run import write_scores

    summary = write_scores(run, out, force=force, progress=not quiet)
    if summary.current and not quiet:
        typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
    rows = cast("list[Row]", read_table(out).to_dicts()) if keep else []
    return rows, summary


def _to_stdout(
    run: Scoring, form: str, explain: bool, quiet: bool, *, keep: bool
) -> tuple[list[Row], Summary]:
    """Prints one short row per face as it comes and returns the whole rows if they are wanted."""
    from fiqa.data.tables import frame_of, write_rows
    from fiqa.execute.summary import Summary
    from fiqa.functional.display import failure_line
    from fiqa.progress import counted, teller

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


def _short(row: Row, explain: bool) -> dict[str, Any]:
    """The columns of a row that a person reads."""
    from fiqa.vocabulary import FACTORS

    columns = dict(row)
    names = ("path", "face_index", "status", "uqs", "score", "level")
    short: dict[str, Any] = {name: columns[name] for name in names}
    for name in ("score", *(["match_chance"] if "match_chance" in columns else [])):
        value: Any = columns[name]
        short[name] = None if value is None else round(value, 4)
    if explain:
        factors = row["factors"] or {}
        short["reasons"] = list(row["reasons"] or ())
        short["advice"] = list(row["advice"] or ())
        short |= {
            f"factor_{name}": None if value is None else round(value, 3)
            for name, value in ((name, factors.get(name)) for name in FACTORS)
        }
    return short
