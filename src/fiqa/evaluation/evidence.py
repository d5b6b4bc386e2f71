"""What `evaluate` and `threshold` work on: qualities, embeddings and identities of the same images, joined by id, and the pairs to compare.

An image counts when every quality and every recognizer has it (and the manifest, where one is given): all numbers of a run are of the same images.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqa.data.embeddings import read_embeddings
from fiqa.data.manifest import read_manifest
from fiqa.data.names import Match, find_ids
from fiqa.data.pairs import join_pairs, mated_pairs, read_folds
from fiqa.data.quality import read_quality
from fiqa.errors import EvidenceError, InputError
from fiqa.evaluation.result import Scores
from fiqa.evaluation.scales import own_scale
from fiqa.functional.spread import spread
from fiqa.functional.streams import nonmated_count, nonmated_index
from fiqa.methods.norm import embedding_norm
from fiqa.types import Embeddings, Manifest, Pairs, PathLike, Quality

__all__ = ["NORM", "STORED", "Evidence", "embeddings_of", "gather", "inputs"]

OneQuality = Quality | PathLike
Qualities = OneQuality | Sequence[OneQuality] | Mapping[str, OneQuality]
Vectors = Embeddings | PathLike | Sequence[Embeddings | PathLike]

NORM = "norm"
"""Given as a quality: the embedding norm of each recognizer."""

STORED = 10_000_000
"""The most non-mated pairs that are stored where a protocol needs each of them; of more, so many are drawn at random."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images that everything is known of, and their pairs.

    Fields: `ids` (N,) str; `identity` (N,) str; `manifest` the rows of these images where one was given; `scores` one per quality; `recognizers` embeddings
    in the order of `ids`; `mated` (M,2) rows of mated pairs; `nonmated` (Q,2), or None for all pairs of two identities; `fold` (M+Q,) of a pair list with
    folds, mated pairs first; `counts` and `notes` what was found and what was left out.
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

    @property
    def nonmated_total(self) -> int:
        """How many non-mated pairs there are."""
        return nonmated_count(self.identity) if self.nonmated is None else len(self.nonmated)

    def stored_nonmated(self, seed: int) -> NDArray[np.int64]:
        """Returns non-mated pairs (Q,2): the list's, or all, or STORED of them drawn by `seed` where all are more."""
        return self.nonmated if self.nonmated is not None else nonmated_index(self.identity, most=STORED, seed=seed)


def gather(
    quality: Qualities,
    embeddings: Vectors,
    *,
    pairs: Pairs | PathLike | None = None,
    faces: Manifest | PathLike | None = None,
    match: Match = "id",
) -> Evidence:
    """Returns the evidence of some qualities and recognizers; arguments and Raises as fiqa.evaluate."""
    recognizers = embeddings_of(embeddings)
    named = _qualities(quality, recognizers)
    manifest = read_manifest(faces) if isinstance(faces, str | os.PathLike) else faces
    ours = recognizers[0].id if manifest is None else manifest.id
    vector_rows = [_rows(one.id, ours, match) for one in recognizers]
    score_rows = [_rows(one.quality.id, ours, match) for one in named]
    known = np.all([rows >= 0 for rows in (*vector_rows, *score_rows)], axis=0)
    stated = manifest is not None and bool(np.any(manifest.identity != ""))
    identity = manifest.identity if manifest is not None and stated else _identities(ours)
    listed = None if pairs is None else _listed(pairs, ours, known, match)
    if listed is None:
        known &= identity != ""
    elif not np.any(identity[known] != ""):
        identity = _from_pairs(listed.pairs)
    keep = np.flatnonzero(known)
    if len(keep) < 2:
        raise EvidenceError(
            f"Evaluation needs images that every quality and recognizer has (and whose identity is known), got {len(keep)} of {len(ours)}.",
            hint="ids must agree, an image's suffix aside; --match stem compares the last part only, --faces names identities",
        )
    notes = [*_missing_notes(named, score_rows, recognizers, vector_rows, ours, keep)]
    scores = [_scores(one, rows, keep) for one, rows in zip(named, score_rows, strict=True)]
    vectors = [_taken(one, rows[keep], ours[keep]) for one, rows in zip(recognizers, vector_rows, strict=True)]
    counts = {"images": len(keep), "left_out": len(ours) - len(keep)}
    chosen = _pairs(listed, identity[keep], None if manifest is None else _content(manifest, keep), keep, len(ours))
    mated, nonmated, fold, found = chosen
    counts |= {"identities": len(np.unique(identity[keep][mated[:, 0]])) if len(mated) else 0} | found
    counts["mated"] = len(mated)
    counts["nonmated"] = nonmated_count(identity[keep]) if nonmated is None else len(nonmated)
    if found.get("duplicates"):
        notes.append(
            f"{found['duplicates']} mated pairs compare an image with itself (equal content) and were left out."
        )
    if found.get("pairs_lost"):
        notes.append(
            f"{found['pairs_lost']} pairs of the list name an image that is not among those with everything known, and were left out."
        )
    taken = None if manifest is None else manifest.take(keep)
    return Evidence(ours[keep], identity[keep], taken, scores, vectors, mated, nonmated, fold, counts, notes)


