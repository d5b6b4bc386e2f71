"""What `evaluate` and `threshold` work on: qualities, embeddings and identities of the same images,
joined by id, and the pairs to compare.

An image counts when every quality and every recognizer has it (and the manifest, where one is
given): all numbers of a run are of the same images.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.embeddings import read_embeddings
from fiqa.data.frames import Frame, is_frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match, better_match, find_ids, strangers
from fiqa.data.quality import read_quality
from fiqa.data.sound import sentences
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.pairing import PairList, chosen_pairs, content_of, listed_pairs, people
from fiqa.evaluation.result import Scores
from fiqa.evaluation.scales import own_scale
from fiqa.functional.spread import spread
from fiqa.functional.streams import nonmated_count, nonmated_index
from fiqa.methods.norm import embedding_norm
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["NORM", "STORED", "Evidence", "embeddings_of", "gather", "inputs"]

OneQuality = Quality | PathLike | Frame
Qualities = OneQuality | Sequence[OneQuality] | Mapping[str, OneQuality]
Vectors = Embeddings | PathLike | Frame | Sequence[Embeddings | PathLike | Frame]

NORM = "norm"
"""Given as a quality: the embedding norm of each recognizer."""

STORED = 10_000_000
"""The most non-mated pairs that are stored where a protocol needs each of them; of more, so many
are drawn at random."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images that everything is known of, and their pairs.

    Attributes:
        ids: (N,) str.
        identity: (N,) str.
        manifest: the rows of these images where one was given.
        scores: one per quality.
        recognizers: embeddings in the order of `ids`.
        mated: (M,2) rows of mated pairs.
        nonmated: (Q,2), or None for all pairs of two identities.
        fold: (M+Q,) of a pair list with folds, mated pairs first.
        counts and notes: what was found and what was left out.
        identity_from: where the identities come from, in words.
    """

    ids: NDArray[np.str_]
    identity: NDArray[np.str_]
    manifest: Manifest | None
    scores: Sequence[Scores]
    recognizers: Sequence[Embeddings]
    mated: NDArray[np.int64]
    nonmated: NDArray[np.int64] | None
    fold: NDArray[np.int64] | None
    counts: Mapping[str, int]
    notes: Sequence[str]
    identity_from: str

    @property
    def nonmated_total(self) -> int:
        """How many non-mated pairs there are."""
        return nonmated_count(self.identity) if self.nonmated is None else len(self.nonmated)

    def stored_nonmated(self, seed: int) -> NDArray[np.int64]:
        """Returns non-mated pairs (Q,2): the list's, or all, or STORED of them drawn by `seed`
        where all are more."""
        return (
            self.nonmated
            if self.nonmated is not None
            else nonmated_index(self.identity, most=STORED, seed=seed)
        )


def gather(
    quality: Qualities,
    embeddings: Vectors,
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    match: Match = "id",
    flip: Sequence[str] = (),
) -> Evidence:
    """Returns the evidence of some qualities and recognizers; arguments and Raises as
    fiqa.evaluate."""
    recognizers = embeddings_of(embeddings)
    named = _flipped(_qualities(quality, recognizers), flip)
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    ours = recognizers[0].id if manifest is None else manifest.id
    vector_rows = [_rows(one.id, ours, match) for one in recognizers]
    score_rows = [_rows(one.quality.id, ours, match) for one in named]
    known = np.all([rows >= 0 for rows in (*vector_rows, *score_rows)], axis=0)
    sides = [
        *((one.name, one.quality.id, rows) for one, rows in zip(named, score_rows, strict=True)),
        *(
            (one.recognizer, one.id, rows)
            for one, rows in zip(recognizers, vector_rows, strict=True)
        ),
    ]
    listed = None if pairs is None else listed_pairs(pairs, ours, known, match)
    identity, identity_from = people(ours, known, manifest, listed)
    if listed is None:
        known &= identity != ""
    keep = np.flatnonzero(known)
    if len(keep) < 2:
        raise _nothing_meets(sides, ours, keep, listed, match)
    notes = [f"Identities are from {identity_from}.", *_missing_notes(sides, ours, keep, match)]
    scores = [_scores(one, rows, keep) for one, rows in zip(named, score_rows, strict=True)]
    vectors = [
        _taken(one, rows[keep], ours[keep])
        for one, rows in zip(recognizers, vector_rows, strict=True)
    ]
    counts = {"images": len(keep), "left_out": len(ours) - len(keep)}
    notes += [
        f"{one.name} was flipped: lower is better in its file." for one in named if one.flipped
    ]
    chosen = chosen_pairs(
        listed,
        identity[keep],
        None if manifest is None else content_of(manifest, keep),
        keep,
        len(ours),
    )
    mated, nonmated, fold, found, impossible = chosen
    counts |= {
        "identities": len(np.unique(identity[keep][mated[:, 0]])) if len(mated) else 0
    } | found
    counts["mated"] = len(mated)
    counts["nonmated"] = nonmated_count(identity[keep]) if nonmated is None else len(nonmated)
    notes += sentences(impossible)
    if fold is not None and len(np.unique(fold)) < 2:
        notes.append("The pairs are of one fold: there is no accuracy over folds.")
        fold = None
    if found.get("duplicates"):
        notes.append(
            f"{found['duplicates']} mated pairs compare an image with itself (equal content) and"
            " were left out."
        )
    if found.get("pairs_lost"):
        notes.append(
            f"{found['pairs_lost']} pairs of the list name an image that is not among those with"
            " everything known, and were left out."
        )
    taken = None if manifest is None else manifest.take(keep)
    return Evidence(
        ours[keep],
        identity[keep],
        taken,
        scores,
        vectors,
        mated,
        nonmated,
        fold,
        counts,
        notes,
        identity_from,
    )


def inputs(quality: Qualities, embeddings: Vectors, *others: Any) -> list[str]:
    """Returns the files among the arguments of `gather`, for the record of a run."""
    flat = list(quality.values()) if isinstance(quality, Mapping) else _listed_of(quality)
    names = [
        _split(one)[1] if isinstance(one, str) else one
        for one in [*flat, *_listed_of(embeddings), *others]
    ]
    return [os.fspath(one) for one in names if isinstance(one, str | os.PathLike) and one != NORM]


def embeddings_of(embeddings: Vectors) -> list[Embeddings]:
    """Returns the embeddings that are given or named, their recognizers' names filled in and
    unique.

    Raises:
        InputError: none, or two of one name.
        ReadError: a file cannot be read.
    """
    found = []
    for one in _listed_of(embeddings):
        read = one if isinstance(one, Embeddings) else read_embeddings(one)
        stem = Path(one).stem if isinstance(one, str | os.PathLike) else ""
        name = read.recognizer or stem or "recognizer"
        found.append((read, name, stem or name))
    if not found:
        raise InputError("embeddings must name at least one recognizer, got none.")
    names = _unique([name for _, name, _ in found], [stem for _, _, stem in found], "recognizer")
    return [
        Embeddings(e.id, e.vector, e.norm, name)
        for (e, _, _), name in zip(found, names, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Named:
    """A quality under the name it has in the report."""

    name: str
    stem: str
    quality: Quality
    flipped: bool = False


def _flipped(named: Sequence[_Named], flip: Sequence[str]) -> list[_Named]:
    """The qualities, those named in `flip` with their order reversed; raises UnknownNameError."""
    wanted = [flip] if isinstance(flip, str) else list(flip)
    for name in wanted:
        checks.choice(name, "quality to flip", [one.name for one in named])
    return [_turned(one) if one.name in wanted else one for one in named]


def _turned(one: _Named) -> _Named:
    return replace(one, quality=_negative(one.quality), flipped=True)


def _negative(quality: Quality) -> Quality:
    bounds = quality.range
    turned = None if bounds is None else (-bounds[1], -bounds[0])
    return replace(quality, value=-quality.value, range=turned)


def _listed_of(value: Any) -> list[Any]:
    if isinstance(value, str | os.PathLike | Quality | Embeddings) or is_frame(value):
        return [value]
    return list(value)


def _split(text: str) -> tuple[str | None, str]:
    """NAME=FILE as its two parts; a text that is a file's name has no NAME."""
    name, mark, file = text.partition("=")
    return (name, file) if mark and name and not os.path.exists(text) else (None, text)


