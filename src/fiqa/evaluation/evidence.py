"""What `evaluate` and `threshold` work on: qualities, embeddings and pairs of the same images.

An image counts when every quality and every recognizer has it (and the manifest, where one is
given): all numbers of a run are of the same images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqa.data.frames import Frame
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match, better_match, find_ids, strangers
from fiqa.data.sound import sentences
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.across import apart
from fiqa.evaluation.copies import equal_vectors_note, known_content
from fiqa.evaluation.groups import group_names
from fiqa.evaluation.pairing import (
    ChosenPairs,
    PairList,
    chosen_pairs,
    content_of,
    counted_pairs,
    listed_pairs,
    people,
)
from fiqa.evaluation.result import Scores
from fiqa.evaluation.scales import own_scale
from fiqa.evaluation.sources import (
    NamedQuality,
    Qualities,
    Vectors,
    embeddings_of,
    named_qualities,
    negative,
)
from fiqa.functional.spread import spread
from fiqa.functional.streams import mated_count, nonmated_count, nonmated_index
from fiqa.types import Embeddings, Manifest, Pairs, PathLike

__all__ = ["COUNTED", "STORED", "Evidence", "gather"]

COUNTED = 20_000_000
"""The most mated pairs that an evaluation lists, about 3 GB of them; more are counted as they
stream by, where its protocol allows it."""

STORED = 10_000_000
"""The most non-mated pairs that are stored where a protocol needs each of them; of more, so many
are drawn at random."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images that everything is known of, and their pairs.

    Attributes:
        ids: (N,) of the images.
        identity: (N,) who is on each.
        manifest: the rows of these images where one was given.
        scores: one per quality.
        recognizers: embeddings in the order of `ids`.
        mated: (M,2) rows of mated pairs.
        nonmated: (Q,2), or None for all pairs of two identities.
        fold: (M+Q,) of a pair list with folds, mated pairs first; None without.
        counts: how many images, identities and pairs there are, and how many were left out.
        notes: sentences on what was left out, and why.
        identity_from: where the identities come from, in words.
        counted: whether the mated pairs are too many to be listed: `mated` is then empty.
        content: (N,) hash of each image's file where pairs are counted, "" unknown.
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
    counted: bool = False
    content: NDArray[np.str_] | None = None

    @property
    def nonmated_total(self) -> int:
        """How many non-mated pairs there are."""
        return nonmated_count(self.identity) if self.nonmated is None else len(self.nonmated)

    def stored_nonmated(self, seed: int) -> NDArray[np.int64]:
        """Returns non-mated pairs (Q,2): the list's, or all, or STORED drawn where all are more.

        Args:
            seed: of the draw.
        """
        return (
            self.nonmated
            if self.nonmated is not None
            else nonmated_index(self.identity, most=STORED, seed=seed)
        )


@dataclass(frozen=True, eq=False)
class _Side:
    """A quality or a recognizer beside our ids.

    Attributes:
        name: of the quality or recognizer.
        ids: its own.
        rows: (N,) the row of each of our ids in it, -1 where there is none.
    """

    name: str
    ids: NDArray[np.str_]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, ids: NDArray[np.str_], ours: NDArray[np.str_], match: Match) -> _Side:
        return cls(name, ids, _rows(ids, ours, match))


def gather(
    quality: Qualities,
    embeddings: Vectors,
    *,
    pairs: Pairs | PathLike | Frame | None = None,
    faces: Manifest | PathLike | Frame | None = None,
    match: Match = "id",
    flip: Sequence[str] = (),
    across: str | None = None,
    count: bool | None = False,
) -> Evidence:
    """Returns the evidence of some qualities and recognizers.

    Args and Raises: as fiqa.evaluate; `count` None decides by the number of mated pairs.
    """
    recognizers = embeddings_of(embeddings)
    named = named_qualities(quality, recognizers, flip)
    manifest = faces if faces is None or isinstance(faces, Manifest) else read_manifest(faces)
    ours = recognizers[0].id if manifest is None else manifest.id
    vector_sides = [_Side.of(part.recognizer, part.id, ours, match) for part in recognizers]
    score_sides = [_Side.of(part.name, part.quality.id, ours, match) for part in named]
    sides = [*score_sides, *vector_sides]
    complete = np.all([side.rows >= 0 for side in sides], axis=0)
    listed = None if pairs is None else listed_pairs(pairs, ours, complete, match)
    identity, identity_from = people(ours, complete, manifest, listed)
    # Pairs of a list say themselves who is who; all pairs need an identity of every image.
    if listed is None:
        complete &= identity != ""
    keep = np.flatnonzero(complete)
    if len(keep) < 2:
        raise _nothing_meets(sides, ours, keep, listed, match)
    content = _content(manifest, named, score_sides, keep)
    counted = _counted(count, listed, across, identity[keep])
    chosen = (
        counted_pairs(identity[keep], content)
        if counted
        else chosen_pairs(listed, identity[keep], content, keep, len(ours))
    )
    recognizers = [
        _taken(part, side.rows[keep], ours[keep])
        for part, side in zip(recognizers, vector_sides, strict=True)
    ]
    told = [] if content is not None else equal_vectors_note(chosen.mated, recognizers)
    if across is not None:
        rows = None if manifest is None else manifest.take(keep)
        chosen, apart_notes = apart(chosen, group_names(rows, across, none=""), ours[keep], across)
        told += apart_notes
    return Evidence(
        ids=ours[keep],
        identity=identity[keep],
        manifest=None if manifest is None else manifest.take(keep),
        scores=[
            _scores(part, side.rows, keep) for part, side in zip(named, score_sides, strict=True)
        ],
        recognizers=recognizers,
        mated=chosen.mated,
        nonmated=chosen.nonmated,
        fold=None if _single_fold(chosen) else chosen.fold,
        counts=_counts(chosen, identity[keep], len(ours)),
        notes=[
            f"Identities are from {identity_from}.",
            *_missing_notes(sides, ours, keep, match),
            *_flip_notes(named),
            *_pair_notes(chosen),
            *told,
        ],
        identity_from=identity_from,
        counted=counted,
        content=content if counted else None,
    )


