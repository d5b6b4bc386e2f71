"""CR-FIQA: how classifiable a face is, relative to the nearest other person.

It is a label, and what a network learns of its own class centers.

    [1] Boutros, Fang, Klemt, Fu, Damer: CR-FIQA: Face Image Quality Assessment by Learning Sample
        Relative Classifiability, CVPR 2023.

The joint training of recognizer and quality is the objective "cr_fiqa" of `fiqa train`
(recipes/cr_fiqa.toml).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_centers, encode, own_similarity
from fiqa.functional.similarity import normalize
from fiqa.methods.labeler import Job, Labeler, Labels, Work, needs_of, options_of
from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "batch_classifiability", "labeler", "relative_classifiability"]

CARD = MethodCard(
    name="cr_fiqa",
    paper="Boutros, Fang, Klemt, Fu, Damer: CR-FIQA (CVPR 2023)",
    year=2023,
    family="label",
    needs=("embeddings", "identities"),
    gives=("label", "train"),
    summary="Similarity to the own class center over similarity to the nearest other class center.",
    preprocess=(
        "label: none, it works on vectors; the student: aligned crop 112x112 RGB, mean and std of"
        " the recognizer it stands on"
    ),
    weights=(
        "train it with recipes/cr_fiqa.toml; the authors' (github.com/fdbtrs/CR-FIQA) come without"
        " a license that we know of: ask them"
    ),
    equation=(
        "ccs / (nnccs + 1), ccs = cos(e, own class center), nnccs = cos(e, nearest other center);"
        " network: ArcFace + 10 SmoothL1(q, its own ratio)"
    ),
    use=(
        "Take it when you have many people with several images each. The label needs nothing but"
        " vectors and who is who."
    ),
    limits=(
        "An identity with one image has no other to make a center from: it gets no label (status"
        " no_mate), unless centers are given."
    ),
    cost="label: one product with all class centers; network: one forward pass",
)

_EPSILON = 1e-9
ROWS = 1024
"""Rows that are multiplied at a time."""
CLASSES = 1 << 16
"""Centers they are multiplied with at a time: with 1024 rows 256 MB of similarities."""


def relative_classifiability(
    embeddings: NDArray[np.floating[Any]],
    identities: ArrayLike,
    *,
    form: Literal["shifted", "paper"] = "shifted",
    leave_out: bool = False,
    least: int = 1,
    centers: tuple[Sequence[str] | NDArray[np.str_], NDArray[np.floating[Any]]] | None = None,
) -> NDArray[np.float32]:
    """Returns the certainty ratio of every image [1, Eq. 5].

        ccs_i   = cos(e_i, center of the own class)
        nnccs_i = max over the other classes of cos(e_i, center)
        shifted: ccs / (nnccs + 1 + 1e-9)            paper: ccs / (nnccs + 1e-9)

    Class centers are the mean unit vectors of the identities in `embeddings`, unless `centers` has
    those of a recognizer's training, the weights of its classification layer. "shifted" has a
    denominator in [0, 2]; "paper" is the plain ratio, which explodes where the nearest other center
    is almost orthogonal and changes its sign beyond.

    With means, an image is part of its own center, and the only image of an identity *is* its
    center: it gets the highest similarity whatever it looks like. `leave_out` takes each image out
    of its own center; `fiqa label` does so by default.

    Args:
        embeddings: (N,D) of any length, float32, float16 or a memory map of either; read in blocks.
        identities: (N,) who is on the image, at least two people.
        form: "shifted" (default) or "paper".
        leave_out: whether an image is left out of its own center.
        least: images that make a center (others, with `leave_out`); an identity with fewer has
            none.
        centers: (names (K,), vectors (K,D)): the centers to use, at least two; nothing is left out
            of them.

    Returns:
        (N,) float32, higher is better, open range; NaN without an own center.

    Raises:
        ShapeError: vectors of another length, or names of another number.
        InputError: NaN or zero rows, only one identity, `centers` with `leave_out`, `least` below
            1.
        UnknownNameError: form.

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [0.8, 0.6], [0, 1.0], [0, 1.0]])
    >>> relative_classifiability(e, ["a", "a", "b", "b"]).round(2)
    array([0.95, 0.59, 0.76, 0.76], dtype=float32)
    >>> relative_classifiability(e, ["a", "a", "b", "c"], leave_out=True).round(2)
    array([0.8, 0.5, nan, nan], dtype=float32)
    """
    checks.choice(form, "form", ("shifted", "paper"))
    checks.in_range(least, "least", 1, np.inf)
    embeddings = checks.matrix(embeddings, "embeddings")
    if centers is not None:
        if leave_out:
            raise InputError("leave_out is for centers of these images; `centers` are given ones.")
        code, table = trained_centers(identities, centers, embeddings)
        own = None
    else:
        code, classes = encode(identities, len(embeddings))
        table = class_centers(embeddings, code, classes)
        own = own_similarity(embeddings, code, classes, leave_out=leave_out, least=least)
    if not len(code):
        return np.zeros(0, np.float32)
    check_classes(len(table))
    return ratios(embeddings, code, table, own, shift_of(form))


def check_classes(count: int) -> None:
    """Refuses a single class, of which there is no other.

    Args:
        count: how many there are.

    Raises:
        InputError: fewer than two.
    """
    if count < 2:
        raise InputError(
            f"identities must name at least 2 people, got {count}; there is no other class to"
            " compare with."
        )


def shift_of(form: Literal["shifted", "paper"]) -> float:
    """Returns what a form adds to the similarity in the denominator."""
    return (1.0 if form == "shifted" else 0.0) + _EPSILON


def ratios(
    embeddings: NDArray[np.floating[Any]],
    code: NDArray[np.int64],
    table: NDArray[np.float32],
    own: NDArray[np.float32] | None,
    shift: float,
) -> NDArray[np.float32]:
    """Returns own over nearest other similarity, (N,), in blocks of ROWS rows and CLASSES centers.

    Args:
        embeddings: (N,D) of any length.
        code: (N,) the own center of each row, -1 without one.
        table: (K,D) the centers, perhaps mapped.
        own: (N,) similarity to the own center, None: to the one in `table`.
        shift: of the denominator.

    Raises:
        InputError: NaN or zero rows.
    """
    result = np.empty(len(code), np.float32)
    # One buffer for all blocks: with many classes a block is what takes the memory.
    buffer = np.empty(min(ROWS, len(code)) * min(CLASSES, len(table)), np.float32)
    for piece in batches(len(code), ROWS):
        rows = normalize(embeddings[piece], "embeddings")
        mine = np.full(len(rows), np.nan, np.float32) if own is None else own[piece]
        near = np.full(len(rows), -np.inf, np.float32)
        for some in batches(len(table), CLASSES):
            block = buffer[: len(rows) * (some.stop - some.start)].reshape(len(rows), -1)
            cosine = np.matmul(rows, table[some].T, out=block)
            column = code[piece] - some.start
            here = np.flatnonzero((column >= 0) & (column < some.stop - some.start))
            if own is None:
                mine[here] = cosine[here, column[here]]
            cosine[here, column[here]] = -np.inf
            np.maximum(near, cosine.max(axis=1), out=near)
        result[piece] = mine.astype(np.float64) / (near.astype(np.float64) + shift)
    return result


def trained_centers(
    identities: ArrayLike,
    centers: tuple[Sequence[str] | NDArray[np.str_], NDArray[np.floating[Any]]],
    embeddings: NDArray[np.floating[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns given centers as a table of unit vectors (K,D), and the own one of each image (N,),
    -1 without.

    Args:
        identities: (N,) who is on the image.
        centers: names (K,) and vectors (K,D).
        embeddings: (N,D), for their width.

    Raises:
        ShapeError, InputError: centers that are none.
    """
    names = checks.array(identities, "identities", shape=(len(embeddings),)).astype(np.str_)
    labels = checks.ids(centers[0], "centers")
    vectors = checks.array(
        centers[1], "centers", shape=(len(labels), embeddings.shape[1]), dtype=np.float32
    )
    order = np.argsort(labels)
    place = order[np.searchsorted(labels, names, sorter=order).clip(max=max(len(labels) - 1, 0))]
    own = labels[place] == names if len(labels) else np.zeros(len(names), bool)
    return np.where(own, place, -1).astype(np.int64), normalize(vectors, "centers")


