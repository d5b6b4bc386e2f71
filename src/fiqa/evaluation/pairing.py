"""Who is on an image and which images are compared: identities and pairs, and their origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fiqa.data.columns import identity_like, identity_missing
from fiqa.data.frames import Frame
from fiqa.data.names import Match
from fiqa.data.pairs import join_pairs, mated_pairs, read_folds
from fiqa.data.sound import sound
from fiqa.errors import InputError
from fiqa.types import Manifest, Pairs, PathLike

__all__ = [
    "ChosenPairs",
    "PairList",
    "chosen_pairs",
    "content_of",
    "counted_pairs",
    "listed_pairs",
    "people",
]


@dataclass(frozen=True, eq=False)
class PairList:
    """A pair list over our ids.

    Attributes:
        pairs: those of images that are known.
        fold: of each pair, None for a list without folds.
        lost: how many pairs name an image that is not known.
        names: the list's own ids.
        left_out: reason -> how many pairs its reader left out.
    """

    pairs: Pairs
    fold: NDArray[np.int64] | None
    lost: int
    names: NDArray[np.str_]
    left_out: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class ChosenPairs:
    """The pairs that are compared, as rows of the kept images.

    Attributes:
        mated: (M,2).
        nonmated: (Q,2), None for all pairs of two identities.
        fold: (M+Q,) mated pairs first, None without folds.
        counts: name -> how many pairs or images, for the record.
        impossible: reason -> how many pairs of the list cannot be.
    """

    mated: NDArray[np.int64]
    nonmated: NDArray[np.int64] | None
    fold: NDArray[np.int64] | None
    counts: dict[str, int]
    impossible: dict[str, int]


def listed_pairs(
    pairs: Pairs | PathLike | Frame,
    ours: NDArray[np.str_],
    complete: NDArray[np.bool_],
    match: Match,
) -> PairList:
    """Returns the pairs of a list over our ids.

    Args:
        pairs: the list.
        ours: (N,) ids.
        complete: (N,) images of which everything is known; those in no pair are taken from it, in
            place.
        match: how the names of the list find the ids.
    """
    fold, left_out = None, cast("Mapping[str, int]", {})
    if not isinstance(pairs, Pairs):
        read = read_folds(pairs)
        pairs, fold, left_out = read.pairs, read.fold, read.left_out
    joined, kept = join_pairs(pairs, ours, match=match)
    usable = complete[joined.index].all(axis=1)
    fold = None if fold is None else fold[kept][usable]
    complete &= np.isin(np.arange(len(ours)), joined.index[usable])
    ours_alone = Pairs(ours, joined.index[usable], joined.mated[usable])
    return PairList(ours_alone, fold, len(pairs) - int(usable.sum()), pairs.ids, left_out)


def people(
    ours: NDArray[np.str_],
    complete: NDArray[np.bool_],
    manifest: Manifest | None,
    listed: PairList | None,
) -> tuple[NDArray[np.str_], str]:
    """Returns who is on each of our images, and where that is from.

    Folders are a guess: a pair list overrules it where all images lie in one, or where most of its
    non-mated pairs would be of one person.

    Raises:
        InputError: the manifest has no column identity but one that may be meant.
    """
    if manifest is not None and np.any(manifest.identity != ""):
        return manifest.identity, manifest.identity_from or "the manifest"
    meant = [] if manifest is None else identity_like(manifest.columns)
    if meant:
        raise identity_missing(meant, "The manifest")
    guess = _identities(ours)
    if listed is None or not _overruled(guess, complete, listed.pairs):
        return guess, "the folder part of each id"
    return _from_pairs(listed.pairs), "the list of pairs: whom mated pairs connect is one person"


def _overruled(guess: NDArray[np.str_], complete: NDArray[np.bool_], pairs: Pairs) -> bool:
    if len(np.unique(guess[complete])) < 2:
        return True
    # Non-mated pairs of one folder say that folders are no people.
    other = guess[pairs.index[~pairs.mated]]
    return len(other) > 0 and bool(2 * np.count_nonzero(other[:, 0] == other[:, 1]) > len(other))


def _from_pairs(pairs: Pairs) -> NDArray[np.str_]:
    """Identities where only pairs are known: what mated pairs connect is one person."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Mated is transitive: a with b and b with c makes all three one person.
    edges = pairs.index[pairs.mated]
    n = len(pairs.ids)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    person = connected_components(graph, directed=False)[1]
    return np.array([f"person {number}" for number in person.tolist()], dtype=np.str_)