def _qualities(quality: Qualities, recognizers: Sequence[Embeddings]) -> list[_Named]:
    given: list[tuple[str | None, Any]] = (
        list(quality.items())
        if isinstance(quality, Mapping)
        else [(None, one) for one in _listed_of(quality)]
    )
    found: list[_Named] = []
    for name, one in given:
        if isinstance(one, str) and one == NORM and not os.path.exists(NORM):
            norms = [embedding_norm(recognizer) for recognizer in recognizers]
            found += [_Named(q.method, q.method, q) for q in norms]
            continue
        split, source = _split(one) if isinstance(one, str) and name is None else (None, one)
        found.append(_named(name or split, source))
    if not found:
        raise InputError("quality must name at least one score or label, got none.")
    names = _unique([one.name for one in found], [one.stem for one in found], "quality")
    reserved = sorted({"random", "oracle"} & set(names))
    if reserved:
        raise InputError(
            f"{reserved[0]!r} must not be a quality's name: that curve is always there.",
            hint="say NAME=FILE",
        )
    return [replace(one, name=name) for name, one in zip(names, found, strict=True)]


def _named(name: str | None, source: Any) -> _Named:
    if isinstance(source, Quality):
        return _Named(name or source.method, name or source.method, source)
    read = read_quality(source, method=name)
    stem = Path(source).stem if isinstance(source, str | os.PathLike) else read.method
    return _Named(read.method, name or stem, read)


