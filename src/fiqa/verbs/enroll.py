"""`enroll`: templates and cuts of people, from what `select` wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fiqa import checks
from fiqa.data.guard import guard_outputs
from fiqa.data.store import hash_inputs, hash_rows, make_record
from fiqa.enrolment.drives import People, claims_of, read_selected, segments_of
from fiqa.enrolment.gallery import Gallery, made, write_gallery
from fiqa.errors import InputError
from fiqa.progress import Progress, teller
from fiqa.types import PathLike

__all__ = ["enroll"]


def enroll(
    folders: PathLike | Sequence[PathLike],
    people: People,
    *,
    threshold: float | None = None,
    cut: float | None = None,
    out: PathLike | None = None,
    progress: Progress = False,
) -> Gallery:
    """Returns who is enrolled, with a template for each regime and one for all, and a quality cut.

    A person is refused where a drive is unlike the person's others, or like another person: one
    wrong drive in a template would let somebody else in. Below three drives an enrolment is
    provisional.

    Args:
        folders: that `select` wrote with a recognizer; one, or several.
        people: who is on which track: a table with the columns identity and track, and where they
            are known drive (default: the video) and light (default: the regime); or person ->
            names of tracks. A track is named TRACK, or FOLDER/TRACK where two folders have it.
        threshold: the cosine from which two faces are of one person; None is that of the folders.
        cut: the common quality cut, 0..1; None is the floor of the folders. A person's own is that
            of the same discard share, shrunk toward it: w = drives / (drives + 20).
        out: write the templates there (.npz, .npy or .parquet), with who is who in the sidecar.
        progress: True reports tracks on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: no folder of `select`, one without a recognizer, or folders that differ in it;
            a track of two people.
        UnknownNameError: no such track.
        ReadError: a file cannot be read.
        WriteError: the disk refused.
    """
    listed = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    files = [Path(folder) / name for folder in listed for name in _READ]
    tables = [people] if isinstance(people, str | os.PathLike) else []
    guard_outputs([out], [*files, *tables])
    selected = read_selected(listed)
    if threshold is None:
        threshold = _shared([part.arguments["threshold"] for part in selected], "threshold")
    if cut is None:
        cut = _shared([part.arguments["floor"][0] for part in selected], "cut")
    checks.in_range(threshold, "threshold", -1.0, 1.0)
    checks.in_range(cut, "cut", 0.0, 1.0)
    claims = claims_of(people)
    segments = segments_of(selected, claims, teller(progress))
    gallery = made(segments, threshold=threshold, cut=cut, recognizer=selected[0].recognizer)
    if out is not None:
        arguments = {"threshold": threshold, "cut": cut, "people": hash_rows(claims)}
        write_gallery(
            gallery, out, make_record("enroll", arguments=arguments, inputs=hash_inputs(files))
        )
    return gallery


_READ = ("tracks.parquet", "frames.parquet", "templates.npz")
"""The files of a folder that are read."""


def _shared(values: Sequence[float], name: str) -> float:
    """The one value of all folders. Raises InputError."""
    if len(set(values)) > 1:
        raise InputError(
            f"The folders must have one {name}, got {min(values):g} and {max(values):g}.",
            hint=f"give {name}=",
        )
    return float(values[0])
