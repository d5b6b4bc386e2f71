"""Options that several commands share, and the exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from fiqa.data.images import Limits
    from fiqa.execute.dataset import ShardWork

__all__ = [
    "ALARM",
    "FATAL",
    "INTERRUPTED",
    "OK",
    "SOME_FAILED",
    "USAGE",
    "Address",
    "Detector",
    "Engine",
    "FacesPolicy",
    "Force",
    "Gpus",
    "Language",
    "MaxBytes",
    "MaxPixels",
    "Orientation",
    "Output",
    "Paths",
    "Quiet",
    "Seed",
    "Settings",
    "Weights",
    "Workers",
    "check_page",
    "limits",
    "write_parts",
]

OK, FATAL, USAGE, SOME_FAILED, ALARM, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: every row ok; anything fatal; wrong usage; rows written, some of them failed (or
cells of a fleet that cannot be judged); a fleet that is no longer what it was; stopped by
Ctrl-C."""

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Images, folders, list files (.txt) or manifests.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Write here; .parquet, .csv or .jsonl by suffix. Without it: stdout.",
    ),
]
Detector = Annotated[
    str, typer.Option("--detector", metavar="NAME", help="auto, yunet, dlib or none.")
]
FacesPolicy = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="POLICY",
        help="largest, all, or one (a photograph with more than one face fails).",
    ),
]
Language = Annotated[
    str,
    typer.Option("--language", metavar="CODE", help="Of the advice: en, de, zh or es."),
]
Orientation = Annotated[
    str,
    typer.Option(
        "--orientation",
        metavar="NAME",
        help="exif, or auto: tries four turns for photographs that lie and do not say so.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="INT",
        min=0,
        help="Seed of everything random; the same seed gives the same result.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes; the default is one per core. The result is the same.",
    ),
]
Weights = Annotated[
    str | None, typer.Option("--weights", metavar="FILE", help="The detector's model file.")
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=1,
        help="Refuse larger images, from the header. Default: 40 million.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option("--max-bytes", metavar="N", min=1, help="Refuse larger files. Default: 64 MiB."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Method option, NAME=VALUE; repeatable."),
]
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="The processes of this machine, or a Ray cluster."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT|auto",
        help="Of the Ray cluster; without it one starts here.",
    ),
]
Gpus = Annotated[
    float,
    typer.Option(
        "--gpus",
        metavar="SHARE",
        min=0,
        help="GPUs reserved for each actor of Ray. No method here computes on one yet.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Recompute even if the output is up to date.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def check_page(path: str) -> None:
    """Refuses a page that could not be written, before the work begins. Raises InputError."""
    from fiqa.report import page

    page.check_page(path, "--html")


def limits(max_pixels: int | None, max_bytes: int | None) -> Limits:
    """Returns the limits of reading that the two options give; the defaults of fiqa.data.images
    where they were not used."""
    from fiqa.data.images import Limits

    options = {"max_pixels": max_pixels, "max_bytes": max_bytes}
    return Limits(**{name: value for name, value in options.items() if value is not None})


def write_parts(paths: list[str], how: ShardWork, out: str, *, quiet: bool, **run: Any) -> NoReturn:
    """Writes the parts of all shards, as fiqa.execute.dataset.write_dataset, and ends the command
    with what became of them."""
    from fiqa.execute.dataset import write_dataset

    summary = write_dataset(paths, how, out, progress=not quiet, **run)
    if not quiet:
        if summary.current:
            typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
        typer.echo(summary.line(), err=True)
    raise typer.Exit(SOME_FAILED if summary.failed else OK)
