"""`fiqa enroll`: the typer spelling of fiqa.enroll."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqa.cli import options

Folders = Annotated[
    list[str],
    typer.Argument(
        metavar="DIR...", help="Folders of fiqa select with a recognizer.", show_default=False
    ),
]
PeopleFile = Annotated[
    str | None,
    typer.Option(
        "--people",
        metavar="FILE",
        help="Who is who: a table with the columns identity, track; drive and light if known.",
    ),
]
Identity = Annotated[
    str | None, typer.Option("--identity", metavar="NAME", help="One person, with --tracks.")
]
Tracks = Annotated[
    list[str] | None,
    typer.Option("--tracks", metavar="TRACK", help="A track of --identity; again for more."),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        metavar="COSINE",
        help="From which two faces are of one person. Default: that of the folders.",
    ),
]
Cut = Annotated[
    float | None,
    typer.Option("--cut", metavar="Q", help="The common quality cut. Default: the folders' floor."),
]
Out = Annotated[
    str | None,
    typer.Option(
        "-o", "--out", metavar="FILE", help="Write the templates here: .npz, .npy or .parquet."
    ),
]


def command(
    folders: Folders,
    people: PeopleFile = None,
    identity: Identity = None,
    tracks: Tracks = None,
    threshold: Threshold = None,
    cut: Cut = None,
    out: Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Enroll people from the tracks of videos.

    Each gets a template per regime and one for all, and a quality cut of their own. Exit code 3
    means that somebody is refused: a drive is unlike the others, or like somebody else.

    Example:
      fiqa enroll monday/ tuesday/ --people people.csv -o gallery.npz
      fiqa enroll monday/ --identity Anna --tracks drive-1 --tracks drive-3 -o anna.npz
    """
    from fiqa.errors import InputError
    from fiqa.verbs.enroll import enroll

    if (people is None) == (identity is None) or (identity is None) != (not tracks):
        raise InputError(
            "Who is who must be given once: --people, or --identity with --tracks.",
            hint="a table for several people, the two options for one",
        )
    who = people if people is not None else {str(identity): list(tracks or ())}
    gallery = enroll(folders, who, threshold=threshold, cut=cut, out=out, progress=not quiet)
    for line in gallery.lines():
        typer.echo(line)
    raise typer.Exit(options.SOME_FAILED if gallery.refused else options.OK)
