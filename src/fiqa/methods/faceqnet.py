"""FaceQnet's label: similarity to the best image of the same person.

[1] Hernandez-Ortega, Galbally, Fierrez, Haraksim, Beslay: FaceQnet: Quality Assessment for Face
    Recognition based on Deep Learning, ICB 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqa import checks
from fiqa.errors import ShapeError
from fiqa.functional.calibration import min_max
from fiqa.functional.identities import encode, groups
from fiqa.functional.similarity import normalize
from fiqa.methods.labeler import Job, Labeler, Labels, Work, needs_of
from fiqa.types import MethodCard

__all__ = ["CARD", "best_images", "labeler", "similarity_to_best"]

CARD = MethodCard(
    name="faceqnet",
    paper="Hernandez-Ortega, Galbally, Fierrez, Haraksim, Beslay: FaceQnet (ICB 2019)",
    year=2019,
    family="label",
    needs=("embeddings", "identities", "prior"),
    gives=("label", "train"),
    summary="Cosine to the identity's best image, which quality factors choose; min-max scaled.",
    preprocess=(
        "label: none, it works on vectors; the student: aligned crop 112x112 RGB, mean and std of"
        " the recognizer it stands on"
    ),
    weights=(
        "train the student with recipes/faceqnet.toml; the authors' network has no license that we"
        " know of; their score files are read"
    ),
    equation=(
        "cos(e, vector of the person's best image), min-max over the images; student: mean squared"
        " error, new layers on a frozen recognizer"
    ),
    use="Take it when you know one good image of each person, or trust a prior to choose it.",
    limits=(
        "The best image itself, and an identity with one image, get the highest label by"
        " construction."
    ),
    cost="label: one similarity; student: one forward pass of the recognizer's trunk",
)


def best_images(prior: ArrayLike, identities: ArrayLike) -> NDArray[np.int64]:
    """Returns the row of each image's identity with the highest prior, the first of equal ones.

    >>> best_images([0.1, 0.7, 0.3], ["a", "a", "b"]).tolist()
    [1, 1, 2]
    """
    value = checks.finite(checks.array(prior, "prior", shape=("N",), dtype=np.float64), "prior")
    code, _ = encode(identities, len(value))
    best = np.empty(len(value), np.int64)
    for rows in groups(code):
        best[rows] = rows[np.argmax(value[rows])]
    return best


def similarity_to_best(
    embeddings: NDArray[np.floating[Any]], identities: ArrayLike, *, prior: ArrayLike
) -> NDArray[np.float32]:
    """Returns the cosine of every image to the best one of its identity, min-max scaled [1, III-A].

    The paper picks the best image with an ICAO compliance tool; here `prior` picks it: any quality,
    usually `analytic`.

    Args:
        embeddings: (N,D) of any length.
        identities: (N,) who is on the image.
        prior: (N,) quality that chooses the best image of each identity, higher is better.

    Returns:
        (N,) float32 in [0, 1]; 1 for the best images themselves.

    Raises:
        ShapeError, InputError: NaN or zero rows, NaN in the prior.

    >>> import numpy as np
    >>> e = np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]])
    >>> similarity_to_best(e, ["a"] * 3, prior=[3, 2, 1]).round(1)
    array([1. , 0.6, 0. ], dtype=float32)
    """
    rows = normalize(embeddings, "embeddings")
    best = best_images(prior, identities)
    if len(best) != len(rows):
        raise ShapeError(f"prior must have shape ({len(rows)},), got ({len(best)},).")
    cosine = np.einsum("nd,nd->n", rows, rows[best], dtype=np.float64)
    return min_max(cosine).astype(np.float32)


def labeler() -> Labeler:
    """Returns how `fiqa label faceqnet` works."""

    def run(job: Job, options: dict[str, Any], work: Work) -> Labels:
        vectors, prior = job.needed_vectors(), job.needed_prior()
        value = similarity_to_best(vectors, job.identities, prior=prior)
        best = job.ids[best_images(prior, job.identities)]
        return Labels(value, columns={"best": best}, range=(0.0, 1.0))

    return Labeler(run, needs=needs_of(CARD))
