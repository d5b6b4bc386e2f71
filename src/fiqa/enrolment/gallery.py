"""The gallery: who is enrolled, with which templates and cut, and who is refused and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.embeddings import write_embeddings
from fiqa.data.store import write_sidecar
from fiqa.enrolment.drives import Segment
from fiqa.functional.enrolment import driver_cuts, own_likeness, weighted_template
from fiqa.types import Embeddings, FloatArray, PathLike

__all__ = ["FEWEST", "Driver", "Gallery", "made", "write_gallery"]

FEWEST = 3
"""Drives below which an enrolment is provisional."""


@dataclass(frozen=True)
class Driver:
    """One person of a gallery.

    Attributes:
        identity: who.
        drives: how many there are.
        tracks: (run, track) of each track, the run by its fingerprint.
        lights: in which they are, sorted.
        provisional: whether there are fewer than three drives.
        likeness: the lowest cosine of a drive and the others, None with one drive.
        nearest: the person whose template is nearest, "" where there is no other.
        nearest_likeness: the cosine of the two templates, None where there is no other.
        cut: the quality below which a frame of this person is not used, None where refused.
        refused: why, "" where enrolled.
        warnings: what will not work, in words.
    """

    identity: str
    drives: int
    tracks: tuple[tuple[str, str], ...]
    lights: tuple[str, ...]
    provisional: bool
    likeness: float | None = None
    nearest: str = ""
    nearest_likeness: float | None = None
    cut: float | None = None
    refused: str = ""
    warnings: tuple[str, ...] = ()

    def line(self) -> str:
        """Returns the person in one line."""
        if self.refused:
            return f"{self.identity}: refused: {self.refused}"
        text = f"{self.identity}: {self.drives} {'drive' if self.drives == 1 else 'drives'}"
        text += " (provisional)" if self.provisional else ""
        text += "" if self.cut is None else f", cut {self.cut:.3f}"
        text += "" if self.likeness is None else f", likeness of its drives {self.likeness:.2f}"
        if self.nearest_likeness is not None:
            text += f", nearest other {self.nearest} {self.nearest_likeness:.2f}"
        return text


@dataclass(frozen=True, eq=False)
class Gallery:
    """Everyone who was to be enrolled.

    Attributes:
        embeddings: of those who are, `NAME/joint` and `NAME/REGIME`.
        people: everyone, sorted by name.
        threshold: the cosine from which two faces are of one person.
        cut: the common one.
    """

    embeddings: Embeddings
    people: tuple[Driver, ...]
    threshold: float
    cut: float

    @property
    def refused(self) -> tuple[Driver, ...]:
        """Those who are not enrolled."""
        return tuple(person for person in self.people if person.refused)

    def lines(self) -> list[str]:
        """Returns the outcome as lines of text, warnings last."""
        enrolled = len(self.people) - len(self.refused)
        text = [f"{enrolled} of {len(self.people)} enrolled; same person from {self.threshold:.3f}"]
        text += [person.line() for person in self.people]
        return text + [
            f"warning: {person.identity}: {word}"
            for person in self.people
            if not person.refused
            for word in person.warnings
        ]


@dataclass(frozen=True, eq=False)
class _Drives:
    """The drives of one person: names, templates, weights."""

    names: list[str]
    vectors: NDArray[np.float32]
    weights: NDArray[np.float64]

    @property
    def joint(self) -> FloatArray:
        return weighted_template(self.vectors, self.weights)


def made(segments: Sequence[Segment], *, threshold: float, cut: float, recognizer: str) -> Gallery:
    """Returns the gallery of tracks whose people are named.

    Args:
        segments: at least one.
        threshold: the cosine from which two faces are of one person.
        cut: the common quality cut.
        recognizer: whose vectors they are.
    """
    parts: dict[str, list[Segment]] = {}
    for segment in segments:
        parts.setdefault(segment.identity, []).append(segment)
    drives = {name: _drives(part) for name, part in sorted(parts.items())}
    joint = {name: drive.joint for name, drive in drives.items()}
    people = [_driver(name, parts[name], drives[name], joint, threshold) for name in drives]
    good = [person.identity for person in people if not person.refused]
    quality = {name: np.concatenate([s.quality for s in parts[name]]) for name in good}
    cuts = driver_cuts(quality, {name: len(drives[name].names) for name in good}, cut)
    people = [replace(person, cut=cuts.get(person.identity)) for person in people]
    ids, vectors = [], []
    for name in good:
        ids.append(f"{name}/joint")
        vectors.append(joint[name])
        for regime in sorted({segment.regime for segment in parts[name]}):
            ids.append(f"{name}/{regime}")
            own = [segment for segment in parts[name] if segment.regime == regime]
            vectors.append(_drives(own).joint)
    width = len(segments[0].vector)
    rows = np.array(vectors, np.float32).reshape(-1, width)
    embeddings = Embeddings(np.array(ids, np.str_), rows, recognizer=recognizer)
    return Gallery(embeddings, tuple(people), threshold, cut)


def _drives(segments: Sequence[Segment]) -> _Drives:
    """Tracks put together by drive: within one they weigh by quality times length, and a drive
    weighs as much as its mean quality."""
    by_name: dict[str, list[Segment]] = {}
    for segment in segments:
        by_name.setdefault(segment.drive, []).append(segment)
    vectors, weights = [], []
    for part in by_name.values():
        sums = [float(segment.quality.sum()) for segment in part]
        vectors.append(weighted_template(np.stack([s.vector for s in part]), sums))
        weights.append(float(np.concatenate([s.quality for s in part]).mean()))
    return _Drives(list(by_name), np.stack(vectors), np.array(weights))


def _driver(
    name: str,
    segments: Sequence[Segment],
    drives: _Drives,
    joint: Mapping[str, FloatArray],
    threshold: float,
) -> Driver:
    like = own_likeness(drives.vectors, drives.weights)
    lights = tuple(sorted({segment.light for segment in segments}))
    others = [other for other in joint if other != name]
    near = {other: float(joint[name] @ joint[other]) for other in others}
    nearest = max(near, key=lambda other: near[other]) if near else ""
    warnings: tuple[str, ...] = ()
    if len(lights) == 1:
        warnings = (
            f"all drives are in one light ({lights[0]}); in another one the recognizer may not know"
            " the face",
        )
    return Driver(
        name,
        len(drives.names),
        tuple((segment.run, segment.track) for segment in segments),
        lights,
        len(drives.names) < FEWEST,
        None if len(like) == 1 else float(like.min()),
        nearest,
        near.get(nearest),
        refused="; ".join(_reasons(drives, like, joint, others, near, threshold)),
        warnings=warnings,
    )


def _reasons(
    drives: _Drives,
    like: NDArray[np.float64],
    joint: Mapping[str, FloatArray],
    others: Sequence[str],
    near: Mapping[str, float],
    threshold: float,
) -> list[str]:
    """Why a person is refused: drives that are unlike the others, or like somebody else."""
    reasons = [
        f"the drive {drive!r} is unlike the others ({value:.2f})"
        for drive, value in zip(drives.names, like, strict=True)
        if value < threshold
    ]
    for other in others:
        if near[other] >= threshold:
            reasons.append(f"is like {other!r} ({near[other]:.2f})")
            continue
        cosines = drives.vectors @ joint[other]
        reasons += [
            f"the drive {drive!r} is like {other!r} ({value:.2f})"
            for drive, value in zip(drives.names, cosines, strict=True)
            if value >= threshold
        ]
    return reasons


def write_gallery(gallery: Gallery, path: PathLike, record: Mapping[str, Any]) -> None:
    """Writes the templates, and beside them who is who.

    Args:
        gallery: what to write.
        path: .npz, .npy or .parquet, by its suffix; a .parquet has identity, regime, drives,
            provisional and cut in columns too.
        record: of the run.

    Raises:
        UnknownNameError: another suffix.
        WriteError: the disk refused.
    """
    beside = None
    if Path(path).suffix == ".parquet":
        people = {person.identity: person for person in gallery.people}
        names = [str(name).rpartition("/") for name in gallery.embeddings.id]
        beside = pl.DataFrame(
            {
                "identity": pl.Series([n[0] for n in names], dtype=pl.String),
                "regime": pl.Series([n[2] for n in names], dtype=pl.String),
                "drives": pl.Series([people[n[0]].drives for n in names], dtype=pl.Int64),
                "provisional": pl.Series([people[n[0]].provisional for n in names]),
                "cut": pl.Series([people[n[0]].cut for n in names], dtype=pl.Float64),
            }
        )
    write_embeddings(gallery.embeddings, path, beside=beside)
    learned = {"people": [asdict(person) for person in gallery.people]}
    write_sidecar(path, record, learned=learned)
