"""CR-FIQA: how classifiable a face is, relative to the nearest other person; as a label, and as what a network learns of its own class centers.

[1] Boutros, Fang, Klemt, Fu, Damer: CR-FIQA: Face Image Quality Assessment by Learning Sample Relative Classifiability,
    CVPR 2023.

The joint training of recognizer and quality is the objective "cr_fiqa" of `fiqa train` (recipes/cr_fiqa.toml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.functional.identities import class_centers, encode
from fiqa.functional.similarity import normalize
from fiqa.types import MethodCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "batch_classifiability", "relative_classifiability"]

CARD = MethodCard(
    name="cr_fiqa",
    paper="Boutros, Fang, Klemt, Fu, Damer: CR-FIQA (CVPR 2023)",
    year=2023,
    family="label",
    needs=("embeddings", "identities"),
    gives=("label", "train"),
    summary="Similarity to the own class center over similarity to the nearest other class center.",
    preprocess="label: none, it works on vectors; the student: aligned crop 112x112 RGB, mean and std of the recognizer it stands on",
    weights="train it with recipes/cr_fiqa.toml; the authors' (github.com/fdbtrs/CR-FIQA) come without a license that we know of: ask them",
    equation="ccs / (nnccs + 1), ccs = cos(e, own class center), nnccs = cos(e, nearest other center); network: ArcFace + 10 SmoothL1(q, its own ratio)",
    use="You have many people with several images each; the label needs nothing but vectors and who is who.",
    limits="An identity with one image is its own center and gets the highest similarity whatever it looks like: leave such out.",
    cost="label: one product with all class centers; network: one forward pass",
)

_EPSILON = 1e-9
_ROWS = 1024


def relative_classifiability(
    embeddings: NDArray[np.floating[Any]], identities: ArrayLike, *, form: Literal["shifted", "paper"] = "shifted"
) -> NDArray[np.float32]:
    """Returns the certainty ratio of every image [1, Eq. 5].

        ccs_i   = cos(e_i, center of the own class)
        nnccs_i = max over the other classes of cos(e_i, center)
        shifted: ccs / (nnccs + 1 + 1e-9)            paper: ccs / (nnccs + 1e-9)

    Class centers are the mean unit vectors of the identities in `embeddings`, not the weights of a classification layer.
    "shifted" has a denominator in [0, 2]; "paper" is the plain ratio, which explodes where the nearest other center is
    almost orthogonal and changes its sign beyond.

    Args:
        embeddings: (N,D) of any length, float32, float16 or a memory map of either; read in blocks of rows.
        identities: (N,) who is on the image, at least two people.
        form: "shifted" (default) or "paper".

    Returns: (N,) float32, higher is better, open range.
    Raises: ShapeError, InputError (NaN or zero rows, only one identity), UnknownNameError (form).

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [0.8, 0.6], [0, 1.0], [0, 1.0]])
    >>> relative_classifiability(e, ["a", "a", "b", "b"]).round(2)
    array([0.95, 0.59, 0.76, 0.76], dtype=float32)
    """
    checks.choice(form, "form", ("shifted", "paper"))
    embeddings = checks.matrix(embeddings, "embeddings")
    code, classes = encode(identities, len(embeddings))
    if classes < 2:
        if not len(code):
            return np.zeros(0, np.float32)
        raise InputError(
            f"identities must name at least 2 people, got {classes}; there is no other class to compare with."
        )
    centers = class_centers(embeddings, code, classes)
    shift = (1.0 if form == "shifted" else 0.0) + _EPSILON
    result = np.empty(len(code), np.float32)
    buffer = np.empty((min(_ROWS, len(code)), classes), np.float32)
    for piece in batches(len(code), _ROWS):
        rows = normalize(embeddings[piece], "embeddings")
        cosine = np.matmul(rows, centers.T, out=buffer[: len(rows)])
        here = np.arange(len(rows))
        own = cosine[here, code[piece]].astype(np.float64)
        cosine[here, code[piece]] = -np.inf
        result[piece] = own / (cosine.max(axis=1).astype(np.float64) + shift)
    return result


def batch_classifiability(cosine: Tensor, identity: Tensor) -> Tensor:
    """Returns the certainty ratio of a batch to the class centers of the moment [1, Eq. 5], without a gradient: what quality learns while they move.

    The form is "shifted" of `relative_classifiability`, and the centers are those that the recognizer learns. Differs from the published code, which masks the
    own class with about 0 instead of leaving it out, so that a nearest other center beyond 90 degrees counts as 0 there.

    Args:
        cosine: (N,K) to every class center, K at least 2.
        identity: (N,) int, 0..K-1.

    Returns: (N,), higher is better, open range.
    """
    cosine, column = cosine.detach(), identity[:, None]
    others = cosine.scatter(1, column, -float("inf"))
    return cosine.gather(1, column)[:, 0] / (others.amax(dim=1) + 1 + _EPSILON)
