"""IJB-B and IJB-C protocol lists: which image belongs to which template and medium, which templates
are compared, and templates from embeddings."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqa import checks
from fiqa.data.formats.source import read_text
from fiqa.data.reading import reader
from fiqa.data.sound import sound, warn
from fiqa.errors import EvidenceError, ReadError
from fiqa.types import Pairs, PathLike

__all__ = ["TemplateMedia", "aggregate", "read_media", "read_pairs"]


class TemplateMedia(NamedTuple):
    """One row per image of a template; an image can be in many templates.

    Attributes:
        id: (N,) str, the image's name.
        template: (N,) int64.
        media: (N,) int64.
    """

    id: NDArray[np.str_]
    template: NDArray[np.int64]
    media: NDArray[np.int64]


@reader
def read_media(path: PathLike) -> TemplateMedia:
    """Returns `ijbc_face_tid_mid.txt`: lines `image template media`.

    Args:
        path: the file.

    Raises:
        ReadError: a line that is none; the message names the first.
    """
    rows = _rows(path, 3, "image template media")
    numbers = _numbers(path, [row[1:] for row in rows])
    return TemplateMedia(
        np.array([row[0] for row in rows], dtype=np.str_), numbers[:, 0], numbers[:, 1]
    )


@reader
def read_pairs(path: PathLike) -> Pairs:
    """Returns `ijbc_template_pair_label.txt`: lines `template template label`.

    Ids are the templates' numbers as text, ascending by number. Pairs that cannot be
    (fiqa.data.sound) are left out, and the log says how many.

    Args:
        path: the file.

    Raises:
        ReadError: a line that is none, or a label that is neither 0 nor 1.
    """
    numbers = _numbers(path, _rows(path, 3, "template template label"))
    if not np.isin(numbers[:, 2], (0, 1)).all():
        raise ReadError(
            f"{os.fspath(path)!r} must have labels 0 or 1, it has"
            f" {np.unique(numbers[:, 2])[:5].tolist()}."
        )
    templates, place = np.unique(numbers[:, :2], return_inverse=True)
    pairs = Pairs(templates.astype(np.str_), place.reshape(-1, 2), numbers[:, 2] == 1)
    result = sound(pairs)
    warn(result.left_out, os.fspath(path))
    return Pairs(pairs.ids, pairs.index[result.kept], pairs.mated[result.kept])


def aggregate(
    vectors: NDArray[Any], template: NDArray[np.int64], media: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns templates from the embeddings of their images.

    A template is the mean over media of the means within a medium, normalized.

    t = sum_m mean_{i in m} v_i / |sum_m mean_{i in m} v_i|: a video of many frames counts as much
    as one photograph.

    Args:
        vectors: (N, D) embeddings as the protocol wants them (usually of unit norm).
        template: (N,) int, as in `TemplateMedia`.
        media: (N,) int, as there.

    Returns:
        (T,) template numbers ascending and (T, D) float32 rows of unit norm.

    Raises:
        ShapeError: lengths that differ.
        InputError: NaN in `vectors`.
        EvidenceError: a template whose mean is zero.

    >>> import numpy as np
    >>> v = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> aggregate(v, np.array([7, 7, 7]), np.array([1, 1, 2]))[1].round(3).tolist()
    [[0.7070000171661377, 0.7070000171661377]]
    """
    rows = checks.finite(
        checks.array(vectors, "vectors", shape=("N", "D"), dtype=np.float64), "vectors"
    )
    template = checks.array(template, "template", shape=(len(rows),), dtype=np.int64)
    media = checks.array(media, "media", shape=(len(rows),), dtype=np.int64)
    # A group is the images of one medium in one template.
    groups, group, count = np.unique(
        np.stack([template, media], 1), axis=0, return_inverse=True, return_counts=True
    )
    means = _sums(rows, group.ravel(), len(groups)) / count[:, None]
    names, owner = np.unique(groups[:, 0], return_inverse=True)
    totals = _sums(means, owner, len(names))
    norms = np.linalg.norm(totals, axis=1)
    if np.any(norms == 0):
        raise EvidenceError(
            f"A template must have a direction, {int((norms == 0).sum())} of {len(names)} have a"
            " zero mean."
        )
    return names, (totals / norms[:, None]).astype(np.float32)


def _sums(rows: NDArray[np.float64], group: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Returns the (count, D) sums of rows by group.

    One sort is faster than a scattered addition.
    """
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    return np.add.reduceat(rows[order], starts, axis=0) if count else np.zeros((0, rows.shape[1]))


def _rows(path: PathLike, width: int, form: str) -> list[list[str]]:
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    wrong = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if wrong is not None:
        raise ReadError(
            f"{os.fspath(path)!r} row {wrong + 1} must be `{form}`, got"
            f" {' '.join(rows[wrong])[:60]!r}."
        )
    return rows


def _numbers(path: PathLike, rows: list[list[str]]) -> NDArray[np.int64]:
    try:
        return np.array(rows, dtype=np.int64).reshape(len(rows), -1)
    except (ValueError, OverflowError) as error:
        raise ReadError(f"{os.fspath(path)!r} must hold whole numbers: {error}.") from error
