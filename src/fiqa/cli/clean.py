"""`fiqa clean`: the typer spelling of fiqa.clean."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from fiqa.cli import options

Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FACES...",
        help="Images, folders, list files (.txt) or manifests.",
        show_default=False,
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        "--embeddings", metavar="FILE", help="Vectors of your recognizer, from fiqa embed."
    ),
]
Aligned = Annotated[
    bool, typer.Option("--aligned", help="The images are aligned crops, not photographs.")
]
Matching = Annotated[
    Literal["id", "name", "stem"],
    typer.Option("--match", help="How the names of the embeddings find the images."),
]
LimitsByName = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="LIMIT=VALUE", help="A limit, such as blurred=0.2; again for more."
    ),
]
Apply = Annotated[
    Literal["copy", "move"] | None,
    typer.Option("--apply", help="Copy or move what was found to --to. Default: only look."),
]
Quarantine = Annotated[
    str | None,
    typer.Option("--to", metavar="DIR", help="The quarantine; its journal says what went where."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ISSUE", help="Apply to this kind alone; again for more."),
]
Reviewed = Annotated[
    str | None,
    typer.Option(
        "--reviewed", metavar="FILE", help="Apply to what fiqa studio's findings.csv accepted."
    ),
]
Undo = Annotated[
    str | None,
    typer.Option("--undo", metavar="JOURNAL", help="Bring what was moved back to where it was."),
]
Folder = Annotated[
    str | None,
    typer.Option(
        "-o", "--out", metavar="DIR", help="Write a folder: index.html, findings.csv and more."
    ),
]


def command(
    faces: Images = None,
    embeddings: Vectors = None,
    aligned: Aligned = False,
    detector: options.Detector = "auto",
    weights: options.Weights = None,
    match: Matching = "id",
    settings: LimitsByName = None,
    apply: Apply = None,
    to: Quarantine = None,
    only: Only = None,
    reviewed: Reviewed = None,
    undo: Undo = None,
    out: Folder = None,
    max_pixels: options.MaxPixels = None,
    max_bytes: options.MaxBytes = None,
    workers: options.Workers = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Find what is wrong with a folder of faces.

    Duplicates, wrong people, two names of one person, leaks between splits, no face or several,
    faces that are too small, blurred, dark or covered, borders, files that cannot be read. Nothing
    is changed: --apply puts what was found aside, and --undo brings it back. Exit code 3 means that
    something was found.

    Example:
      fiqa clean crops/ --aligned --embeddings emb.npz -o findings/
      fiqa clean crops/ --aligned --embeddings emb.npz --apply move --to aside/
      fiqa clean --undo aside/journal-1.jsonl
    """
    from fiqa.errors import InputError

    if undo is not None:
        if faces or apply or to or reviewed:
            raise InputError("--undo must stand alone, without images, --apply and --to.")
        from fiqa.cleaning.quarantine import undo as bring_back

        moved = bring_back(undo)
        typer.echo("\n".join(moved.lines()))
        raise typer.Exit(options.SOME_FAILED if moved.left else options.OK)
    if not faces:
        raise InputError(
            "FACES must name at least one image, got none.", hint="fiqa clean crops/ --aligned"
        )
    from fiqa.settings import assignments
    from fiqa.verbs.clean import clean

    findings = clean(
        faces,
        embeddings,
        aligned=aligned,
        detector=detector,
        weights=weights,
        match=match,
        settings=assignments(settings or ()),
        apply=apply,
        to=to,
        only=only or (),
        reviewed=reviewed,
        limits=options.limits(max_pixels, max_bytes),
        workers=workers,
        out=out,
        force=force,
        progress=not quiet,
    )
    if findings.current and not quiet:
        typer.echo(f"{out} is current, nothing to do; --force does it again", err=True)
    typer.echo("\n".join(findings.lines()))
    raise typer.Exit(options.SOME_FAILED if len(findings) else options.OK)