def _unique(names: list[str], stems: list[str], what: str) -> list[str]:
    """Names, where one occurs twice those of the files instead."""
    times = Counter(names)
    chosen = [stem if times[name] > 1 else name for name, stem in zip(names, stems, strict=True)]
    twice = [name for name, count in Counter(chosen).items() if count > 1]
    if twice:
        raise InputError(
            f"Each {what} must have its own name, got {twice[0]!r} twice.", hint="say NAME=FILE"
        )
    return chosen


def _rows(theirs: NDArray[np.str_], ours: NDArray[np.str_], match: Match) -> NDArray[np.int64]:
    """Returns for each of our ids the row of theirs, -1 where there is none."""
    place = find_ids(theirs, ours, match=match)
    rows = np.full(len(ours), -1)
    found = np.flatnonzero(place >= 0)
    if len(np.unique(place[found])) < len(found):
        taken, times = np.unique(place[found], return_counts=True)
        raise InputError(
            f"Each id must have one name, {str(ours[taken[times > 1][0]])!r} has {times.max()}."
        )
    rows[place[found]] = found
    return rows


def _taken(vectors: Embeddings, rows: NDArray[np.int64], ids: NDArray[np.str_]) -> Embeddings:
    return Embeddings(ids, vectors.vector[rows], vectors.norm[rows], vectors.recognizer)


def _scores(one: _Named, rows: NDArray[np.int64], keep: NDArray[np.int64]) -> Scores:
    value = one.quality.value[rows[keep]]
    if one.flipped:  # the scale is known of the numbers as they were
        unit, scale = own_scale(_negative(one.quality), -value)
        unit, scale = None if unit is None else 1 - unit, f"{scale}, flipped"
    else:
        unit, scale = own_scale(one.quality, value)
    source = str(one.quality.provenance.get("source", "memory"))
    lost = len(np.setdiff1d(np.arange(len(one.quality)), rows[rows >= 0], assume_unique=True))
    absent = int(np.count_nonzero(rows < 0))
    wide = None if unit is None else spread(unit)
    return Scores(one.name, value, one.quality.kind, source, unit, scale, absent, lost, wide)


_Side = tuple[str, NDArray[np.str_], NDArray[np.int64]]
"""A quality or recognizer: its name, its ids, and the row of each of our ids in it, -1 without."""


def _missing_notes(
    sides: Sequence[_Side], ours: NDArray[np.str_], keep: NDArray[np.int64], match: Match
) -> list[str]:
    notes = []
    for name, theirs, rows in sides:
        if np.any(rows < 0):
            remedy = better_match(theirs, ours, match=match)
            notes.append(
                f"{name} has nothing for {int((rows < 0).sum())} of {len(ours)} images"
                + (f" ({remedy})." if remedy else ".")
            )
    if len(keep) < len(ours):
        notes.append(
            f"All numbers are of the {len(keep)} images of {len(ours)} that every quality and"
            " recognizer has and whose identity is known."
        )
    return notes


def _nothing_meets(
    sides: Sequence[_Side],
    ours: NDArray[np.str_],
    keep: NDArray[np.int64],
    listed: PairList | None,
    match: Match,
) -> EvidenceError:
    """The error of images that are not known together: two ids of each side that does not meet
    ours."""
    apart = [
        strangers(theirs, ours, what=name, match=match)
        for name, theirs, rows in sides
        if 2 * np.count_nonzero(rows >= 0) < len(ours)
    ]
    if listed is not None and listed.lost:
        apart.append(strangers(listed.names, ours, what="the list of pairs", match=match))
    if not apart:
        apart = [
            (
                f"an image is {str(ours[0])!r}, which names no identity"
                if len(ours)
                else "there is no image"
            )
        ]
    return EvidenceError(
        "Evaluation needs images that every quality and recognizer has (and whose identity is"
        f" known), got {len(keep)} of {len(ours)}: {'. '.join(apart)}.",
        hint=(
            "ids must agree, an image's suffix aside; --match says how they are compared, --faces"
            " names identities"
        ),
    )