def inputs(quality: Qualities, embeddings: Vectors, *others: Any) -> list[str]:
    """Returns the files among the arguments of `gather`, for the record of a run."""
    flat = list(quality.values()) if isinstance(quality, Mapping) else _listed_of(quality)
    names = [_split(one)[1] if isinstance(one, str) else one for one in [*flat, *_listed_of(embeddings), *others]]
    return [os.fspath(one) for one in names if isinstance(one, str | os.PathLike) and one != NORM]


def embeddings_of(embeddings: Vectors) -> list[Embeddings]:
    """Returns the embeddings that are given or named, their recognizers' names filled in and unique.

    Raises:
        InputError: none, or two of one name. ReadError: a file cannot be read.
    """
    found = []
    for one in _listed_of(embeddings):
        read = one if isinstance(one, Embeddings) else read_embeddings(one)
        name = read.recognizer or ("recognizer" if isinstance(one, Embeddings) else Path(one).stem)
        found.append((read, name, name if isinstance(one, Embeddings) else Path(one).stem))
    if not found:
        raise InputError("embeddings must name at least one recognizer, got none.")
    names = _unique([name for _, name, _ in found], [stem for _, _, stem in found], "recognizer")
    return [Embeddings(e.id, e.vector, e.norm, name) for (e, _, _), name in zip(found, names, strict=True)]


@dataclass(frozen=True, eq=False)
class _Named:
    """A quality under the name it has in the report."""

    name: str
    stem: str
    quality: Quality


def _listed_of(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | os.PathLike | Quality | Embeddings) else list(value)


def _split(text: str) -> tuple[str | None, str]:
    """NAME=FILE as its two parts; a text that is a file's name has no NAME."""
    name, mark, file = text.partition("=")
    return (name, file) if mark and name and not os.path.exists(text) else (None, text)


def _qualities(quality: Qualities, recognizers: Sequence[Embeddings]) -> list[_Named]:
    given: list[tuple[str | None, Any]] = (
        list(quality.items()) if isinstance(quality, Mapping) else [(None, one) for one in _listed_of(quality)]
    )
    found: list[_Named] = []
    for name, one in given:
        if one == NORM and not os.path.exists(NORM):
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
            f"{reserved[0]!r} must not be a quality's name: that curve is always there.", hint="say NAME=FILE"
        )
    return [_Named(name, one.stem, one.quality) for name, one in zip(names, found, strict=True)]


def _named(name: str | None, source: Any) -> _Named:
    if isinstance(source, Quality):
        return _Named(name or source.method, name or source.method, source)
    read = read_quality(source, method=name)
    return _Named(read.method, name or Path(source).stem, read)


def _unique(names: list[str], stems: list[str], what: str) -> list[str]:
    """Names, where one occurs twice those of the files instead."""
    times = Counter(names)
    chosen = [stem if times[name] > 1 else name for name, stem in zip(names, stems, strict=True)]
    twice = [name for name, count in Counter(chosen).items() if count > 1]
    if twice:
        raise InputError(f"Each {what} must have its own name, got {twice[0]!r} twice.", hint="say NAME=FILE")
    return chosen


def _rows(theirs: NDArray[np.str_], ours: NDArray[np.str_], match: Match) -> NDArray[np.int64]:
    """Returns for each of our ids the row of theirs, -1 where there is none."""
    place = find_ids(theirs, ours, match=match)
    rows = np.full(len(ours), -1)
    found = np.flatnonzero(place >= 0)
    if len(np.unique(place[found])) < len(found):
        taken, times = np.unique(place[found], return_counts=True)
        raise InputError(f"Each id must have one name, {str(ours[taken[times > 1][0]])!r} has {times.max()}.")
    rows[place[found]] = found
    return rows