def batch_classifiability(cosine: Tensor, identity: Tensor) -> Tensor:
    """Returns the certainty ratio of a batch to the class centers of the moment [1, Eq. 5].

    It carries no gradient: it is what quality learns while the centers move.

    The form is "shifted" of `relative_classifiability`, and the centers are those that the
    recognizer learns. Differs from the published code, which masks the own class with about 0
    instead of leaving it out, so that a nearest other center beyond 90 degrees counts as 0 there.

    Args:
        cosine: (N,K) to every class center, K at least 2.
        identity: (N,) int, 0..K-1.

    Returns:
        (N,), higher is better, open range.
    """
    cosine, column = cosine.detach(), identity[:, None]
    # Left out, not masked with 0: cosines of other centers may all be below 0.
    others = cosine.scatter(1, column, -float("inf"))
    return cosine.gather(1, column)[:, 0] / (others.amax(dim=1) + 1 + _EPSILON)


def labeler() -> Labeler:
    """Returns how `fiqa label cr_fiqa` works: each image is left out of its own class center."""

    from fiqa.methods.class_partitions import classifiability

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        if job.centers is not None:
            options = {**options, "leave_out": False, "centers": job.centers}
        value = classifiability(job, options, work)
        return Labels(value, "no_mate" if job.centers is None else "no_center")

    options = options_of(relative_classifiability) | {"leave_out": True}
    return Labeler(run, options, needs_of(CARD), centers=True, partitions=True)