def _counted(
    count: bool | None, listed: PairList | None, across: str | None, identity: NDArray[np.str_]
) -> bool:
    """Whether mated pairs are counted and not listed. Raises InputError where they cannot be."""
    if listed is None and across is None:
        return bool(count) or (count is None and mated_count(identity) > COUNTED)
    if count:
        raise InputError(
            "Pairs are counted where all pairs are compared, got"
            f" {'a list of pairs' if across is None else f'across={across!r}'}.",
            hint="leave --count out, and the pairs are held",
        )
    return False


def _content(
    manifest: Manifest | None,
    named: Sequence[NamedQuality],
    sides: Sequence[_Side],
    keep: NDArray[np.int64],
) -> NDArray[np.str_] | None:
    """The sha256 of the kept images' files, by the manifest or by the tables of scores."""
    stated = None if manifest is None else content_of(manifest, keep)
    sources = [(part.content, side.rows[keep]) for part, side in zip(named, sides, strict=True)]
    return known_content([(stated, np.arange(len(keep))), *sources])


def _single_fold(chosen: ChosenPairs) -> bool:
    return chosen.fold is not None and len(np.unique(chosen.fold)) < 2


def _counts(chosen: ChosenPairs, identity: NDArray[np.str_], total: int) -> dict[str, int]:
    mated, nonmated = chosen.mated, chosen.nonmated
    if "mated" in chosen.counts:  # counted, not listed
        return {
            "images": len(identity),
            "left_out": total - len(identity),
            **chosen.counts,
            "nonmated": nonmated_count(identity),
        }
    return {
        "images": len(identity),
        "left_out": total - len(identity),
        "identities": len(np.unique(identity[mated[:, 0]])) if len(mated) else 0,
        **chosen.counts,
        "mated": len(mated),
        "nonmated": nonmated_count(identity) if nonmated is None else len(nonmated),
    }


def _flip_notes(named: Sequence[NamedQuality]) -> list[str]:
    return [
        f"{part.name} was flipped: lower is better in its file." for part in named if part.flipped
    ]


def _pair_notes(chosen: ChosenPairs) -> list[str]:
    notes = sentences(chosen.impossible)
    if _single_fold(chosen):
        notes.append("The pairs are of one fold: there is no accuracy over folds.")
    if chosen.counts.get("duplicates"):
        notes.append(
            f"{chosen.counts['duplicates']} mated pairs compare an image with itself (equal"
            " content) and were left out."
        )
    if chosen.counts.get("pairs_lost"):
        notes.append(
            f"{chosen.counts['pairs_lost']} pairs of the list name an image that is not among those"
            " with everything known, and were left out."
        )
    return notes


def _rows(theirs: NDArray[np.str_], ours: NDArray[np.str_], match: Match) -> NDArray[np.int64]:
    """For each of our ids the row of theirs, -1 where there is none."""
    place = find_ids(theirs, ours, match=match)
    rows = np.full(len(ours), -1)
    # Two of their names may stand for one of our ids (a.jpg and a.png): nobody knows which counts.
    matched = np.flatnonzero(place >= 0)
    if len(np.unique(place[matched])) < len(matched):
        taken, times = np.unique(place[matched], return_counts=True)
        raise InputError(
            f"Each id must have one name, {str(ours[taken[times > 1][0]])!r} has {times.max()}."
        )
    rows[place[matched]] = matched
    return rows


def _taken(vectors: Embeddings, rows: NDArray[np.int64], ids: NDArray[np.str_]) -> Embeddings:
    return Embeddings(ids, vectors.vector[rows], vectors.norm[rows], vectors.recognizer)


def _scores(named: NamedQuality, rows: NDArray[np.int64], keep: NDArray[np.int64]) -> Scores:
    value = named.quality.value[rows[keep]]
    if named.flipped:  # the scale is known of the numbers as they were
        unit, scale = own_scale(negative(named.quality), -value)
        unit, scale = None if unit is None else 1 - unit, f"{scale}, flipped"
    else:
        unit, scale = own_scale(named.quality, value)
    source = str(named.quality.provenance.get("source", "memory"))
    lost = len(np.setdiff1d(np.arange(len(named.quality)), rows[rows >= 0], assume_unique=True))
    absent = int(np.count_nonzero(rows < 0))
    wide = None if unit is None else spread(unit)
    return Scores(named.name, value, named.quality.kind, source, unit, scale, absent, lost, wide)


def _missing_notes(
    sides: Sequence[_Side], ours: NDArray[np.str_], keep: NDArray[np.int64], match: Match
) -> list[str]:
    notes = []
    for side in sides:
        if np.any(side.rows < 0):
            remedy = better_match(side.ids, ours, match=match)
            notes.append(
                f"{side.name} has nothing for {int((side.rows < 0).sum())} of {len(ours)} images"
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
    """The error of images that are not known together, with two ids of each side that is apart."""
    # A side that has half of our ids names images as we do; what it lacks is another matter.
    apart = [
        strangers(side.ids, ours, what=side.name, match=match)
        for side in sides
        if 2 * np.count_nonzero(side.rows >= 0) < len(ours)
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