def _identities(ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """The folder part of each id, "" where there is none."""
    parts = [name.replace("\\", "/").rpartition("/")[0] for name in ids.tolist()]
    return np.array(parts, dtype=np.str_)


def _taken(vectors: Embeddings, rows: NDArray[np.int64], ids: NDArray[np.str_]) -> Embeddings:
    return Embeddings(ids, vectors.vector[rows], vectors.norm[rows], vectors.recognizer)


def _scores(one: _Named, rows: NDArray[np.int64], keep: NDArray[np.int64]) -> Scores:
    value = one.quality.value[rows[keep]].astype(np.float64)
    unit, scale = own_scale(one.quality, value)
    source = str(one.quality.provenance.get("source", "memory"))
    lost = len(np.setdiff1d(np.arange(len(one.quality)), rows[rows >= 0], assume_unique=True))
    absent = int(np.count_nonzero(rows < 0))
    wide = None if unit is None else spread(unit)
    return Scores(one.name, value, one.quality.kind, source, unit, scale, absent, lost, wide)


def _missing_notes(
    named: Sequence[_Named],
    score_rows: Sequence[NDArray[np.int64]],
    recognizers: Sequence[Embeddings],
    vector_rows: Sequence[NDArray[np.int64]],
    ours: NDArray[np.str_],
    keep: NDArray[np.int64],
) -> list[str]:
    every = [*((n.name, rows) for n, rows in zip(named, score_rows, strict=True))]
    every += [(e.recognizer, rows) for e, rows in zip(recognizers, vector_rows, strict=True)]
    notes = [
        f"{name} has nothing for {int((rows < 0).sum())} of {len(ours)} images."
        for name, rows in every
        if np.any(rows < 0)
    ]
    if len(keep) < len(ours):
        notes.append(
            f"All numbers are of the {len(keep)} images of {len(ours)} that every quality and recognizer has and whose identity is known."
        )
    return notes


@dataclass(frozen=True, eq=False)
class _List:
    """A pair list over our ids; `lost` pairs of images that are not known."""

    pairs: Pairs
    fold: NDArray[np.int64] | None
    lost: int


def _listed(pairs: Pairs | PathLike, ours: NDArray[np.str_], known: NDArray[np.bool_], match: Match) -> _List:
    fold = None
    if isinstance(pairs, str | os.PathLike):
        folded = read_folds(pairs)
        pairs, fold = folded.pairs, folded.fold
    joined, kept = join_pairs(pairs, ours, match=match)
    whole = known[joined.index].all(axis=1)
    fold = None if fold is None else fold[kept][whole]
    known &= np.isin(np.arange(len(ours)), joined.index[whole])
    return _List(Pairs(ours, joined.index[whole], joined.mated[whole]), fold, len(pairs) - int(whole.sum()))


def _from_pairs(pairs: Pairs) -> NDArray[np.str_]:
    """Identities of images of which only pairs are known: what mated pairs connect is one person."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = pairs.index[pairs.mated]
    n = len(pairs.ids)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return np.char.add("person ", connected_components(graph, directed=False)[1].astype(np.str_))


def _content(manifest: Manifest, keep: NDArray[np.int64]) -> NDArray[np.str_] | None:
    return manifest.columns["sha256"][keep].astype(np.str_) if "sha256" in manifest.columns else None


def _pairs(
    listed: _List | None,
    identity: NDArray[np.str_],
    content: NDArray[np.str_] | None,
    keep: NDArray[np.int64],
    total: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.int64] | None, dict[str, int]]:
    """Returns (mated, nonmated or None, fold or None, counts), pairs as rows of the kept images."""
    if listed is None:
        mated = mated_pairs(identity, content=content)
        return mated.index, None, None, {"single": mated.single, "duplicates": mated.duplicates}
    place = np.full(total, -1)
    place[keep] = np.arange(len(keep))
    index, same = place[listed.pairs.index], listed.pairs.mated
    equal = np.zeros(len(index), bool)
    if content is not None and len(index):
        equal = same & (content[index[:, 0]] == content[index[:, 1]]) & (content[index[:, 0]] != "")
    mixed = same & (identity[index[:, 0]] != identity[index[:, 1]])
    if mixed.any():
        raise InputError(
            f"A mated pair must be of one identity, got {int(mixed.sum())} of {int(same.sum())} that are of two by their ids.",
            hint="--faces MANIFEST with a column `identity` says who is who",
        )
    order = np.concatenate([np.flatnonzero(same & ~equal), np.flatnonzero(~same)])
    genuine = int(np.count_nonzero(same & ~equal))
    fold = None if listed.fold is None else listed.fold[order]
    return (
        index[order[:genuine]],
        index[order[genuine:]],
        fold,
        {"duplicates": int(equal.sum()), "pairs_lost": listed.lost},
    )
