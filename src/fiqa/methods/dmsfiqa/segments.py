"""Likeness to templates; in video to those of other segments, so that none judges its own frames.

The frames of a segment (a track, a clip) are near-copies of each other. A template in the same
segment is like them because it was taken in the same second, not because they are good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.carried import Carried
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.identities import groups
from fiqa.types import Manifest

__all__ = ["Likeness", "apart", "segments_of", "template_similarity", "words_of"]

_ROWS = 1 << 14


@dataclass(frozen=True, eq=False)
class Segments:
    """Which segment each of N faces is of, and by which kind of light it was seen.

    Attributes:
        segment: (N,) code, -1 where the table does not say.
        modality: (N,) code, -1 where it is not known.
        names: (N rows) the same in words, columns `segment` and `modality`.
    """

    segment: NDArray[np.int64]
    modality: NDArray[np.int64]
    names: pl.DataFrame

    def told(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """Returns the columns `segment` and `modality` of some rows.

        Args:
            rows: of them.
        """
        return self.names[rows]


def segments_of(faces: Manifest, column: str) -> Segments:
    """Returns the segments that a column of the faces tells, and their modality: the column
    `regime` where it is there, else rgb or nir by the column `grey`.

    Args:
        faces: with columns of the user's own (fiqa.data.carried).
        column: of the segments.

    Raises:
        UnknownNameError: no such column, with the closest one.
        InputError: a column of lists.
    """
    carried = Carried.of(faces).frame
    segment = words_of(faces, column, "group_column")
    modality = pl.Series([""], dtype=pl.String).new_from_index(0, len(faces))
    if "regime" in carried.columns:
        modality = _words(carried["regime"])
    elif "grey" in faces.columns:
        words = {True: "nir", False: "rgb"}
        grey = pl.Series(faces.columns["grey"].tolist(), dtype=pl.Boolean, strict=False)
        modality = grey.replace_strict(words, default="", return_dtype=pl.String)
    names = pl.DataFrame({"segment": segment, "modality": modality})
    return Segments(_codes(segment), _codes(modality), names)


def words_of(faces: Manifest, column: str, option: str) -> pl.Series:
    """Returns the words (N,) of a column of the faces, "" where there is none.

    Args:
        faces: with columns of the user's own (fiqa.data.carried).
        column: of them.
        option: that names it, for messages.

    Raises:
        UnknownNameError: no such column, with the closest one.
        InputError: a column of lists.
    """
    carried = Carried.of(faces).frame
    checks.choice(column, f"column of the faces for {option}", carried.columns)
    if carried[column].dtype.is_nested():
        what = "segment" if option == "group_column" else "value"
        raise InputError(f"{column!r} must name one {what} in a cell, got {carried[column].dtype}.")
    return _words(carried[column])


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like its templates every image is.

    Attributes:
        similarity: (N,) float32, NaN where no template judges the image.
        template: (N,) row of the most similar one, -1 where there is none.
    """

    similarity: NDArray[np.float32]
    template: NDArray[np.int64]


def template_similarity(
    embeddings: NDArray[np.floating[Any]],
    identities: NDArray[np.int64],
    templates: NDArray[np.int64],
    *,
    segments: NDArray[np.int64] | None = None,
    best: int = 1,
) -> Likeness:
    """Returns the mean cosine of every image to the most similar templates of its identity.

    Where segments are given, a template judges no image of its own. Where fewer than `best`
    templates judge an image, the mean is over those. Of equal cosines that of the smaller row
    counts first.

    Args:
        embeddings: (N,D) unit vectors; read in blocks of rows.
        identities: (N,) code of who is on the image.
        templates: (M,) rows of the templates of all identities.
        segments: (N,) code of the segment of each image; None: a template judges every image of
            its identity, itself too.
        best: how many of the most similar templates count, at least 1.

    Raises:
        InputError: best below 1.

    >>> e = np.array([[1.0, 0], [0.8, 0.6], [0.6, 0.8]])
    >>> who, clip = np.zeros(3, int), np.array([0, 0, 1])
    >>> template_similarity(e, who, np.array([0, 2]), segments=clip).similarity.round(2).tolist()
    [0.6000000238418579, 0.9599999785423279, 0.6000000238418579]
    """
    checks.in_range(best, "best", 1, np.inf)
    similarity = np.full(len(identities), np.nan, np.float32)
    template = np.full(len(identities), -1, np.int64)
    of_person = {int(identities[own[0]]): own for own in _per_person(templates, identities)}
    for rows in groups(identities):
        own = of_person.get(int(identities[rows[0]]))
        if own is None:
            continue
        vectors = embeddings[own].astype(np.float32)
        # In blocks: the vectors may be a mapped file larger than the memory.
        for piece in batches(len(rows), _ROWS):
            some = rows[piece]
            cosine = np.einsum("nd,td->nt", embeddings[some].astype(np.float32), vectors)
            if segments is not None:
                cosine[segments[some][:, None] == segments[own][None, :]] = -np.inf
            order = np.argsort(-cosine, axis=1, kind="stable")[:, :best]
            ordered = np.take_along_axis(cosine, order, axis=1)
            count = np.isfinite(ordered).sum(axis=1)
            judged = count > 0
            total = np.where(np.isfinite(ordered), ordered, 0).sum(axis=1)
            similarity[some[judged]] = (total / np.maximum(count, 1))[judged]
            template[some[judged]] = own[order[judged, 0]]
    return Likeness(similarity, template)


def apart(
    ranked: NDArray[np.int64],
    segments: NDArray[np.int64],
    modalities: NDArray[np.int64],
    count: int,
) -> NDArray[np.int64]:
    """Returns the best rows of one identity, at most one of a segment and at least one of each
    modality that is there.

    First each modality has its best row, the one found in the fewest segments first, so that
    another does not take its only segment; then the best rows of further segments follow.

    Args:
        ranked: (n,) rows of the identity, best first.
        segments: (N,) code of the segment of every row.
        modalities: (N,) code of the modality of every row, -1 where it is not known.
        count: how many rows; more where there are more modalities.

    >>> apart(np.array([2, 0, 1, 3]), np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2).tolist()
    [0, 3]
    """
    place = np.arange(len(ranked))
    segment, modality = segments[ranked], modalities[ranked]
    kinds = [kind for kind in np.unique(modality) if kind >= 0]
    kinds.sort(key=lambda kind: len(np.unique(segment[modality == kind])))
    taken: set[int] = set()
    chosen: list[int] = []

    def take(places: NDArray[np.int64], limit: int) -> None:
        for k in places.tolist():
            if len(chosen) >= limit:
                return
            if int(segment[k]) not in taken:
                taken.add(int(segment[k]))
                chosen.append(k)

    for kind in kinds:
        take(place[modality == kind], len(chosen) + 1)
    take(place, max(count, len(chosen)))
    return ranked[sorted(chosen)]


def _words(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).fill_null("")


def _codes(words: pl.Series) -> NDArray[np.int64]:
    """0.. in sorted order, -1 for no word."""
    kinds = words.filter(words != "").unique().sort()
    known = pl.select(pl.when(words != "").then(words)).to_series()
    codes = known.cast(pl.Enum(kinds)).to_physical().cast(pl.Int64).fill_null(-1)
    return codes.to_numpy().astype(np.int64)


def _per_person(
    templates: NDArray[np.int64], identities: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """The rows of the templates, ascending, identity by identity."""
    rows = np.sort(templates)
    return [rows[where] for where in groups(identities[rows])]