def content_of(manifest: Manifest, keep: NDArray[np.int64]) -> NDArray[np.str_] | None:
    """Returns the hash of each kept image's file, None where the manifest has none."""
    return (
        manifest.columns["sha256"][keep].astype(np.str_) if "sha256" in manifest.columns else None
    )


def chosen_pairs(
    listed: PairList | None,
    identity: NDArray[np.str_],
    content: NDArray[np.str_] | None,
    keep: NDArray[np.int64],
    total: int,
) -> ChosenPairs:
    """Returns the pairs that are compared.

    Args:
        listed: the list of pairs, None for all pairs.
        identity: (N,) of the kept images.
        content: (N,) hashes of their files, None where there are none.
        keep: (N,) rows of the kept images among all.
        total: how many images there are in all.

    Raises:
        InputError: a mated pair is of two identities.
    """
    if listed is None:
        mated = mated_pairs(identity, content=content)
        counts = {"single": mated.single, "duplicates": mated.duplicates}
        return ChosenPairs(mated.index, None, None, counts, {})
    # Positions of the list's pairs are among all images; from here on they are among the kept.
    place = np.full(total, -1)
    place[keep] = np.arange(len(keep))
    kept_pairs = Pairs(
        np.arange(len(keep)).astype(np.str_), place[listed.pairs.index], listed.pairs.mated
    )
    possible = sound(kept_pairs, identity=identity, content=content)
    index, same = kept_pairs.index[possible.kept], kept_pairs.mated[possible.kept]
    left_out = dict(Counter(listed.left_out) + Counter(possible.left_out))
    equal = np.zeros(len(index), bool)
    if content is not None and len(index):
        equal = same & (content[index[:, 0]] == content[index[:, 1]]) & (content[index[:, 0]] != "")
    mixed = same & (identity[index[:, 0]] != identity[index[:, 1]])
    if mixed.any():
        raise InputError(
            f"A mated pair must be of one identity, got {int(mixed.sum())} of {int(same.sum())}"
            " that are of two by their ids.",
            hint="--faces MANIFEST with a column `identity` says who is who",
        )
    # Mated pairs first: the order that `fold` and every reader of these pairs rely on.
    order = np.concatenate([np.flatnonzero(same & ~equal), np.flatnonzero(~same)])
    mated_count = int(np.count_nonzero(same & ~equal))
    fold = None if listed.fold is None else listed.fold[possible.kept][order]
    counts = {"duplicates": int(equal.sum()), "pairs_lost": listed.lost}
    counts |= {f"pairs_{reason}": count for reason, count in left_out.items()}
    return ChosenPairs(
        index[order[:mated_count]], index[order[mated_count:]], fold, counts, left_out
    )


def counted_pairs(identity: NDArray[np.str_], content: NDArray[np.str_] | None) -> ChosenPairs:
    """Returns all pairs where the mated ones are too many to be listed: their number alone.

    Args:
        identity: (N,) of the kept images.
        content: (N,) hashes of their files, "" unknown; None where there are none.
    """
    person, times = np.unique(identity, return_inverse=True, return_counts=True)[1:]
    pairs = times * (times - 1) // 2
    equal = np.zeros_like(pairs)
    if content is not None:
        known = content != ""
        file = np.unique(content[known], return_inverse=True)[1]
        both, same = np.unique(np.stack([person[known], file]), axis=1, return_counts=True)
        np.add.at(equal, both[0], same * (same - 1) // 2)
    counts = {
        "single": int((times == 1).sum()),
        "duplicates": int(equal.sum()),
        "mated": int((pairs - equal).sum()),
        "identities": int((pairs > equal).sum()),
    }
    return ChosenPairs(np.empty((0, 2), np.int64), None, None, counts, {})


def _identities(ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """The folder part of each id, "" where there is none."""
    parts = [name.replace("\\", "/").rpartition("/")[0] for name in ids.tolist()]
    return np.array(parts, dtype=np.str_)
