"""The drives of people, read from folders that `select` wrote and from who is who in them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.embeddings import read_embeddings
from fiqa.data.frames import Frame
from fiqa.data.reading import reading
from fiqa.data.store import read_sidecar
from fiqa.data.tables import decode_text, read_table
from fiqa.errors import InputError, ReadError, UnknownNameError
from fiqa.progress import Told, counted
from fiqa.types import FloatArray, PathLike

__all__ = ["Claim", "People", "Segment", "Selected", "claims_of", "read_selected", "segments_of"]

People = PathLike | Frame | Mapping[str, Sequence[str]]
"""Who is who: a table, or person -> names of tracks."""


@dataclass(frozen=True)
class Claim:
    """What somebody says of a track.

    Attributes:
        identity: who it is.
        track: TRACK, or FOLDER/TRACK where two folders have one of that name.
        drive: which drive it is of, "" is its video.
        light: in what light, "" is its regime.
    """

    identity: str
    track: str
    drive: str = ""
    light: str = ""


@dataclass(frozen=True, eq=False)
class Segment:
    """A track of a person who is named.

    Attributes:
        identity: who.
        run: the fingerprint of the run of `select` that made it.
        track: its name in that run.
        drive: which drive it is of.
        regime: rgb or nir.
        light: in what light, the regime where nobody says more.
        vector: (D,) its template.
        quality: (N,) of its frames that were scored.
    """

    identity: str
    run: str
    track: str
    drive: str
    regime: str
    light: str
    vector: FloatArray
    quality: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Selected:
    """A folder that `select` wrote.

    Attributes:
        folder: where.
        run: its fingerprint.
        arguments: of the run.
        tracks: track -> its row in tracks.parquet.
        vectors: track -> its template.
        recognizer: whose vectors they are.
    """

    folder: Path
    run: str
    arguments: Mapping[str, Any]
    tracks: Mapping[str, Mapping[str, Any]]
    vectors: Mapping[str, FloatArray]
    recognizer: str

    def video(self, track: str) -> str:
        """Returns the absolute path of a track's video, as its table of frames has it; the name
        as it was given where every frame of the track was kept.

        Args:
            track: its name.
        """
        frames = self.folder / "frames.parquet"
        with reading(frames):
            rows = pl.scan_parquet(frames).filter(
                (pl.col("track") == track) & (pl.col("status") != "ok")
            )
            known = rows.select("path").head(1).collect()["path"].to_list()
        return _text(known[0] if known else self.tracks[track]["video"])

    def quality(self, track: str) -> NDArray[np.float64]:
        """Returns the quality of the scored frames of a track.

        Args:
            track: its name.
        """
        frames = self.folder / "frames.parquet"
        with reading(frames):
            rows = pl.scan_parquet(frames).filter(
                (pl.col("track") == track) & pl.col("quality").is_not_null()
            )
            return rows.select("quality").collect()["quality"].cast(pl.Float64).to_numpy()


def read_selected(folders: Sequence[PathLike]) -> list[Selected]:
    """Returns the folders as `select` wrote them, of one recognizer.

    Args:
        folders: each with tracks.parquet, frames.parquet and templates.npz, its sidecar beside it.

    Raises:
        InputError: none, no folder of `select`, one without a recognizer, or two recognizers.
        ReadError: a file cannot be read.
    """
    found = [_read(Path(folder)) for folder in folders]
    if not found:
        raise InputError("At least one folder of fiqa select must be given, got none.")
    names = sorted({part.recognizer for part in found})
    if len(names) > 1:
        raise InputError(
            f"The folders must be of one recognizer, got those of {names[0]!r} and {names[1]!r}.",
            hint="vectors of two recognizers cannot be compared; select again with one",
        )
    return found


def _read(folder: Path) -> Selected:
    sidecar = read_sidecar(folder)
    if sidecar is None or sidecar.get("verb") != "select":
        raise InputError(
            f"The folder must be one that fiqa select wrote, {os.fspath(folder)!r} has no sidecar"
            " that says so.",
            hint=f"fiqa select writes {folder.name}.json beside {folder.name}/; keep them together",
        )
    templates = folder / "templates.npz"
    if not templates.is_file():
        raise InputError(
            f"The folder must have templates.npz, {os.fspath(folder)!r} has none.",
            hint="enrolment needs verified identities: fiqa select --recognizer FILE",
        )
    known = read_embeddings(templates)
    rows = read_table(folder / "tracks.parquet").to_dicts()
    return Selected(
        folder,
        str(sidecar["fingerprint"]),
        sidecar["arguments"],
        {decode_text(row["track"]): row for row in rows},
        dict(zip(known.id.tolist(), known.vector, strict=True)),
        known.recognizer,
    )


def claims_of(people: People) -> list[Claim]:
    """Returns who is said to be on which track.

    Args:
        people: a table with the columns identity and track, and drive and light where they are
            known; or person -> names of tracks.

    Raises:
        InputError: nobody, a column or a name is missing, or a track is said to be of two people.
        ReadError: the table cannot be read.
    """
    if isinstance(people, Mapping):
        claims = [Claim(name, track) for name, tracks in people.items() for track in tracks]
    else:
        table = read_table(people)
        for name in ("identity", "track"):
            if name not in table.columns:
                raise InputError(
                    f"The table of people must have the columns identity and track, {name} is not"
                    f" among {', '.join(table.columns)}."
                )
        claims = [
            Claim(*(_text(row.get(name)) for name in ("identity", "track", "drive", "light")))
            for row in table.to_dicts()
        ]
    if not claims:
        raise InputError("The people must have at least one track, got none.")
    owners: dict[str, str] = {}
    for claim in claims:
        if not claim.identity or not claim.track:
            raise InputError(f"Each track must have a person and a name, got {claim}.")
        if owners.setdefault(claim.track, claim.identity) != claim.identity:
            raise InputError(
                f"A track must be of one person, {claim.track!r} is said to be of"
                f" {owners[claim.track]!r} and {claim.identity!r}."
            )
    return list(dict.fromkeys(claims))


def _text(value: object) -> str:
    return "" if value is None else decode_text(str(value))


def segments_of(folders: Sequence[Selected], claims: Sequence[Claim], told: Told) -> list[Segment]:
    """Returns the tracks that are claimed, with their templates and qualities.

    Args:
        folders: where they are.
        claims: who is on which.
        told: hears of each track.

    Raises:
        UnknownNameError: no folder has such a track.
        InputError: two folders have it, one track is claimed twice, or it has no template.
    """
    names: dict[str, list[tuple[Selected, str]]] = {}
    for part in folders:
        for track in part.tracks:
            names.setdefault(track, []).append((part, track))
            names.setdefault(f"{part.folder.name}/{track}", []).append((part, track))
    found: dict[tuple[str, str], Segment] = {}
    for claim in counted(claims, told, "enroll", len(claims)):
        if claim.track not in names:
            raise UnknownNameError("track", claim.track, list(names))
        places = names[claim.track]
        if len(places) > 1:
            raise InputError(
                f"The name of a track must be of one track, {len(places)} folders have"
                f" {claim.track!r}.",
                hint=f"say FOLDER/TRACK, such as {places[0][0].folder.name}/{claim.track}",
            )
        segment = _segment(claim, *places[0])
        other = found.setdefault((segment.run, segment.track), segment)
        if other.identity != segment.identity:
            raise InputError(
                f"A track must be of one person, {segment.track!r} is said to be of"
                f" {other.identity!r} and {segment.identity!r}."
            )
    return list(found.values())


def _segment(claim: Claim, part: Selected, track: str) -> Segment:
    if track not in part.vectors:
        raise InputError(
            f"A track must have a template to be enrolled, {claim.track!r} has none.",
            hint="no frame of it was good enough to be checked; leave it out",
        )
    row = part.tracks[track]
    quality = part.quality(track)
    if not len(quality):
        raise ReadError(
            f"{part.folder / 'frames.parquet'} must have scored frames of {track!r}.",
            status="corrupt",
        )
    return Segment(
        claim.identity, part.run, track, claim.drive or part.video(track), row["regime"],
        claim.light or row["regime"], part.vectors[track], quality,
    )  # fmt: skip
